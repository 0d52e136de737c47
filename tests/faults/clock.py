"""``python -m tests.faults.clock [--moves N] [--seed N]``: the real server, and a clock that lies.

Debian's ``libfaketime`` gives the server another wall clock, which a file changes while it runs:
an hour ahead, an hour behind, standing still, moved back. The monotonic clock is left alone: no
machine's jumps. People write and follow meanwhile; nobody may notice. What the wall clock does
decide is asked for too: who may sign in with which token.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import trio
from attrs import define, field

from collab.client import CollabClient, connect
from collab.identity import OwnKey, Signer
from collab.transcript.commands import AddChunk
from protocol.client import Event
from protocol.limits import TOKEN_GRACE_S
from tests.crash.ledger import Lost
from tests.faults.measuring import START_S_MAX, told
from tests.faults.wire import wire
from tests.server.running import get, serving

HOUR_S: Final = 3_600
CHAT: Final = "c1"
MEETING: Final = "m1"
WRITES: Final = 5  # Under each clock: messages, and chunks in a batched topic.
DELIVERY_S_MAX: Final = 5.0  # Of a batched topic, by a clock that does not jump.
SHOWN_S_MAX: Final = 20.0  # Until the library looks at its file again.
SHOWN_MS: Final = 1_500  # How far the server may be from where its clock was put.
IDLE_S: Final = 1.0  # After which an actor leaves memory.
FROZEN: Final = "frozen"


def faketime_library() -> str | None:
    """Return the library that gives a process with threads another clock; None: there is none."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    return str(found[0]) if found else None


class Clock:
    """The server's wall clock, as a file says."""

    def __init__(self, directory: Path, library: str) -> None:
        self._path = directory / "clock"
        self._library = library
        self._offset_s = 0
        self._stood_at_s: int | None = None
        self.looks = 0  # Sessions that were opened to see the clock.
        self.move(0)

    @property
    def variables(self) -> Mapping[str, str]:
        """What the server's environment needs."""
        return {
            "LD_PRELOAD": self._library,
            "FAKETIME_TIMESTAMP_FILE": str(self._path),
            "FAKETIME_CACHE_DURATION": "1",  # Seconds; to look every time makes a start take 10 s.
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",  # The same, in older versions.
            "NO_FAKE_STAT": "1",
            "TZ": "UTC",
        }

    def now_ms(self) -> int:
        """Return what the server's clock shows."""
        if self._stood_at_s is not None:
            return self._stood_at_s * 1000
        return time.time_ns() // 1_000_000 + self._offset_s * 1000

    def move(self, offset_s: int) -> None:
        """Let it run, so far ahead of the true time."""
        self._offset_s, self._stood_at_s = offset_s, None
        self._write(f"{offset_s:+d}")

    def freeze(self) -> None:
        """Let it stand still."""
        self._stood_at_s = self.now_ms() // 1000
        self._write(time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(self._stood_at_s)))

    def _write(self, text: str) -> None:
        fresh = self._path.with_suffix(".new")
        fresh.write_text(text + "\n")
        os.replace(fresh, self._path)  # Whole, whenever it is read.


@define
class Tally:
    """What was done, and how long what was said took to arrive."""

    moves: int = 0
    written: int = 0
    delivered_s: list[float] = field(factory=list)  # Messages, which leave at once;
    batched_s: list[float] = field(factory=list)  # chunks, which a timer lets go.


@define(eq=False)
class Reader:
    """Follows chat and meeting from before the first write."""

    seqs: dict[str, list[int]] = field(factory=lambda: {"messages": [], "transcript": []})
    texts: dict[str, list[str]] = field(factory=lambda: {"messages": [], "transcript": []})
    heard: trio.lowlevel.ParkingLot = field(factory=trio.lowlevel.ParkingLot)

    async def follow(self, following: Any, task_status: trio.TaskStatus[None]) -> None:
        """Note every event until cancelled."""
        async for item in following:
            task_status.started() if not isinstance(item, Event) else self._note(item)
            self.heard.unpark_all()

    def _note(self, event: Event) -> None:
        words = (
            event.data["text"] if event.topic == "transcript" else event.data["parts"][0]["text"]
        )
        self.seqs[event.topic].append(event.seq)
        self.texts[event.topic].append(words)

    async def wait_for(self, topic: str, text: str) -> None:
        """Return when *text* came. Raises: trio.TooSlowError."""
        with trio.fail_after(DELIVERY_S_MAX):
            while text not in self.texts[topic][-1:]:
                await self.heard.park()


async def run_moves(directory: Path, library: str, moves: list[int | str], tally: Tally) -> None:
    """Serve and write while the clock makes *moves*: seconds off, or :data:`FROZEN`.

    Raises:
      Lost: something is missing, doubled, out of order, or late.
    """
    clock = Clock(directory, library)
    data = directory / "d"
    async with serving(
        data,
        "--dev",
        "--idle-timeout-s",
        str(IDLE_S),
        start_timeout_s=START_S_MAX,
        variables=clock.variables,
    ) as server:
        port = int(server.url.rpartition(":")[2])
        reader = Reader()
        async with (
            connect(server.url, token="dev:ann") as ann,
            connect(server.url, token="dev:bob") as bob,
            trio.open_nursery() as nursery,
        ):
            await ann.chat(CHAT).messages.post("opened")
            await ann.meeting(MEETING).get()
            await nursery.start(reader.follow, bob.chat(CHAT).follow(topics=["messages"]))
            await nursery.start(reader.follow, bob.meeting(MEETING).follow(topics=["transcript"]))
            opened = await _sessions(server.url) - clock.looks
            for move in moves:
                clock.freeze() if isinstance(move, str) else clock.move(move)
                await _until_shown(port, clock)
                await _write(ann, reader, tally)
                tally.moves += 1
            if await _sessions(server.url) - clock.looks != opened:
                raise Lost("a connection did not survive a move of the clock")
            nursery.cancel_scope.cancel()
    await _check_after_restart(data, clock, reader)


async def _write(ann: CollabClient, reader: Reader, tally: Tally) -> None:
    for _ in range(WRITES):
        tally.written += 1
        text, asked_at = f"t{tally.written}", trio.current_time()
        first = await ann.chat(CHAT).messages.post(text, key=text)
        await reader.wait_for("messages", text)
        tally.delivered_s.append(trio.current_time() - asked_at)
        again = await ann.chat(CHAT).messages.post(text, key=text)
        if again != first:
            raise Lost(f"{text} was {first}, and the second time {again}")
        asked_at = trio.current_time()
        chunk = AddChunk(
            provider="p",
            segment=text,
            speaker="ann",
            start_ms=100 * tally.written,
            end_ms=100 * tally.written + 100,
            text=text,
            is_final=True,
        )
        await ann.meeting(MEETING).transcript.add(chunk)
        await reader.wait_for("transcript", text)
        tally.batched_s.append(trio.current_time() - asked_at)


async def _until_shown(port: int, clock: Clock) -> None:
    """Wait until the server's clock is where it was put. Raises: trio.TooSlowError."""
    with trio.fail_after(SHOWN_S_MAX):
        while True:
            clock.looks += 1
            async with wire(port) as session:
                await session.say(t="hello", token="dev:eve")
                welcome = await session.hear("welcome")
            if abs(welcome["now_ms"] - clock.now_ms()) <= SHOWN_MS:
                return
            await trio.sleep(SHOWN_MS / 10_000)


async def _check_after_restart(data: Path, clock: Clock, reader: Reader) -> None:
    """Ask a server whose clock is an hour behind for everything, and go on writing."""
    clock.move(-HOUR_S)
    async with (
        serving(data, "--dev", start_timeout_s=START_S_MAX, variables=clock.variables) as server,
        connect(server.url, token="dev:ann") as ann,
    ):
        kept: list[tuple[int, str]] = []
        before = None
        more = True
        while more:
            page = await ann.chat(CHAT).messages.page(before=before, limit=200)
            kept[:0] = [(one["id"], one["parts"][0]["text"]) for one in page["messages"]]
            before, more = page["messages"][0]["id"], page["more"]
        told_of = list(zip(reader.seqs["messages"], reader.texts["messages"], strict=True))
        if kept[1:] != told_of or told_of != sorted(told_of):
            raise Lost(f"{len(told_of)} were told, {len(kept) - 1} are kept, or not in that order")
        chunks = reader.seqs["transcript"]
        if chunks != sorted(set(chunks)):
            raise Lost("chunks were told twice or out of order")
        last = await ann.chat(CHAT).messages.post("after")
        if last["id"] <= kept[-1][0]:
            raise Lost(f"seq went from {kept[-1][0]} to {last['id']}")


async def _sessions(url: str) -> int:
    return int(await figure(url, "collab_wire_sessions_opened_total"))


async def figure(url: str, name: str) -> float:
    """Return one figure of ``/metrics``; 0 if it is not there."""
    _status, body = await get(url, "/metrics")
    found = re.search(rf"^{name} (\S+)$", body.decode(), re.MULTILINE)
    return float(found[1]) if found else 0.0


# ---------------------------------------------------------------- what the clock does decide


async def check_tokens(directory: Path, library: str) -> None:
    """Sign in under several clocks with tokens of several times.

    Raises:
      Lost: a token was good when it should not be, or the reverse.
    """
    clock = Clock(directory, library)
    data = directory / "d"
    async with serving(
        data, "--dev", start_timeout_s=START_S_MAX, variables=clock.variables
    ) as server:
        port = int(server.url.rpartition(":")[2])
        signer = Signer(OwnKey.open(data), clock.now_ms)
        token = signer.sign("ann", ttl_s=900)
        async with wire(port) as session:
            await _expect(port, token, "welcome", "signed and used at the true time")
            assert await session.sign_in(token) == "welcome"
            clock.move(HOUR_S)
            await _until_shown(port, clock)
            await _expect(port, token, "unauthenticated", "an hour later it has ended")
            await _expect(port, signer.sign("ann", ttl_s=900), "welcome", "signed by that clock")
            await _answered(session, "the session goes on: its end was set when it signed in")
            clock.move(-HOUR_S)
            await _until_shown(port, clock)
            await _expect(port, token, "unauthenticated", "an hour before it was signed")
            await _expect(port, signer.sign("ann", ttl_s=900), "welcome", "signed by that clock")
            await _answered(session, "the session goes on when time goes back")
            clock.move(int(-TOKEN_GRACE_S // 2))
            await _until_shown(port, clock)
            await _expect(port, token, "welcome", "signed ahead by less than the leeway")
        clock.move(0)
        await _until_shown(port, clock)
        clock.freeze()
        await trio.sleep(2.5)  # It has looked again: the true time would be beyond SHOWN_MS.
        await _until_shown(port, clock)
        async with wire(port) as short:
            assert await short.sign_in(signer.sign("ann", ttl_s=1)) == "welcome"
            await trio.sleep(1.5)  # Its life, which a clock that stands still does not lengthen.
            answer = await short.call(f"chat:{CHAT}", "messages.page", 1)
            if answer.get("code") != "unauthenticated":
                raise Lost(f"a session outlived its token while the clock stood still: {answer}")


async def _expect(port: int, token: str, wanted: str, why: str) -> None:
    async with wire(port) as session:
        got = await session.sign_in(token)
    if got != wanted:
        raise Lost(f"{why}: {got}, not {wanted}")


async def _answered(session: Any, why: str) -> None:
    answer = await session.call(f"chat:{CHAT}", "messages.page", 1)
    if answer["t"] != "reply":
        raise Lost(f"{why}: {answer}")


async def check_timers(directory: Path, library: str) -> None:
    """Have actors leave memory, and a handshake time out, while the clock stands still or jumps.

    Raises:
      trio.TooSlowError: a timer waits for a clock that stands.
    """
    clock = Clock(directory, library)
    flags = ("--dev", "--idle-timeout-s", str(IDLE_S), "--handshake-timeout-s", "1")
    async with serving(
        directory / "d", *flags, start_timeout_s=START_S_MAX, variables=clock.variables
    ) as server:
        async with connect(server.url, token="dev:ann") as ann:
            await ann.chat(CHAT).messages.post("opened")
            clock.freeze()
            with trio.fail_after(IDLE_S + DELIVERY_S_MAX):
                # Another process: there is only its figure to look at.
                while await figure(server.url, "collab_actors_active"):  # noqa: ASYNC110
                    await trio.sleep(0.05)
            clock.move(-HOUR_S)
            await ann.chat(CHAT).messages.post("again")
        clock.freeze()
        async with wire(int(server.url.rpartition(":")[2])) as silent:
            with trio.fail_after(1 + DELIVERY_S_MAX):
                try:
                    await silent.hear("welcome")
                except EOFError:
                    return


def drawn_moves(rng: random.Random, count: int) -> list[int | str]:
    """Return the four ways, and then *count* by chance."""
    chances = [rng.choice((rng.randint(-HOUR_S, HOUR_S), FROZEN)) for _ in range(count)]
    return [HOUR_S, 0, -HOUR_S, FROZEN, -60, *chances]


def main() -> int:
    """Run as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.clock")
    parser.add_argument("--moves", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    library = faketime_library()
    if library is None:
        print("no libfaketime here: apt-get install faketime", file=sys.stderr)
        return 77
    tally, started = Tally(), time.monotonic()
    moves = drawn_moves(random.Random(options.seed), options.moves)
    with tempfile.TemporaryDirectory(prefix="clock-") as name:
        for number, check in enumerate((check_tokens, check_timers)):
            directory = Path(name) / str(number)
            directory.mkdir()
            trio.run(check, directory, library)
        trio.run(run_moves, Path(name), library, moves, tally)
    print(
        f"{tally.moves} moves of the clock, {tally.written} messages and as many chunks: 0 lost,"
        f" 0 reordered; {time.monotonic() - started:.0f} s\n"
        f"message to reader: {told(tally.delivered_s)}; chunk: {told(tally.batched_s)}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
