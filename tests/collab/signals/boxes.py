"""Targets that keep what signals bring them, and fail when told; and signals for them."""

# ruff: noqa: ARG002 - callbacks of an actor without events.

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from itertools import count
from typing import Any, ClassVar, Final

import trio
from attrs import define, field, frozen

from actors import Actor, ActorKind, ActorSystem, Batch, Decision, Refused, open_system
from collab.kind import Kind, Outcome
from collab.requests import Receive
from collab.signals import SignalRunner
from collab.storage import MemoryStore, SignalRow
from protocol.structure import pack

REST_S: Final = 0.5


@frozen
class Hello:
    TAG: ClassVar[str] = "box.hello"
    text: str


def _no_outcome(_state: object, _command: object, _context: object) -> Outcome:
    return Outcome()


_BOX: Final = Kind[list[str]](
    name="box",
    new_state=lambda _key: [],
    commands={},
    events={},
    topics={},
    role_of=lambda _state, _caller: "nobody",
    permissions={},
    signals={Hello: _no_outcome},
)


@define(eq=False)
class World:
    """All boxes, what they got, in order, and what is wrong with them."""

    store: MemoryStore = field(factory=MemoryStore)
    got: list[tuple[str, str]] = field(factory=list)
    down: set[str] = field(factory=set)  # Boxes that cannot be activated.
    poison: set[str] = field(factory=set)  # Texts that crash whoever gets them.
    held: set[str] = field(factory=set)  # Boxes that wait while they store.
    open: trio.Event = field(factory=trio.Event)
    _numbers: Any = field(factory=lambda: count(1))

    def texts(self, key: str) -> list[str]:
        """Return what box *key* got, in order."""
        return [text for who, text in self.got if who == key]

    async def signal(self, key: str, texts: Iterable[str], *, slot: str | None = None) -> None:
        """Store signals to box *key*, each from an event of its own."""
        await self.store.append(
            Batch(
                "source:s" if slot else f"source:{next(self._numbers)}",
                1 if slot is None else next(self._numbers),
                [b"e"],
                [_row(key, text, n, slot) for n, text in enumerate(texts)],
            )
        )

    async def pending(self) -> int:
        """How many signals are stored."""
        return len(await self.store.pending_signals(after=0, limit=1_000_000))


def _row(key: str, text: str, index: int, slot: str | None) -> SignalRow:
    payload = pack({"tag": Hello.TAG, "fields": Hello(text)})
    return SignalRow(f"box:{key}", payload, index, slot=slot)


class BoxActor(Actor[Receive, str]):
    """Takes what comes; its events are texts."""

    def __init__(self, key: str, world: World) -> None:
        if key in world.down:
            raise ValueError("out of order")
        self._box = key
        self._world = world

    async def prepare(self, commands: Sequence[Receive]) -> None:
        assert len(commands) == 1, "two signals of one target were on their way at once"
        if self._box in self._world.held:
            await self._world.open.wait()

    def decide(self, command: Receive) -> Decision[str]:
        text = command.command.text
        if text == "no":
            raise Refused(text)
        if text in self._world.poison:
            raise ZeroDivisionError(text)
        self._world.got.append((self._box, text))
        return Decision()

    def evolve(self, seq: int, event: str) -> None:
        raise AssertionError("a box has no events")

    def encode(self, event: str) -> bytes:
        raise AssertionError("a box has no events")

    def decode(self, payload: bytes) -> str:
        raise AssertionError("a box has no events")


@asynccontextmanager
async def boxes(world: World) -> AsyncIterator[ActorSystem]:
    """Run the boxes around a block."""
    kind = ActorKind(
        name="box", make=lambda key: BoxActor(key, world), restarts_max=0, rest_s=REST_S
    )
    async with open_system([kind], world.store) as system:
        yield system


@asynccontextmanager
async def running(world: World, system: Any) -> AsyncIterator[SignalRunner]:
    """Run a signal runner around a block, as if the server had just started."""
    runner = SignalRunner(world.store, system, {"box": _BOX}, random.Random(1))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(runner.run)
        yield runner
        nursery.cancel_scope.cancel()
