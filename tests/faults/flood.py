"""Hostile clients, as a process: ``python -m tests.faults.flood PORT FRAMES SEED WAYS``.

Each connection draws a way to be hostile and sends until it is closed, or has sent its share:

    garbage      readable frames with unreadable messages, after a good hello (closed with 4429)
    stranger     the same before any hello, on each path
    broken       good frames with flipped bytes
    fragments    a message that never ends
    pings        pings without end

Beside them some connections open and then send a byte now and then, or half a frame and no more.
A line of JSON ends it: connections, frames the kernel took, answers by close code.
"""

from __future__ import annotations

import json
import random
import sys
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Final

import trio
from attrs import define, field

from protocol.limits import FRAGMENT_BYTES_MEAN_MIN, FRAME_BYTES_MAX
from protocol.messages import SUBPROTOCOL_JSON
from protocol.yjs.limits import DOOR_FRAME_BYTES_MAX
from tests.protocol.transport.raw import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    TEXT,
    RawClient,
    frame,
    upgrade_request,
)

AT_ONCE: Final = 8
LINGERERS: Final = 30
WAYS: Final = ("garbage", "garbage", "garbage", "stranger", "broken", "fragments", "pings")
PATHS: Final = ("/v1", "/yjs/m1?token=dev:mallory", "/hocuspocus")
WANTED: Final = (f"Sec-WebSocket-Protocol: {SUBPROTOCOL_JSON}",)
FRAMES_PER_CONNECTION: Final = 4_000  # Beyond every allowance: each is closed before its end.
FRAGMENTS_BEYOND: Final = 2_000  # More than a message on that path may have.
FRAMES_PER_ATTACKER: Final = 10_000  # Of a small flood; of a large one ``AT_ONCE`` send the share.
FRAMES_PER_PIECE: Final = 500
END_S_MAX: Final = 60.0  # 98,304 fragments on each of eight connections: seconds of processor.
_HELLO: Final = b'{"t":"hello","token":"dev:mallory"}'
_CALL: Final = b'{"t":"call","ref":1,"target":"chat:c1","op":"messages.page","args":{}}'


@define
class Tally:
    """What was sent and how it ended."""

    frames: int = 0
    connections: int = 0
    lingered: int = 0
    ends: Counter[str] = field(factory=Counter)


def frames_of(way: str, rng: random.Random, count: int) -> bytes:
    """Return so many frames of one way."""
    if way == "pings":
        return frame(PING, rng.randbytes(rng.randint(0, 125))) * count
    if way == "fragments":
        return frame(CONTINUATION, rng.randbytes(rng.choice((0, 1, 100))), fin=False) * count
    made = [_one(way, rng) for _ in range(50)]
    return b"".join(rng.choices(made, k=count))


def _one(way: str, rng: random.Random) -> bytes:
    if way == "broken":
        whole = bytearray(frame(rng.choice((TEXT, BINARY, PING)), _CALL))
        for _ in range(rng.randint(1, 3)):
            whole[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
        return bytes(whole)
    call = bytearray(_CALL)
    start = rng.randrange(len(call))
    call[start : start + rng.randint(0, 20)] = rng.choice((b"", b"{", b"[" * 40, b"1e999", b"\x00"))
    return frame(TEXT, bytes(call).decode(errors="replace").encode())


async def attack(port: int, rng: random.Random, ways: Sequence[str], tally: Tally) -> None:
    """Open one connection and be hostile on it until its end."""
    way = rng.choice(ways)
    path = "/v1" if way == "garbage" else rng.choice(PATHS)
    tally.connections += 1
    try:
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            raw = RawClient(stream)
            await raw.open(path, extra=WANTED)
            if way == "garbage":
                await raw.send(frame(TEXT, _HELLO))
            elif way == "fragments":
                await raw.send(frame(TEXT, b"", fin=False))
            async with trio.open_nursery() as nursery:
                count = fragments_of(path) if way == "fragments" else FRAMES_PER_CONNECTION
                nursery.start_soon(_send, raw, frames_of(way, rng, FRAMES_PER_PIECE), count, tally)
                end = "left"
                with trio.move_on_after(END_S_MAX):
                    end = await _end(raw)
                tally.ends[f"{way} {end}"] += 1
                nursery.cancel_scope.cancel()
    except (OSError, trio.BrokenResourceError, EOFError):
        tally.ends[f"{way} refused"] += 1


def fragments_of(path: str) -> int:
    """Return how many fragments no message on *path* may have."""
    bytes_max = FRAME_BYTES_MAX if path == "/v1" else DOOR_FRAME_BYTES_MAX
    return bytes_max // FRAGMENT_BYTES_MEAN_MIN + FRAGMENTS_BEYOND


async def _send(raw: RawClient, piece: bytes, count: int, tally: Tally) -> None:
    try:
        for _ in range(count // FRAMES_PER_PIECE):
            await raw.send(piece)
            tally.frames += FRAMES_PER_PIECE
    except trio.BrokenResourceError:
        return  # Closed, as it should be.


async def _end(raw: RawClient) -> str:
    """Read to the close frame; return its code."""
    try:
        while True:
            opcode, payload = await raw.read_frame()
            if opcode == CLOSE:
                return str(int.from_bytes(payload[:2], "big"))
    except (EOFError, trio.BrokenResourceError):
        return "cut"


async def linger(port: int, rng: random.Random, tally: Tally) -> None:
    """Take one connection after the other and hold each for as long as the server lets us."""
    while True:
        is_half_open = rng.random() < 0.5
        words = upgrade_request("/v1") if is_half_open else frame(BINARY, bytes(60_000))[:-1]
        try:
            async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
                if not is_half_open:
                    await RawClient(stream).open("/v1", extra=WANTED)
                    await stream.send_all(words)
                else:
                    for at in range(len(words) - 1):
                        await stream.send_all(words[at : at + 1])
                        await trio.sleep(0.5)
                while await stream.receive_some():
                    pass
        except (OSError, trio.BrokenResourceError, EOFError):
            await trio.sleep(0.5)
        tally.lingered += 1


async def flood(port: int, frames: int, seed: int, ways: Sequence[str]) -> Tally:
    """Be hostile until so many frames were taken."""
    tally = Tally()

    async def one_after_the_other(rng: random.Random) -> None:
        while tally.frames < frames:
            await attack(port, rng, ways, tally)

    async with trio.open_nursery() as lingering:
        for number in range(LINGERERS):
            lingering.start_soon(linger, port, random.Random(f"{seed}/l{number}"), tally)
        async with trio.open_nursery() as attacking:
            for number in range(min(AT_ONCE, max(1, frames // FRAMES_PER_ATTACKER))):
                attacking.start_soon(one_after_the_other, random.Random(f"{seed}/{number}"))
        lingering.cancel_scope.cancel()
    return tally


def main() -> None:
    """Flood, and tell."""
    port, frames, seed = (int(word) for word in sys.argv[1:4])
    tally = trio.run(partial(flood, port, frames, seed, sys.argv[4].split(",")))
    told = {
        "frames": tally.frames,
        "connections": tally.connections,
        "lingered": tally.lingered,
        "ends": dict(sorted(tally.ends.items())),
    }
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
