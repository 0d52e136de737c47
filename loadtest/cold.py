"""``cold``: how long a server with a lot of data takes to start and to give its first answers.

The data is written once, through a real server, and kept in ``--data`` for the next run. Before
each start the files are dropped from the page cache, as after a reboot. The first start follows
a SIGKILL, so the tail of the journal is as long as it was; the others follow an orderly end. A
start over an empty directory, in the same run, says what of it is not the data's doing.
"""

import os
import random
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Annotated, Final

import trio
from attrs import define, field, frozen
from cyclopts import Parameter

from loadtest.cold_fill import USER, Filled, fill
from loadtest.histogram import Histogram
from loadtest.options import AUTO, OpenOptions
from loadtest.outcome import Line, Outcome, Plot
from loadtest.progress import Say, telling
from loadtest.sampling import sample
from loadtest.server_process import ServerProcess
from loadtest.serving import disk_bytes
from protocol.client import Client, SnapshotItem, open_client

START_S_MAX: Final = 2.0
TOPICS: Final = ("state", "participants", "transcript", "messages", "notes")


@Parameter(name="*")
@frozen(kw_only=True)
class ColdOptions(OpenOptions):
    """How much, and how often."""

    gb: Annotated[float, Parameter(help="Of data, on disk.")] = 1.0
    data: Annotated[
        Path | None, Parameter(help="Directory that keeps it; filled if it is not there yet.")
    ] = None
    starts: Annotated[int, Parameter(help="Times that the server is started.")] = 3
    opened: Annotated[int, Parameter(help="Meetings that are opened after each start.")] = 20
    is_warm: Annotated[
        bool, Parameter(name="--warm", help="Leave the files in the page cache.", negative="")
    ] = False

    def __attrs_post_init__(self) -> None:
        if self.server != AUTO:
            raise ValueError("starting is what is measured: the server must be one of our own")
        if self.starts < 1 or self.opened < 1:
            raise ValueError("one start and one meeting are the least")


@define
class Start:
    """One start. Seconds count from the process's creation."""

    listening_s: float
    listening_cpu_s: float  # Of the process: what it takes on a machine with nothing else to do.
    answer_s: float  # First answer of a cold meeting, connecting included.
    rss_mb: float  # When it listened,
    opened_rss_mb: float  # and with the meetings open.
    opening: Histogram = field(factory=Histogram)  # Snapshot of a cold meeting.
    missing: list[str] = field(factory=list)  # Meetings that lack their end.
    exit_code: int | None = None


async def cold(options: ColdOptions) -> Outcome:
    """Run the scenario.

    Raises:
      ServerDidNotStart: see ``ServerProcess``.
      ValueError: the directory holds something else.

    Cancelled: the server is killed.
    """
    with ExitStack() as stack:
        data = options.data or Path(stack.enter_context(TemporaryDirectory(prefix="collab-cold-")))
        say = stack.enter_context(telling(options))
        filled = await _filled(options, data, say)
        rng = random.Random(options.seed)
        with TemporaryDirectory(prefix="collab-empty-") as empty:
            baseline = await _start(Path(empty), Filled({"nothing": 0}, 0), ["nothing"])
        starts = []
        for number in range(options.starts):
            say(f"start {number + 1} of {options.starts}")
            if not options.is_warm:
                await trio.to_thread.run_sync(drop_from_page_cache, data)
            chosen = rng.sample(sorted(filled.seqs), min(options.opened, len(filled.seqs)))
            starts.append(await _start(data, filled, chosen))
        size = await trio.to_thread.run_sync(disk_bytes, data)
    return _outcome(options, filled, baseline, starts, size)


async def _filled(options: ColdOptions, data: Path, say: Say) -> Filled:
    filled = await trio.to_thread.run_sync(Filled.read, data)
    if filled is not None:
        return filled
    await trio.Path(data).mkdir(parents=True, exist_ok=True)
    if any(True for _ in await trio.Path(data).iterdir()):
        raise ValueError(f"{data} is neither empty nor filled by this scenario")
    return await fill(data, int(options.gb * 1e9), options.seed, say)


def drop_from_page_cache(directory: Path) -> None:
    """Have the kernel forget what it holds of the files in *directory*."""
    for file in directory.rglob("*"):
        if file.is_file():
            descriptor = os.open(file, os.O_RDONLY)
            try:
                os.fsync(descriptor)  # Dirty pages would stay.
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(descriptor)


async def _start(data: Path, filled: Filled, chosen: list[str]) -> Start:
    server = ServerProcess(data, arguments=("--log-level", "warning"))
    try:
        began = time.perf_counter()
        await server.start()
        listening_s = time.perf_counter() - began
        now = sample(server.pid)
        async with open_client(server.url, token=f"dev:{USER}") as client:
            await client.call(f"meeting:{chosen[0]}", "meeting.get", {})
            answer_s = time.perf_counter() - began
            start = Start(listening_s, now.cpu_s, answer_s, now.rss_kb / 1024, 0.0)
            for meeting in chosen:
                await _open(client, meeting, filled, start)
            start.opened_rss_mb = sample(server.pid).rss_kb / 1024
        start.exit_code = await server.stop()
        return start
    finally:
        await server.kill()


async def _open(client: Client, meeting: str, filled: Filled, start: Start) -> None:
    """Follow a cold meeting: all that a person sees who opens it."""
    asked = time.perf_counter()
    async with client.follow(f"meeting:{meeting}", TOPICS) as follower:
        item = await anext(aiter(follower))
    start.opening.record(time.perf_counter() - asked)
    if not isinstance(item, SnapshotItem) or item.seq < filled.seqs[meeting]:
        start.missing.append(meeting)


def _outcome(
    options: ColdOptions, filled: Filled, baseline: Start, starts: list[Start], size_bytes: int
) -> Outcome:
    slowest = max(start.listening_s for start in starts)
    points = [(number + 1.0, start.listening_s) for number, start in enumerate(starts)]
    answers = [(number + 1.0, start.answer_s) for number, start in enumerate(starts)]
    return Outcome(
        scenario="cold",
        options=options,
        figures={
            "disk_gb": round(size_bytes / 1e9, 3),
            "text_gb": round(filled.text_bytes / 1e9, 3),
            "meetings": len(filled.seqs),
            "listening_s_first": round(starts[0].listening_s, 2),
            "listening_s_median": round(median(start.listening_s for start in starts), 2),
            "listening_s_max": round(slowest, 2),
            "listening_s_empty": round(baseline.listening_s, 2),
            "listening_cpu_s_max": round(max(start.listening_cpu_s for start in starts), 2),
            "listening_cpu_s_empty": round(baseline.listening_cpu_s, 2),
            "first_answer_s_median": round(median(start.answer_s for start in starts), 2),
            "first_answer_s_max": round(max(start.answer_s for start in starts), 2),
            "opening_ms": _together(starts).summary_ms(),
            "rss_mb_listening": round(max(start.rss_mb for start in starts), 1),
            "rss_mb_listening_empty": round(baseline.rss_mb, 1),
            "rss_mb_opened": round(max(start.opened_rss_mb for start in starts), 1),
            "page_cache": "kept" if options.is_warm else "dropped before each start",
            "missing": [meeting for start in starts for meeting in start.missing][:5],
        },
        checks={
            "nothing_missing": not any(start.missing for start in starts),
            "ended_in_order": all(start.exit_code == 0 for start in starts),
        },
        targets={"start_within_2_s": slowest <= START_S_MAX},
        plots=[
            Plot(
                "Start after start",
                "s",
                [Line("listening", points), Line("first answer", answers)],
                target=START_S_MAX,
            )
        ],
    )


def _together(starts: list[Start]) -> Histogram:
    whole = Histogram()
    for start in starts:
        whole.add(start.opening.counts)
    return whole
