"""Readers in a process of their own: they read, stop reading, and come back when they are told.

``python -m tests.faults.crowd PORT COUNT TARGET``; lines in: ``stop``, ``resume NUMBER`` (of
messages in all, the marks ``~0.N~`` of which must come). A line of JSON out for each, and one when
all are in. Memory and processor are this process's, not those of whoever measures.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from collections import Counter
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from attrs import asdict

from loadtest.lean import Endpoint, Loop, Session, Stream, Verdict, marks_in, open_sessions
from loadtest.lean.loop import READABLE

TOPICS: Final = ("messages",)
RECEIVE_BYTES: Final = 8_192  # Of the kernel's buffer here: what waits, waits at the server.
COME_BACK_S_MAX: Final = 60.0


class Orders:
    """Lines of standard input, in the loop."""

    def __init__(self) -> None:
        self.line = ""

    def fileno(self) -> int:
        return sys.stdin.fileno()

    def on_ready(self, events: int) -> None:  # noqa: ARG002 -- the loop's contract
        self.line = sys.stdin.readline()


class Reader:
    """One session that remembers where it is."""

    def __init__(self, loop: Loop, endpoint: Endpoint, name: str, target: str) -> None:
        self.session = Session(loop, endpoint, name, target=target, topics=TOPICS)
        self.session.on_events = self._events
        self.epoch = ""
        self.ended = ""
        self.resets = 0

    def _events(self, payload: bytes, _now: float) -> None:
        for stream, number in marks_in(payload):
            self.session.account.take(stream, number)

    def settle(self) -> None:
        """From here on notice what happens to the session."""
        self.session.on_other = self._other
        self.session.on_ended = self._ended

    def _other(self, message: Mapping[str, Any]) -> None:
        if message["t"] in ("snapshot", "resumed", "reset"):
            self.resets += message["t"] != "resumed"

    def _ended(self, why: str) -> None:
        self.ended = why

    def limit(self) -> None:
        """Have the kernel hold little for it."""
        assert self.session.connection is not None
        with socket.socket(fileno=os.dup(self.session.connection.fileno())) as same:
            same.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)


def main() -> None:
    """Do as told."""
    port, count, target = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    loop, orders = Loop(), Orders()
    endpoint = Endpoint("127.0.0.1", port)
    readers = [Reader(loop, endpoint, f"slow{number}", target) for number in range(count)]
    epochs: list[str] = []
    probe = Session(loop, endpoint, "epoch", target=target, topics=TOPICS)
    open_sessions(loop, [probe])
    probe.on_other = lambda message: epochs.append(message.get("epoch", ""))
    probe.close()
    probe.open()
    loop.run(lambda: any(epochs), until=time.perf_counter() + COME_BACK_S_MAX)
    probe.close()
    open_sessions(loop, [reader.session for reader in readers])
    for reader in readers:
        reader.limit()
        reader.settle()
    print(json.dumps({"open": count}), flush=True)
    loop.watch(orders, READABLE)
    loop.run(lambda: orders.line.startswith("stop"), until=float("inf"))
    print(json.dumps({"stopped": count}), flush=True)
    sent = int(sys.stdin.readline().split()[1])
    print(json.dumps(_resume(loop, readers, next(filter(None, epochs)), sent)), flush=True)
    loop.close()


def _resume(loop: Loop, readers: list[Reader], epoch: str, sent: int) -> dict[str, Any]:
    """Read what is left; come back; read all the rest; tell what was wrong."""
    until = time.perf_counter() + COME_BACK_S_MAX
    loop.run(lambda: all(reader.ended for reader in readers), until=until)
    ends = Counter(reader.ended or "still open" for reader in readers)
    for reader in readers:
        reader.session.close()
        reader.session.open({"epoch": epoch, "seq": reader.session.account.seq})
    stream = Stream(0, "message", sent=sent)
    until = time.perf_counter() + COME_BACK_S_MAX
    has_all = partial(_have_all, readers, stream)
    is_whole = loop.run(has_all, until=until)
    verdict = sum((reader.session.account.verdict([stream]) for reader in readers), Verdict())
    for reader in readers:
        reader.session.close()
    resets = sum(reader.resets for reader in readers)
    return asdict(verdict) | {"ends": dict(ends), "is_whole": is_whole, "resets": resets}


def _have_all(readers: list[Reader], stream: Stream) -> bool:
    return all(reader.session.account.has_all([stream]) for reader in readers)


if __name__ == "__main__":
    main()
