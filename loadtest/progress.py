"""Tells a person at a terminal how far a run is; says nothing to a file or a pipe."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console

from loadtest.driving import Driven, Shown
from loadtest.options import OpenOptions
from loadtest.sampling import ServerWatch

Say = Callable[[str], None]


@contextmanager
def telling(options: OpenOptions) -> Iterator[Say]:
    """Show a line that changes in place; each call replaces it."""
    console = Console(stderr=True)
    if options.json or not console.is_terminal:
        yield lambda _text: None
        return
    with console.status("starting") as status:
        yield status.update


def seconds_shown(
    say: Say, secs: float, names: Sequence[str], watch: ServerWatch | None = None
) -> Shown:
    """Return what to hand to ``drive``: newest p95 of the histograms *names*, and the server."""

    def show(driven: Driven, now_s: float) -> None:
        parts = [f"{max(0, now_s):.0f}/{secs:.0f} s"]
        for name in (*names, "late"):
            seconds = driven.histograms.get(name)
            if seconds:
                newest = seconds[max(seconds)]
                p95 = newest.at_share(0.95)
                parts.append(f"{name.replace('_', ' ')} {newest.total}/s p95 {p95:.1f} ms")
        if watch is not None and len(watch.samples) > 1:
            usage = watch.between(watch.samples[-2].at, watch.samples[-1].at).figures()
            parts.append(f"server {usage['cpu_percent']:.0f} % {usage['rss_mb_last']:.0f} MB")
        say(" · ".join(parts))

    return show
