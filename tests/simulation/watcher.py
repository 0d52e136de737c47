"""A follower without a wire: notes what the gateway tells its subscription."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import trio
from attrs import define, field

from protocol.errors import WireError
from protocol.gateway import EventFrame, Identity, Peer, PresenceFrame
from protocol.messages import Cursor


@define(eq=False)
class Seat:
    """A connection, as far as a gateway asks about it."""

    identity: Identity
    session_id: str
    peer: Peer = field(factory=lambda: Peer("model"))

    memo: Any = None

    def flush(self) -> None:
        """Nothing is queued here."""


class Watcher:
    """A ``protocol.gateway.Subscription`` of *user*, from the cursor at *asked_from*, if any."""

    def __init__(
        self, user: str, target: str, topics: frozenset[str], asked_from: int | None
    ) -> None:
        self.user = user
        self.asked_from = asked_from or 0
        self.target = target
        self.topics = topics
        self.cursor = None if asked_from is None else Cursor(epoch="e1", seq=asked_from)
        self.connection = Seat(Identity(user), f"session of {user}")
        self.seq = asked_from or 0
        self.live = False
        self.over = False
        self.answered = trio.Event()
        self.answer = ""
        self.ending: str | None = None
        self.is_behind = False
        self.began = 0  # The model's seq when it was answered.
        self.shown: list[tuple[int, str]] = []
        self.parts: dict[int, Any] = {}  # What each message said, as it was shown.

    def snapshot(self, *, epoch: str, seq: int, topics: Mapping[str, Any]) -> None:
        assert epoch == "e1"
        assert set(topics) == self.topics
        self.seq = seq
        self._answer("snapshot", is_live=True)

    def resumed(self, *, epoch: str, behind: bool) -> None:
        assert epoch == "e1"
        self.is_behind = behind
        self._answer("resumed", is_live=not behind)

    def reset(self, *, reason: str, epoch: str, seq: int, topics: Mapping[str, Any]) -> None:
        self.snapshot(epoch=epoch, seq=seq, topics=topics)
        self.answer = reason

    def fail(self, error: WireError) -> None:
        self.over = True
        self._answer(error.code, is_live=False)

    def deliver(self, frame: EventFrame) -> None:
        if not self.live or self.over or frame.seq <= self.seq:
            return
        if frame.after > self.seq:
            self.live, self.is_behind = False, True
        else:
            self._take(frame)

    async def deliver_page(self, frames: Iterator[EventFrame]) -> None:
        await trio.lowlevel.checkpoint()
        while not self.over and (frame := next(frames, None)) is not None:
            self._take(frame)
            await trio.lowlevel.checkpoint()

    def caught_up(self) -> None:
        self.live = True

    def leap_to(self, seq: int) -> None:
        self.seq = max(self.seq, seq)

    def presence(self, frame: PresenceFrame) -> None:
        raise NotImplementedError

    def end(self, error: WireError | None) -> None:
        self.over, self.live = True, False
        # The app that closes ends everybody: that is no answer to anything in the history.
        is_closing = error is not None and error.code == "unavailable"
        self.ending = None if error is None or is_closing else error.code

    def _answer(self, answer: str, *, is_live: bool) -> None:
        self.answer, self.live = answer, is_live
        self.answered.set()

    def _take(self, frame: EventFrame) -> None:
        self.parts |= {e["seq"]: e["data"]["parts"] for e in frame.events if "parts" in e["data"]}
        self.shown += [(e["seq"], e["type"]) for e in frame.events if e["seq"] > self.seq]
        self.seq = frame.seq
