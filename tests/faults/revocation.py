"""``python -m tests.faults.revocation --count 1000``: people are shut out under load.

For each removal (see ``tests.faults.revoking``):

* the owner's order of events has nothing by the victim after the removal;
* the victim was shown no event at or after the removal's seq, through no door anything that
  the crew wrote after the removal was acknowledged;
* every door shut as it should, within :data:`SHUT_S_MAX` of the commit, that is of the owner's
  answer; times from the *request*, which hold the wait for the disk too, are told beside it;
* none opens again.

The clients share one process and one thread: what a busy machine kept it or the server from
running is measured, and does not count against the bound.
"""

from __future__ import annotations

import argparse
import gc
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import trio
import trio_websocket
from attrs import define, field

from collab.client import CollabClient, connect
from collab.meeting.commands import Dismiss
from tests.crash.ledger import Lost
from tests.crash.yjs_client import yjs_client
from tests.faults.measuring import START_S_MAX, Waits, told
from tests.faults.revoking import (
    CLOSED_FORBIDDEN,
    DOORS,
    OPEN_S_MAX,
    OWNER,
    Crew,
    Victim,
    be,
    watch,
    write_on,
)
from tests.server.running import Running, serving

SHUT_S_MAX: Final = 0.25
PER_MEETING: Final = 25  # Then a fresh one: documents and lists of people stay small.


@define
class Tally:
    """What was measured."""

    count: int = 0
    shut_s: dict[str, list[float]] = field(factory=lambda: {door: [] for door in DOORS})
    answered_s: list[float] = field(factory=list)  # The owner, since the request.
    own_s: list[float] = field(factory=list)  # From there to the last door, less the machine's.
    written: int = 0  # By victims, at all doors.
    told: int = 0  # Events to victims, before.


async def run_revocations(directory: Path, count: int, tally: Tally) -> None:
    """Remove so many people.

    Raises:
      Lost: a promise was broken.
    """
    async with serving(directory, "--dev", start_timeout_s=START_S_MAX) as server:
        while tally.count < count:
            crew = Crew(f"m{tally.count // PER_MEETING}")
            await _in_one_meeting(server, crew, min(PER_MEETING, count - tally.count), tally)
            gc.collect()


async def _in_one_meeting(server: Running, crew: Crew, count: int, tally: Tally) -> None:
    port = int(server.url.rpartition(":")[2])
    async with connect(server.url, token=f"dev:{OWNER}") as client, trio.open_nursery() as nursery:
        await client.meeting(crew.meeting).messages.post("open")
        nursery.start_soon(watch, crew, client)
        await crew.is_watching.wait()
        nursery.start_soon(write_on, crew, port)
        for number in range(count):
            await _revoke(server, port, client, crew, Victim(f"v{number}"), tally)
        nursery.cancel_scope.cancel()
    if crew.late:
        raise Lost(f"admitted after their removal: {crew.late[:5]}")


async def _revoke(
    server: Running, port: int, client: CollabClient, crew: Crew, victim: Victim, tally: Tally
) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(be, victim, port, crew.meeting)
        with trio.fail_after(OPEN_S_MAX):
            for ready in victim.ready.values():
                await ready.wait()
            await _until_written(victim, 10)
        asked_at = trio.current_time()
        await client.meeting(crew.meeting).people.do(Dismiss(user_id=victim.user))
        waits, answered_at = Waits(server.process.pid), trio.current_time()
        marks = dict(crew.sent)
        with trio.fail_after(OPEN_S_MAX):
            for shut in victim.shut.values():
                await shut.wait()
        tally.answered_s.append(answered_at - asked_at)
        tally.own_s.append(waits.own_s(max(victim.shut_at.values()) - answered_at))
        # The wire's writer still tries; the nursery ends when it was refused often enough.
    for door, at in victim.shut_at.items():
        tally.shut_s[door].append(at - asked_at)
    await _check(port, crew, victim, marks)
    tally.count += 1
    tally.written += victim.written
    tally.told += len(victim.told_seqs)


async def _until_written(victim: Victim, more: int) -> None:
    """Wait until they have written so much *more*: the removal is to fall among writes."""
    enough = victim.written + more
    while victim.written < enough:
        await victim.wrote.park()


async def _check(port: int, crew: Crew, victim: Victim, marks: dict[str, int]) -> None:
    with trio.fail_after(OPEN_S_MAX):
        while victim.user not in crew.removed_at:
            await crew.heard.park()
    removed_at = crew.removed_at[victim.user]
    if victim.told_seqs and victim.told_seqs[-1] >= removed_at:
        raise Lost(f"{victim.user}, removed at {removed_at}, was told {victim.told_seqs[-1]}")
    if late := crew.later_than(marks, victim.shown):
        raise Lost(f"{victim.user} was shown what came after their removal: {late[:5]}")
    try:
        async with yjs_client(port, crew.meeting, victim.user):
            raise Lost(f"{victim.user} came in again")
    except* trio_websocket.ConnectionClosed as closed:
        _check_all(victim, closed)


def _check_all(victim: Victim, group: BaseExceptionGroup[Any]) -> None:
    for one in group.exceptions:
        if isinstance(one, BaseExceptionGroup):
            _check_all(victim, one)
        elif one.reason is None or one.reason.code != CLOSED_FORBIDDEN:
            raise Lost(f"{victim.user} came again and was answered {one.reason}")


def main() -> int:
    """Run as the command line says; return 1 if a door shut too late."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.revocation")
    parser.add_argument("--count", type=int, default=1_000)
    options = parser.parse_args()
    tally, started = Tally(), time.monotonic()
    gc.disable()  # A full collection stops all these clients for up to 0.8 s; it is not measured.
    with tempfile.TemporaryDirectory(prefix="revocations-") as directory:
        trio.run(run_revocations, Path(directory), options.count, tally)
    print(report(tally), f"; {time.monotonic() - started:.0f} s", sep="")
    return 0 if max(tally.own_s) <= SHUT_S_MAX else 1


def report(tally: Tally) -> str:
    """Say what was measured."""
    raw = "\n".join(f"  {door}: {told(values)}" for door, values in tally.shut_s.items())
    late = sum(max(values) > SHUT_S_MAX for values in zip(*tally.shut_s.values(), strict=True))
    return (
        f"{tally.count} revocations, {tally.written} writes of the removed, 0 admitted after;"
        f" {tally.told} events told before, 0 after\nfrom request to shut door:\n{raw}\n"
        f"  the owner's answer: {told(tally.answered_s)}\n"
        f"from there to the last door, less the machine's share: {told(tally.own_s)}; since the"
        f" request {late} beyond {SHUT_S_MAX:g} s by the clock"
    )


if __name__ == "__main__":
    sys.exit(main())
