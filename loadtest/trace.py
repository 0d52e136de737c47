"""Plays recorded writing by several people, and compares every replica with how it ended.

Each author is a client of its own that has seen exactly what the recording says it had seen. At
the end all replicas, the server's document and its exports hold the recorded text to the letter,
and so do they after the server was killed and started again.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from html import unescape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import trio
from attrs import frozen
from pycrdt import Doc, Text

from collab.client import connect
from loadtest.figures import percentiles_ms
from loadtest.http import fetch
from loadtest.server_process import ServerProcess
from loadtest.trace_file import Trace, first_edits, load_trace
from loadtest.writer import ROOT, Tally, Writer, user_of

AUTO: Final = "auto"
MEETING: Final = "trace"
# A writer sends as fast as the server saves: far above what people do.
_NO_RATE: Final = ("--message-rate-per-s", "1000000", "--message-burst", "10000000")


@frozen(kw_only=True)
class TraceSettings:
    """What to play, and where."""

    file: Path
    server: str = AUTO  # Or the address of a running one, which is not killed.
    edits_max: int | None = None  # None: all.
    token: str = "dev:{user}"
    meeting: str = MEETING


async def trace(settings: TraceSettings) -> dict[str, Any]:
    """Play, kill, compare; return the figures.

    Raises:
      ValueError: the file is no recording.
      Disturbed, ClientError: (in a group) a writer could not go on.
    """
    recording = load_trace(settings.file)
    if settings.edits_max is not None and settings.edits_max < len(recording.edits):
        recording = first_edits(recording, settings.edits_max)
    async with AsyncExitStack() as stack:
        server, data = None, None
        url = settings.server
        if settings.server == AUTO:
            data = Path(stack.enter_context(TemporaryDirectory(prefix="collab-trace-")))
            server = ServerProcess(data, arguments=_NO_RATE)
            stack.push_async_callback(server.kill)
            await server.start()
            url = server.url
        tally = Tally()
        start = trio.current_time()
        texts, took_s = await _play(settings, url, recording, tally)
        end = recording.end or texts[0]
        checks = {f"replica_{n}": text == end for n, text in enumerate(texts)}
        checks |= await _compare(settings, url, end, "")
        disk_bytes = None
        if server is not None and data is not None:
            disk_bytes = _bytes_of(data)
            await server.kill()
            await server.start()
            checks |= await _compare(settings, url, end, "after_kill_")
        return _report(settings, recording, tally, took_s, disk_bytes, checks, start)


async def _play(
    settings: TraceSettings, url: str, recording: Trace, tally: Tally
) -> tuple[list[str], float]:
    """Have all writers write; return what each replica says in the end, and the seconds."""
    async with AsyncExitStack() as stack:
        writers = []
        for agent in range(recording.agents):
            token = settings.token.format(user=user_of(agent))
            client = await stack.enter_async_context(connect(url, token=token))
            meeting = client.meeting(settings.meeting)
            await meeting.get()  # One after the other: the first becomes the owner.
            writers.append(Writer(agent, recording, meeting, tally))
        async with trio.open_nursery() as following:
            for writer in writers:
                following.start_soon(writer.follow)
                await writer.is_following.wait()
            start = trio.current_time()
            async with trio.open_nursery() as writing:
                for writer in writers:
                    writing.start_soon(writer.write)
            took_s = trio.current_time() - start
            everything = [len(recording.of(agent)) for agent in range(recording.agents)]
            for writer in writers:
                await writer.see(everything)
            following.cancel_scope.cancel()
        return [writer.text for writer in writers], took_s


async def _compare(settings: TraceSettings, url: str, end: str, prefix: str) -> dict[str, bool]:
    """Compare the server's document, and its exports, with *end*, as a fresh client sees them."""
    token = settings.token.format(user=user_of(0))
    async with connect(url, token=token) as client:
        notes = client.meeting(settings.meeting).notes
        doc = Doc[Text]()
        doc.apply_update((await notes.sync())["update"])
        text = await notes.export("text", root=ROOT)
    path = f"/v1/notes/meeting:{settings.meeting}"
    markdown, page, plain = [
        (await fetch(url, f"{path}.{ending}?root={ROOT}", token=token)).decode()
        for ending in ("md", "html", "txt")
    ]
    return {
        f"{prefix}document": str(doc.get(ROOT, type=Text)) == end,
        f"{prefix}text": text == plain == end,
        f"{prefix}markdown": markdown == end,
        f"{prefix}html": _preformatted(page) == end,
    }


def _preformatted(page: str) -> str:
    """Return the words of a page that is one text; "" if it is none."""
    _, opening, rest = page.partition('<pre style="white-space: pre-wrap">\n')
    return unescape(rest.rpartition("</pre>")[0]) if opening else ""


def _bytes_of(directory: Path) -> int:
    return sum(file.stat().st_size for file in directory.rglob("*") if file.is_file())


def _report(
    settings: TraceSettings,
    recording: Trace,
    tally: Tally,
    took_s: float,
    disk_bytes: int | None,
    checks: dict[str, bool],
    start: float,
) -> dict[str, Any]:
    edits = len(recording.edits)
    return {
        "scenario": "trace",
        "trace": settings.file.name,
        "agents": recording.agents,
        "edits": edits,
        "saved": tally.saved,
        "delivered": tally.delivered,
        "edits_per_s": round(edits / took_s, 1),
        "saved_ms": percentiles_ms(tally.saved_after_s),
        "delivered_ms": percentiles_ms(tally.delivered_after_s),
        "disk_bytes_per_edit": None if disk_bytes is None else round(disk_bytes / edits, 1),
        "is_end_known": bool(recording.end),
        "to_the_letter": checks,
        "took_s": round(trio.current_time() - start, 2),
    }


def is_exact(report: dict[str, Any]) -> bool:
    """Say whether everybody held the recorded text."""
    return all(report["to_the_letter"].values()) and report["saved"] == report["edits"]
