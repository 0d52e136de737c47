"""The page of a run."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

from loadtest.meetings import MeetingsOptions
from loadtest.outcome import Line, Outcome, Plot
from loadtest.reporting import write_page
from loadtest.reporting.chart import chart, thinned


def outcome() -> Outcome:
    points = [(float(n), 20.0 + n % 7) for n in range(1_000)]
    return Outcome(
        scenario="meetings",
        options=MeetingsOptions(server="ws://127.0.0.1:1/<v1>"),
        figures={"lost": 0, "server": {"cpu_s": 1.5}, "refused": {}},
        checks={"no_lost": True, "no_gaps": False},
        targets={"S1 < 150 ms": True},
        plots=[Plot("a & b", "ms", [Line("p50", points), Line("p95", points[:2])], 150.0)],
    )


class Seen(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "line"):
            self.open.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        if tag != "line":
            assert self.open.pop() == tag


def test_the_page_stands_alone_in_light_and_dark(tmp_path: Path) -> None:
    """[O8.15] No script, nothing from elsewhere, whatever was in the options is text."""
    page = write_page(outcome(), tmp_path / "new" / "folder")
    html = page.read_text()
    seen = Seen()
    seen.feed(html)
    assert seen.open == []
    assert not {"src", "href", "onclick"} & {name for name, _ in seen.attributes}
    assert "<script" not in html
    assert "url(" not in html
    assert "prefers-color-scheme:dark" in html
    assert "&lt;v1&gt;" in html
    assert "a &amp; b" in html
    assert html.count("<path") == 2
    assert 'class="bad">no gaps' in html
    assert json.loads(page.with_suffix(".json").read_text())["ok"] is False


def test_lines_stay_within_their_plot_and_keep_their_peaks() -> None:
    """[O8.15] Of a long run fewer points are drawn, never without the highest."""
    points = [(float(n), 1000.0 if n == 777 else 1.0) for n in range(5_000)]
    assert max(value for _, value in thinned(points, 400)) == 1000.0
    assert len(thinned(points, 400)) <= 400
    drawn = chart(Plot("x", "ms", [Line("p99", points)]))
    numbers = [float(n) for n in re.findall(r"[ML]([\d.]+ [\d.]+)", drawn)[0].split()]
    assert all(0 <= n <= 520 for n in numbers)
    assert chart(Plot("x", "ms", [])) == ""
    assert chart(Plot("x", "ms", [Line("p99", [(1.0, 0.0)])])).startswith("<figure>")
