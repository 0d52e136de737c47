"""A page of the past on its way to a reader who takes its time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from typing import Any, cast

import msgpack  # type: ignore[import-untyped]

from actors import Item, Record
from collab.chat import CHAT
from collab.envelope import EventCodec, Shown
from collab.following import Follower, Followers
from collab.kind import Caller
from protocol.gateway import EventFrame
from protocol.limits import EVENT_FRAME_BYTES


class Chat:
    """Three large messages, and who follows them."""

    actor_id = "chat:c"
    seq = 3

    def __init__(self) -> None:
        self._codec = EventCodec(CHAT)

    async def read(self, _actor_id: str, *, after: int, limit: int) -> list[Record]:
        filling = "x" * (EVENT_FRAME_BYTES * 2 // 3)
        said = [
            {"parts": [{"type": "text", "text": f"secret {seq} {filling}"}]} for seq in (1, 2, 3)
        ]
        payloads = [{"t": "message.posted", "b": "ann", "a": 1, "d": one} for one in said]
        records = [Record(seq, msgpack.packb(one)) for seq, one in enumerate(payloads, 1)]
        return records[after : after + limit]

    async def bodies(self, records: Sequence[Record], _topics: frozenset[str]) -> list[Item]:
        entries = [(record.seq, self._codec.decode(record.payload)) for record in records]
        return [(seq, "messages", self._codec.show(seq, entry)) for seq, entry in entries]

    def take_back(self, items: Iterable[Item], seqs: Set[int]) -> None:
        for seq, _topic, shown in items:
            if seq in seqs:
                cast("Shown", shown).redact(CHAT)

    def may_follow(self, _caller: Caller, _topics: frozenset[str]) -> bool:
        return True

    def flush_group_of(self, _topics: frozenset[str]) -> None:
        """As a hub in which nothing waits."""

    def since(self, _seq: int, _topics: frozenset[str]) -> None:
        """As a hub whose ring has forgotten."""


class SlowReader:
    """Has a message taken back after each frame."""

    topics = frozenset({"messages"})
    over = False
    seq = 0

    def __init__(self) -> None:
        self.follower: Follower | None = None
        self.told: dict[int, str] = {}

    async def deliver_page(self, frames: Iterator[EventFrame]) -> None:
        assert self.follower is not None
        for frame in frames:
            self.told.update({event["seq"]: str(event["data"]) for event in frame.events})
            self.seq = frame.seq
            self.follower.take_back({frame.seq + 1})
        self.over = self.seq == Chat.seq


async def test_what_is_deleted_between_two_frames_is_in_none_of_the_rest() -> None:
    """[V1.10] Not even the one that was looked at already when the frame before it was full."""
    chat: Any = Chat()
    reader: Any = SlowReader()
    reader.follower = Follower(chat, Caller("ben"), reader, chat, chat, Followers())
    await reader.follower.catch_up(chat)
    assert ["secret" in reader.told[seq] for seq in (1, 2, 3)] == [True, False, False]
