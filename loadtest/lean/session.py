"""Hello, calls and one subscription over a ``Connection``, in MessagePack.

Events and replies, which are nearly everything, are told apart by their first bytes and not
decoded: the server writes a message's fields in the order of ``docs/spec.md``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import msgpack  # type: ignore[import-untyped]

from loadtest.lean.account import Account
from loadtest.lean.connection import Connection, Endpoint
from loadtest.lean.loop import Loop

REPLY: Final = b"\xa1t\xa5reply\xa3ref"
EVENTS: Final = b"\xa1t\xa6events\xa6target"
AFTER: Final = b"\xa5after"
SEQ: Final = b"\xa3seq"

# Called with None, or the code of the refusal; the time at which the answer came.
Answer = Callable[[str | None, float], None]


class Session:
    """One signed-in connection. Callbacks may be replaced at any time.

    ``on_live``     signed in, and subscribed if that was asked for
    ``on_events``   a frame of events: its bytes, the time at which it came
    ``on_other``    anything else: the decoded message
    ``on_ended``    the connection is over: why
    """

    __slots__ = (
        "_endpoint",
        "_loop",
        "_refs",
        "_target",
        "_topics",
        "account",
        "connection",
        "is_live",
        "on_ended",
        "on_events",
        "on_live",
        "on_other",
        "open_calls",
        "user",
    )

    def __init__(
        self,
        loop: Loop,
        endpoint: Endpoint,
        user: str,
        *,
        target: str | None = None,
        topics: Sequence[str] = (),
    ) -> None:
        """Describe who will come; ``open`` begins."""
        self.user = user
        self.account = Account()
        self.connection: Connection | None = None
        self.is_live = False
        self.open_calls: dict[int, Answer] = {}
        self.on_live: Callable[[], None] = _nothing
        self.on_events: Callable[[bytes, float], None] = _ignore_events
        self.on_other: Callable[[Mapping[str, Any]], None] = _ignore
        self.on_ended: Callable[[str], None] = _ignore
        self._loop = loop
        self._endpoint = endpoint
        self._target = target
        self._topics = tuple(topics)
        self._refs = 0

    def open(self, cursor: Mapping[str, Any] | None = None) -> None:
        """Connect; ask for events after *cursor*, or for a snapshot.

        Raises:
          OSError: the kernel has no socket left, or nobody listens.
        """
        self.is_live = False

        def greet() -> None:
            self._send({"t": "hello", "token": self._endpoint.token.format(user=self.user)})
            if self._target is not None:
                asked = {"t": "subscribe", "ref": 0, "target": self._target, "topics": self._topics}
                self._send(asked | ({} if cursor is None else {"cursor": cursor}))

        self.connection = Connection(
            self._loop,
            self._endpoint,
            on_opened=greet,
            on_message=self._read,
            on_closed=self._closed,
        )

    def close(self) -> None:
        """Close without a goodbye. Repeatable."""
        self.is_live = False
        if self.connection is not None:
            self.connection.close()

    def call(self, target: str, op: str, args: Mapping[str, Any], answer: Answer) -> bool:
        """Send a call; *answer* hears of it. False if it cannot be sent: then it does not."""
        self._refs = ref = self._refs + 1
        self.open_calls[ref] = answer
        sent = self._send({"t": "call", "ref": ref, "target": target, "op": op, "args": args})
        if not sent:
            self.open_calls.pop(ref, None)
        return sent

    def _send(self, message: Mapping[str, Any]) -> bool:
        return self.connection is not None and self.connection.send(msgpack.packb(message))

    def _closed(self, why: str) -> None:
        self.is_live = False
        self.on_ended(why)

    # ------------------------------------------------------------ in

    def _read(self, payload: bytes) -> None:
        now = time.perf_counter()
        if payload.startswith(EVENTS, 1):
            after = payload.index(AFTER, len(EVENTS)) + len(AFTER)
            seq = payload.index(SEQ, after) + len(SEQ)
            self.account.frame(uint_at(payload, after), uint_at(payload, seq))
            self.on_events(payload, now)
        elif payload.startswith(REPLY, 1):
            answer = self.open_calls.pop(uint_at(payload, 1 + len(REPLY)), None)
            if answer is not None:
                answer(None, now)
        else:
            self._read_other(msgpack.unpackb(payload), now)

    def _read_other(self, message: Mapping[str, Any], now: float) -> None:
        tag, ref = message["t"], message.get("ref")
        if tag == "error" and ref in self.open_calls:
            self.open_calls.pop(ref)(message["code"], now)
        elif tag in ("snapshot", "reset", "resumed"):
            if tag != "resumed":
                self.account.begin(message["seq"])
            self._live()
        elif tag == "welcome" and self._target is None:
            self._live()
        self.on_other(message)

    def _live(self) -> None:
        self.is_live = True
        self.on_live()


def uint_at(payload: bytes, at: int) -> int:
    """Return the unsigned integer that begins at *at* (MessagePack). Raises: ValueError."""
    first = payload[at]
    if first < 0x80:
        return first
    if not 0xCC <= first <= 0xCF:
        raise ValueError(f"no unsigned integer: {payload[at : at + 9]!r}")
    return int.from_bytes(payload[at + 1 : at + 1 + (1 << (first - 0xCC))], "big")


def open_sessions(
    loop: Loop, sessions: Iterable[Session], *, at_once: int = 20, timeout_s: float = 120.0
) -> None:
    """Open *sessions* in order, so many at a time, until all are live.

    Raises:
      ConnectionError: one was refused, or not all were live in time.
    """
    waiting = iter(sessions)
    opening: set[Session] = set()
    failures: list[str] = []

    def one_more() -> None:
        session = next(waiting, None)
        if session is None:
            return
        opening.add(session)

        def live(session: Session = session) -> None:
            opening.discard(session)
            session.on_live = _nothing
            one_more()

        def other(message: Mapping[str, Any], session: Session = session) -> None:
            if message["t"] in ("error", "ended", "goodbye"):
                failures.append(f"{session.user}: {message}")

        session.on_live = live
        session.on_other = other
        session.on_ended = failures.append
        session.open()

    for _ in range(at_once):
        one_more()
    is_over = loop.run(lambda: bool(failures) or not opening, until=time.perf_counter() + timeout_s)
    if failures or not is_over:
        raise ConnectionError(failures[0] if failures else f"{len(opening)} still opening")


def _nothing() -> None:
    """Nobody wants to know."""


def _ignore(_what: object) -> None:
    """Nobody wants to know."""


def _ignore_events(_payload: bytes, _now: float) -> None:
    """Nobody wants to know."""
