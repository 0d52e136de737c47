"""Lines over time as inline SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Final

from loadtest.outcome import Line, Plot, Points

# (light, dark) of each line: told apart by people who see few colours, too (Okabe and Ito).
COLOURS: Final = (
    ("#0072b2", "#56b4e9"),
    ("#d55e00", "#ff9a4d"),
    ("#009e73", "#2fd3a5"),
    ("#b0559f", "#e8a0d8"),
    ("#9a7b00", "#f0d442"),
    ("#5f6b78", "#aab4bf"),
)
WIDTH: Final = 520
HEIGHT: Final = 210
LEFT: Final = 46  # For the numbers of the axis.
BOTTOM: Final = 22
POINTS_MAX: Final = 400  # Of a line; more cannot be seen.


def chart(plot: Plot) -> str:
    """Return *plot* as a ``figure``; below it each line's name, last and highest value."""
    values = [value for line in plot.lines for _, value in line.points]
    seconds = [at for line in plot.lines for at, _ in line.points]
    if not values:
        return ""
    top = _round_up(max(*values, plot.target or 0.0, 1e-9))
    start, end = min(0.0, *seconds), max(*seconds, 1.0)
    grid = "".join(_across(top * share, top, "grid") for share in (0, 0.25, 0.5, 0.75, 1))
    target = "" if plot.target is None else _across(plot.target, top, "target", is_told=False)
    lines = "".join(
        f'<path class="l{n % len(COLOURS)}" d="{_path(line.points, start, end, top)}">'
        f"<title>{escape(line.name)}</title></path>"
        for n, line in enumerate(plot.lines)
    )
    key = "".join(_key(n, line) for n, line in enumerate(plot.lines))
    dashed = "" if plot.target is None else f", dashed: {_number(plot.target)}"
    return (
        f"<figure><figcaption>{escape(plot.title)}<small>{escape(plot.unit)}{dashed}</small>"
        f'</figcaption><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(plot.title)}">{grid}{_times(start, end)}{target}{lines}</svg>'
        f"<ul class=key>{key}</ul></figure>"
    )


def _key(number: int, line: Line) -> str:
    values = [value for _, value in line.points]
    told = f" <b>last {_number(values[-1])}, max {_number(max(values))}</b>" if values else ""
    return f'<li class="l{number % len(COLOURS)}">{escape(line.name)}{told}</li>'


def _x(at: float, start: float, end: float) -> float:
    return LEFT + (at - start) / (end - start) * (WIDTH - LEFT - 6)


def _y(value: float, top: float) -> float:
    return 6 + (1 - value / top) * (HEIGHT - BOTTOM - 6)


def _path(points: Points, start: float, end: float, top: float) -> str:
    steps = [
        f"{_x(at, start, end):.1f} {_y(value, top):.1f}"
        for at, value in thinned(points, POINTS_MAX)
    ]
    return "M" + "L".join(steps) if steps else ""


def _across(value: float, top: float, kind: str, *, is_told: bool = True) -> str:
    y = _y(value, top)
    told = f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_number(value)}</text>'
    line = f'<line class="{kind}" x1="{LEFT}" x2="{WIDTH - 6}" y1="{y:.1f}" y2="{y:.1f}"/>'
    return line + (told if is_told else "")


def _times(start: float, end: float) -> str:
    step = _round_up((end - start) / 6)
    first = math.ceil(start / step)
    marks = [n * step for n in range(first, int(end / step) + 1)]
    return "".join(
        f'<text x="{_x(at, start, end):.1f}" y="{HEIGHT - 4}" text-anchor="middle">'
        f"{_number(at)} s</text>"
        for at in marks
    )


def thinned(points: Points, count_max: int) -> Sequence[tuple[float, float]]:
    """Return at most *count_max* of *points*: of each run of neighbours the highest."""
    size = math.ceil(len(points) / count_max) if points else 1
    return [
        max(points[at : at + size], key=lambda point: point[1])
        for at in range(0, len(points), size)
    ]


def _round_up(value: float) -> float:
    """Return the next round number: a quarter of it is round, too."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(
        step * power
        for step in (1, 1.2, 1.6, 2, 2.4, 3, 4, 5, 6, 8, 10)
        if step * power >= value * 0.999
    )


def _number(value: float) -> str:
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"
