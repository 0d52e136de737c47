"""Hostile clients beside a good one: a share of ``python -m tests.faults.hostile``."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from tests.faults.hostile import STALL_S_MAX, report, run_flood
from tests.faults.measuring import START_S_MAX, memory_kib, percentile
from tests.protocol.transport.raw import BINARY, CONTINUATION, PING, PONG, RawClient, frame
from tests.server.running import serving

FRAMES = 15_000
FRAMES_LONG = 1_000_000
UNFINISHED = 12
UNFINISHED_BYTES = 5_000_000  # Within the bound of a message there.
PIECE_BYTES = 50_000
FRAGMENTS = 10_000  # On two connections at once, each up to its bound.


async def test_endless_fragments_crash_nothing_and_stall_nobody(tmp_path: Path) -> None:
    """[F5.1] [F5.2] They end with their connection, leave nothing behind, and wait their turn."""
    tally = await run_flood(tmp_path, FRAGMENTS, 1, ["fragments"])
    print(report(tally))
    assert percentile(tally.own_s, 0.99) <= STALL_S_MAX
    assert set(tally.flood["ends"]) <= {f"fragments {code}" for code in (1007, 1009, 4408)}


async def test_hostile_clients_crash_nothing_and_stall_nobody(tmp_path: Path) -> None:
    """[F5.1] [F5.2] Judged by 99 of 100 pings: the worst one is often the machine's."""
    tally = await run_flood(tmp_path, FRAMES, 1)
    print(report(tally))
    assert tally.flood["frames"] >= FRAMES
    assert percentile(tally.own_s, 0.99) <= STALL_S_MAX


async def test_an_unfinished_message_is_forgotten_with_its_connection(tmp_path: Path) -> None:
    """[F5.3] Not at the next collection of garbage, which many megabytes may precede."""
    async with serving(tmp_path, "--dev", start_timeout_s=START_S_MAX) as server:
        port = int(server.url.rpartition(":")[2])
        await _leave_unfinished(port)
        before_kib = memory_kib(server.process.pid)
        for _ in range(UNFINISHED):
            await _leave_unfinished(port)
        grown_kib = memory_kib(server.process.pid) - before_kib
    assert grown_kib < UNFINISHED * UNFINISHED_BYTES // 1024 // 3


async def _leave_unfinished(port: int) -> None:
    """Send most of a large message through a door, be answered to a ping, and go."""
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        raw = RawClient(stream)
        await raw.open("/yjs/m1?token=dev:mallory", extra=())
        await raw.send(frame(BINARY, b"", fin=False))
        for _ in range(UNFINISHED_BYTES // PIECE_BYTES):
            await raw.send(frame(CONTINUATION, bytes(PIECE_BYTES), fin=False))
        await raw.send(frame(PING, b"all read"))
        with trio.fail_after(START_S_MAX):
            while await raw.read_frame() != (PONG, b"all read"):
                pass


@pytest.mark.long
async def test_a_million_hostile_frames(tmp_path: Path) -> None:
    """[F5.1] [F5.2] The same, at length; the command line sends ten million."""
    tally = await run_flood(tmp_path, FRAMES_LONG, 2)
    print(report(tally))
    assert percentile(tally.own_s, 0.99) <= STALL_S_MAX
