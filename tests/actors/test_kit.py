"""The test kit: streams, faults, probes; and what the package lets out and in."""

from __future__ import annotations

import subprocess
import sys

import pytest
import trio
from trio.testing import check_half_closeable_stream, wait_all_tasks_blocked

from actors import Batch, MemoryJournal
from actors.testing import FaultJournal, PipeStream, Probe, stream_pair, virtual_clock


async def test_memory_streams_are_proper_trio_streams() -> None:
    """[K2.5] stream_pair passes trio's own test suite for streams, bounded and half-closeable."""

    async def make() -> tuple[PipeStream, PipeStream]:
        return stream_pair()

    async def make_clogged() -> tuple[PipeStream, PipeStream]:
        left, right = stream_pair(bound_bytes=10)
        await left.send_all(b"x" * 10)
        await right.send_all(b"x" * 10)
        return left, right

    await check_half_closeable_stream(make, make_clogged)


async def test_a_memory_stream_holds_back_who_sends_faster_than_its_peer_reads() -> None:
    """[K2.5] At most bound_bytes are under way; a peer that closes frees the sender."""
    left, right = stream_pair(bound_bytes=10)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(left.send_all, b"x" * 25)
        await wait_all_tasks_blocked()
        assert await right.receive_some() == b"x" * 10
        await wait_all_tasks_blocked()
        assert await right.receive_some(100) == b"x" * 10
        assert await right.receive_some() == b"x" * 5
    await left.send_all(b"y" * 10)
    async with trio.open_nursery() as nursery:

        async def blocked() -> None:
            with pytest.raises(trio.BrokenResourceError):
                await left.send_all(b"z")

        nursery.start_soon(blocked)
        await wait_all_tasks_blocked()
        await right.aclose()


@pytest.mark.parametrize("cut_at", [0, 1, 4, 7, 8])
async def test_a_memory_stream_can_be_cut_at_any_byte(cut_at: int) -> None:
    """[K2.5] What was sent up to the cut arrives; then both ends are broken."""
    left, right = stream_pair()
    left.cut_after(cut_at)
    received = bytearray()
    async with trio.open_nursery() as nursery:

        async def read() -> None:
            while True:
                try:
                    received.extend(await right.receive_some())
                except trio.BrokenResourceError:
                    return

        nursery.start_soon(read)
        if cut_at < 8:
            with pytest.raises(trio.BrokenResourceError):
                await left.send_all(b"12345678")
        else:
            await left.send_all(b"12345678")
    assert received == b"12345678"[:cut_at]
    with pytest.raises(trio.BrokenResourceError):
        await right.send_all(b"x")
    with pytest.raises(trio.BrokenResourceError):
        await left.receive_some()


async def _faults(seed: int) -> list[str]:
    journal = FaultJournal(MemoryJournal(), seed=seed, fault_rate=0.5)
    names: list[str] = []
    seq = 1
    for _ in range(40):
        try:
            await journal.append(Batch("thing:a", seq, [b"x"]))
            names.append("stored")
        except Exception as error:  # noqa: BLE001 - any fault is noted by its kind and text.
            names.append(repr(error))
        seq = (await journal.head("thing:a")).last_seq + 1
    return names


async def test_the_same_seed_gives_the_same_faults() -> None:
    """[K2.6] A failing seed can be run again; another seed fails otherwise."""
    first = await _faults(7)
    assert await _faults(7) == first
    assert await _faults(8) != first
    assert len({name.split("(")[0] for name in first}) >= 3


async def test_a_probe_waits_for_its_one_outcome() -> None:
    """[K2.6] Probe is a Done that can be awaited and that shows what came."""
    good, bad = Probe(), Probe()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(good.wait)
        await wait_all_tasks_blocked()
        good.reply(1)
    assert good.outcome == 1
    bad.fail(ValueError("no"))
    with pytest.raises(ValueError, match="no"):
        await bad.wait()


def test_virtual_time_passes_at_once() -> None:
    """[K2.6] An hour of virtual time is no time."""

    async def main() -> float:
        await trio.sleep(3_600)
        return trio.current_time()

    assert trio.run(main, clock=virtual_clock()) >= 3_600


def test_the_package_needs_only_trio_and_attrs() -> None:
    """[K2.4] Importing actors and its test kit imports no other package, and not pytest."""
    program = """
import sys, trio, attrs, trio.testing
before = {name.partition(".")[0] for name in sys.modules}
import actors, actors.testing
after = {name.partition(".")[0] for name in sys.modules} - before - set(sys.stdlib_module_names)
print(sorted(after))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "['actors']"
