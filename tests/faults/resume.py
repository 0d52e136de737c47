"""``python -m tests.faults.resume --cuts 1000 [--seed N]``: disconnects at any byte.

The real server, real sockets, our Python client. Some people write into one chat and follow it,
each through a proxy that cuts them off again and again. What the server's pages hold in the end is
what everybody must have been told, once and in order, and it holds all that was acknowledged.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Final

import trio
from attrs import define, field

from collab.client import CollabClient, connect
from protocol.client import Event, SnapshotItem
from protocol.errors import CallAbandoned
from tests.crash.ledger import Lost
from tests.faults.cutting import CuttingProxy
from tests.faults.measuring import START_S_MAX
from tests.server.running import serving

CHAT: Final = "c1"
PEOPLE: Final = 8
PAUSE_S: Final = 0.02  # Between one's writes: enough to be cut, not so much that all is writing.
WAIT_S_MAX: Final = 0.1  # Before a client tries again.
SETTLE_S_MAX: Final = 60.0
SECONDS_PER_CUT_MAX: Final = 5.0
_PAGE: Final = 200


class Impatient(random.Random):
    """Has clients come back at once: as they are, those cut off so often wait for 15 s."""

    def uniform(self, a: float, b: float) -> float:
        return super().uniform(a, min(b, WAIT_S_MAX))


@define(eq=False)
class Person:
    """What one of them wrote, was answered and was told."""

    user: str
    acknowledged: dict[str, int] = field(factory=dict)  # Text -> id, which is its event's seq.
    unanswered: int = 0
    began_at: int | None = None  # Seq of the first snapshot.
    told: list[tuple[int, str]] = field(factory=list)  # Seq and text of each event, as it came.
    resets: int = 0
    has_written: trio.Event = field(factory=trio.Event)  # All that it will.
    heard: trio.lowlevel.ParkingLot = field(factory=trio.lowlevel.ParkingLot)

    @property
    def seq(self) -> int:
        """How far it has been told; -1: nothing yet."""
        if self.told:
            return self.told[-1][0]
        return -1 if self.began_at is None else self.began_at


@define
class Tally:
    """What was done, for the figures."""

    cuts: int = 0
    cuts_upwards: int = 0
    connections: int = 0
    acknowledged: int = 0
    unanswered: int = 0
    told: int = 0
    resets: int = 0


async def run_cuts(directory: Path, rng: random.Random, cuts: int) -> Tally:
    """Cut so often; then let everybody come to rest, and compare.

    Raises:
      Lost: something is missing, there twice or out of order.
    """
    people = [Person(f"p{number}") for number in range(PEOPLE)]
    async with (
        serving(directory, "--dev", start_timeout_s=START_S_MAX) as server,
        trio.open_nursery() as nursery,
    ):
        proxy = CuttingProxy(int(server.url.rpartition(":")[2]), random.Random(rng.random()))
        port = await nursery.start(proxy.serve)
        async with connect(server.url, token="dev:owner") as client:
            await client.chat(CHAT).messages.post("first")
            async with trio.open_nursery() as taking_part:
                stop = trio.Event()
                for person in people:
                    seed = Impatient(rng.random())
                    taking_part.start_soon(_take_part, port, person, seed, stop)
                with trio.fail_after(SETTLE_S_MAX + cuts * SECONDS_PER_CUT_MAX):
                    await proxy.wait_for_cuts(cuts)
                proxy.heal()
                stop.set()
                with trio.fail_after(SETTLE_S_MAX):
                    await _wait_told(client, people)
                taking_part.cancel_scope.cancel()
            kept = await _all_messages(client)
        nursery.cancel_scope.cancel()
    check(people, kept)
    return Tally(
        cuts=proxy.cuts,
        cuts_upwards=proxy.cuts_upwards,
        connections=proxy.connections,
        acknowledged=sum(len(person.acknowledged) for person in people),
        unanswered=sum(person.unanswered for person in people),
        told=sum(len(person.told) for person in people),
        resets=sum(person.resets for person in people),
    )


async def _take_part(port: int, person: Person, rng: random.Random, stop: trio.Event) -> None:
    """Follow and write until *stop*; then follow until cancelled."""
    async with (
        connect(f"http://127.0.0.1:{port}", token=f"dev:{person.user}", rng=rng) as client,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(_follow, client, person)
        number = 0
        while not stop.is_set():
            number += 1
            text = f"{person.user}-{number}"
            try:
                posted = await client.chat(CHAT).messages.post(text, key=text)
            except CallAbandoned:
                person.unanswered += 1
            else:
                person.acknowledged[text] = posted["id"]
            await trio.sleep(PAUSE_S)
        person.has_written.set()


async def _follow(client: CollabClient, person: Person) -> None:
    async for item in client.chat(CHAT).follow(topics=["messages"]):
        if isinstance(item, Event):
            person.told.append((item.seq, item.data["parts"][0]["text"]))
        elif isinstance(item, SnapshotItem):
            person.resets += person.began_at is not None
            person.began_at = item.seq if person.began_at is None else person.began_at
        person.heard.unpark_all()


async def _wait_told(client: CollabClient, people: list[Person]) -> None:
    """Return when all have stopped writing and heard of everything."""
    for person in people:
        await person.has_written.wait()
    last_id = await _last_id(client)
    for person in people:
        while person.seq < last_id:
            await person.heard.park()


async def _last_id(client: CollabClient) -> int:
    page = await client.chat(CHAT).messages.page(limit=1)
    return int(page["messages"][-1]["id"])


async def _all_messages(client: CollabClient) -> list[tuple[int, str]]:
    kept: list[tuple[int, str]] = []
    before = None
    while True:
        page = await client.chat(CHAT).messages.page(before=before, limit=_PAGE)
        kept[:0] = [(one["id"], one["parts"][0]["text"]) for one in page["messages"]]
        if not page["more"]:
            return kept
        before = page["messages"][0]["id"]


def check(people: list[Person], kept: list[tuple[int, str]]) -> None:
    """Compare what everybody was told and promised with what the server holds.

    Raises:
      Lost: a promise was broken; the message says whose and which.
    """
    ids = {text: message_id for message_id, text in kept}
    twice = [text for text, count in Counter(text for _, text in kept).items() if count > 1]
    if twice:
        raise Lost(f"written twice: {twice[:5]}")
    for person in people:
        for text, message_id in person.acknowledged.items():
            if ids.get(text) != message_id:
                raise Lost(f"{text} was acknowledged as {message_id}, and is {ids.get(text)}")
        if person.resets:
            raise Lost(f"{person.user} was reset {person.resets} times, after short absences")
        began_at = -1 if person.began_at is None else person.began_at
        due = [entry for entry in kept if entry[0] > began_at]
        if person.told != due:
            at = next(
                (
                    n
                    for n, pair in enumerate(zip(person.told, due, strict=False))
                    if pair[0] != pair[1]
                ),
                min(len(person.told), len(due)),
            )
            raise Lost(
                f"{person.user} was told {len(person.told)} of {len(due)};"
                f" from {at} on {person.told[at : at + 3]} instead of {due[at : at + 3]}"
            )


def main() -> int:
    """Run as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.resume")
    parser.add_argument("--cuts", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="cuts-") as directory:
        try:
            tally = trio.run(run_cuts, Path(directory), random.Random(options.seed), options.cuts)
        except BaseException:
            print(f"failed: --cuts {options.cuts} --seed {options.seed}", file=sys.stderr)
            raise
    print(
        f"{tally.cuts} cuts ({tally.cuts_upwards} upwards) of {tally.connections} connections in"
        f" {time.monotonic() - started:.0f} s; {tally.acknowledged} writes acknowledged, 0 lost,"
        f" 0 doubled; {tally.unanswered} given up; {tally.told} events told to {PEOPLE}, 0 gaps,"
        f" 0 duplicates, {tally.resets} resets"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
