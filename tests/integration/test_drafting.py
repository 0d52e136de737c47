"""Commands that need something worked out first, beside their actor."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, ClassVar

import pytest
import trio
import trio.testing
from attrs import define, field, frozen

from collab.app import AppSettings
from collab.drafting import Drafts
from collab.errors import RateLimited
from collab.kind import Caller, Context, Kind, Outcome, Reader, Stamp, Topic
from collab.limits import DRAFTS_AT_ONCE_MAX, DRAFTS_PER_TARGET_MAX
from collab.requests import Do, Drafting
from protocol.errors import CallFailed
from tests.collab.messages.stage import Rows
from tests.integration.served import served

TARGET = "paper:p1"


@frozen(kw_only=True)
class Ponder:
    TAG: ClassVar[str] = "paper.ponder"
    text: str
    found: list[str] = field(init=False, factory=list, eq=False)


@frozen(kw_only=True)
class Jot:
    TAG: ClassVar[str] = "paper.jot"
    text: str


@frozen(kw_only=True)
class Jotted:
    TAG: ClassVar[str] = "paper.jotted"
    text: str


@define
class Paper:
    lines: list[str] = field(factory=list)


class Pondering:
    """A kind whose ``paper.ponder`` waits, beside the actor, until ``gate`` is opened."""

    def __init__(self) -> None:
        self.gate = trio.Event()
        self.begun = trio.Event()
        self.drafts = 0
        self.kind: Kind[Paper] = Kind(
            name="paper",
            new_state=lambda _key: Paper(),
            commands={Ponder: self.ponder, Jot: self.jot},
            events={Jotted: self.jotted},
            topics={"lines": Topic(events=(Jotted,), snapshot=lambda paper, _: paper.lines)},
            role_of=lambda paper, caller: "out" if caller.user_id in paper.lines else "in",
            permissions={"in": frozenset({"paper.ponder", "paper.jot", "read:lines"})},
        )
        self.settings = AppSettings(dev=True, kinds=[self.kind])

    def ponder(self, _paper: Paper, command: Ponder, _context: Context) -> Outcome:
        if not command.found:
            return Outcome(draft=partial(self._draft, command))
        return Outcome([Jotted(text=command.found[0])], {"text": command.found[0]})

    async def _draft(self, command: Ponder, _reader: Reader) -> None:
        self.drafts += 1
        self.begun.set()
        await self.gate.wait()
        command.found.append(command.text.upper())

    def jot(self, _paper: Paper, command: Jot, _context: Context) -> Outcome:
        return Outcome([Jotted(text=command.text)], {})

    def jotted(self, paper: Paper, event: Jotted, _stamp: Stamp) -> None:
        paper.lines.append(event.text)


async def test_nobody_waits_for_what_is_worked_out_beside_the_actor() -> None:
    """[V2.10] Others are answered meanwhile; then it is decided, once, and its answer kept."""
    paper = Pondering()
    async with served(settings=paper.settings) as server, server.client("ann") as ann:
        answers: list[Any] = []

        async def ponder() -> None:
            answers.append(await ann.call(TARGET, "paper.ponder", {"text": "so"}, key="k"))

        async with trio.open_nursery() as nursery, server.client("ben") as ben:
            nursery.start_soon(ponder)
            await paper.begun.wait()
            with trio.fail_after(5):
                await ben.call(TARGET, "paper.jot", {"text": "first"})
            assert answers == []
            paper.gate.set()
        assert answers == [{"text": "SO"}]
        assert await ann.call(TARGET, "paper.ponder", {"text": "so"}, key="k") == {"text": "SO"}
        async with ann.follow(TARGET, ["lines"]) as follower:
            shown: Any = await anext(follower)
            assert shown.topics["lines"] == ["first", "SO"]
        assert paper.drafts == 1


async def test_permission_is_asked_again_when_the_draft_is_done() -> None:
    """[V2.11] Who was shut out meanwhile changes nothing; an embedding program drafts likewise."""
    paper = Pondering()
    async with served(settings=paper.settings) as server, server.client("ann") as ann:
        async with trio.open_nursery() as nursery:

            async def refused() -> None:
                with pytest.raises(CallFailed, match="permission_denied"):
                    await ann.call(TARGET, "paper.ponder", {"text": "so"})

            nursery.start_soon(refused)
            await paper.begun.wait()
            await server.app.do(TARGET, Jot(text="ann"), user_id="ben")
            paper.gate.set()
        assert await server.app.do(TARGET, Ponder(text="x"), user_id="ben") == {"text": "X"}


async def test_a_draft_that_nobody_waits_for_is_not_written() -> None:
    """[V2.12] Whoever hung up while others' drafts were written costs nothing more."""
    paper = Pondering()
    async with served(settings=paper.settings) as server, server.client("ann") as ann:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(ann.call, TARGET, "paper.ponder", {"text": "a"}))
            await paper.begun.wait()
            async with server.client("ben") as ben:
                with trio.move_on_after(0.05):
                    await ben.call(TARGET, "paper.ponder", {"text": "b"})
            paper.gate.set()
        await server.app.do(TARGET, Ponder(text="c"), user_id="ann")
        assert paper.drafts == 2


async def test_few_drafts_are_written_at_once_and_one_of_a_target() -> None:
    """[V2.12] The others wait in line; nothing is kept of targets that need none."""
    drafts, running, most = Drafts(Rows()), dict.fromkeys("abcdef", 0), [0]
    gate = trio.Event()

    def work_on(target: str) -> Callable[[Reader], Awaitable[None]]:
        async def work(_reader: Reader) -> None:
            running[target] += 1
            most[0] = max(most[0], sum(running.values()))
            assert max(running.values()) == 1
            await gate.wait()
            await trio.lowlevel.checkpoint()
            running[target] -= 1

        return work

    async with trio.open_nursery() as nursery:
        for target in "abcdef" * 3:
            drafting = Drafting(target, Do(Caller("ann"), Ponder(text="")), work_on(target))
            nursery.start_soon(partial(drafts.write, drafting, is_wanted=lambda: True))
        await trio.testing.wait_all_tasks_blocked()
        gate.set()
    assert most == [DRAFTS_AT_ONCE_MAX]
    assert drafts.is_idle


async def test_few_drafts_wait_for_their_turn() -> None:
    """[V2.13] Per target and in all; the rest is told to come back. What was given up counts."""
    drafts, gate = Drafts(Rows()), trio.Event()
    refused: list[str] = []

    async def work(_reader: Reader) -> None:
        await gate.wait()

    async def write(target: str) -> None:
        drafting = Drafting(target, Do(Caller("ann"), Ponder(text="x")), work)
        try:
            await drafts.write(drafting, is_wanted=lambda: False)
        except RateLimited:
            refused.append(target)

    async with trio.open_nursery() as nursery:
        held = Drafting("paper:1", Do(Caller("ann"), Ponder(text="x")), work)
        nursery.start_soon(partial(drafts.write, held, is_wanted=lambda: True))
        await trio.testing.wait_all_tasks_blocked()
        for _ in range(DRAFTS_PER_TARGET_MAX + 3):
            nursery.start_soon(write, "paper:1")
        await trio.testing.wait_all_tasks_blocked()
        assert refused == ["paper:1"] * 3
        gate.set()
    assert drafts.is_idle
