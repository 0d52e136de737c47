"""What is stored and not yet released is nobody's to see, and new targets study like old ones."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import trio
import trio.testing
from attrs import evolve

from actors import Batch, Record
from collab.app import AppSettings
from collab.chat import CHAT
from collab.kinds import BUILT_IN
from collab.storage import MemoryStore
from protocol.messages import Call, Cursor, Ended, Error, Events, Reply, ServerMessage, Subscribe
from tests.integration.served import served
from tests.integration.wires import wired
from tests.protocol.yjs import building as b

MEETING = "meeting:m"


class HeldStore(MemoryStore):
    """Reads and appends of one meeting wait at gates; appends have been stored by then."""

    def __init__(self) -> None:
        super().__init__()
        self.reading, self.read_gate = trio.Event(), trio.Event()
        self.stored, self.append_gate = trio.Event(), trio.Event()
        self.is_held = False

    async def read(self, actor_id: str, *, after: int, limit: int) -> list[Record]:
        if self.is_held and actor_id == MEETING:
            self.reading.set()
            await self.read_gate.wait()
        return await super().read(actor_id, after=after, limit=limit)

    async def append(self, batch: Batch) -> None:
        await super().append(batch)
        if self.is_held and batch.actor_id == MEETING:
            self.stored.set()
            await self.append_gate.wait()


async def test_who_catches_up_is_not_told_what_is_not_released() -> None:
    """[V3.11] The journal holds the removal already: the removed one does not read it there."""
    store = HeldStore()
    async with wired(store=store) as server:
        ann, ben = await server.client("ann"), await server.client("ben")
        invited = [{"user_id": "ben", "role": "speaker"}]
        calls: Sequence[tuple[str, dict[str, object]]] = (
            ("meeting.schedule", {"title": "t", "participants": invited}),
            ("meeting.start", {}),
        )
        for ref, (op, args) in enumerate(calls):
            ann.send(Call(ref=ref, target=MEETING, op=op, args=args))
            assert isinstance(await ann.receive(), Reply)
        ben.send(Call(ref=0, target=MEETING, op="participants.join", args={}))
        assert isinstance(await ben.receive(), Reply)
        store.is_held = True
        cursor = Cursor(epoch=store.data_epoch, seq=1)
        ben.send(Subscribe(ref=5, target=MEETING, topics=("participants",), cursor=cursor))
        await store.reading.wait()
        removal = Call(ref=9, target=MEETING, op="participants.remove", args={"user_id": "ben"})
        ann.send(removal)
        await store.stored.wait()
        store.read_gate.set()
        await trio.testing.wait_all_tasks_blocked()
        seen = await ben.receive_all()
        assert "participant.removed" not in _types(seen)
        store.append_gate.set()
        seen += await ben.receive_all()
        assert "participant.removed" not in _types(seen)
        assert any(isinstance(message, Ended | Error) for message in seen)
        assert "participant.joined" in _types(seen)


def _types(messages: Sequence[ServerMessage]) -> list[str]:
    return [
        event["type"]
        for message in messages
        if isinstance(message, Events)
        for event in message.events
    ]


async def test_the_first_command_to_a_new_target_is_studied_too() -> None:
    """[V2.14] Whoever an earlier message of the batch lets in is let in for that as well."""
    studied: list[str] = []

    def study(*args: Any) -> Callable[[], Awaitable[None]] | None:
        found = CHAT.study(*args)
        if found is None:
            return None

        async def counted() -> None:
            studied.append(args[2].user_id)
            await found()

        return counted

    update = b.update(b.section(1, 0, *[b.text("a") for _ in range(2_000)]))
    kinds = [kind for kind in BUILT_IN if kind.name != "chat"]
    settings = AppSettings(dev=True, kinds=[*kinds, evolve(CHAT, study=study)])
    async with served(settings=settings) as server, server.client("ann") as ann:
        await ann.call("chat:fresh", "notes.edit", {"update": update})
    assert studied == ["ann"]
