"""What those who run the server do, and what changes rights without a command, is in the log."""

from __future__ import annotations

from typing import Any, Final

import orjson
import pytest
import trio
from trio.testing import MockClock

from collab.app import App, AppSettings, open_app
from collab.audit import AuditEntry, AuditFilter
from collab.chat.commands import CreateChat
from collab.chat.handing_over import Forsake
from collab.flags import flags_kind
from collab.flags.state import ListFlags, RemoveFlag, SetFlag
from collab.kind import Caller, Kind
from collab.kinds import BUILT_IN
from collab.operators import Operators
from collab.requests import Do, Receive
from collab.timers import timers_kind, timers_of
from collab.timers.commands import CancelTimer, ListTimers
from collab.user.claiming import claim
from tests.collab.timers.bells import BELL, Arm

ADMINS: Final = {"operator", "admin", "org_admin", "archivist"}
ORDINARY: Final = {
    *("founder", "owner", "editor", "viewer", "public", "gone"),
    *("self", "guest", "claimed", "connection", "colleague", "reader", "outsider"),
    *("host", "speaker", "attendee", "transcriber", "invited", "left"),
}
# Who joins is shown to everybody in the room, and what they then read is an entry by itself.
SHOWN_ANYWAY: Final = {"participants.join"}


@pytest.mark.parametrize("kind", BUILT_IN, ids=lambda kind: kind.name)
def test_all_that_admins_may_do_is_written_down(kind: Kind[Any]) -> None:
    """[A2.8] Enumerated from the table: a new action, or a new role, without an entry fails."""
    assert set(kind.permissions) <= ADMINS | ORDINARY, "is a new role one of those who run things?"
    commands = {command.TAG for command in kind.commands}
    queries = {query.TAG for query in kind.queries}
    anybodys = {
        action
        for role, actions in kind.permissions.items()
        if role not in ADMINS
        for action in actions
    }
    for role in ADMINS & set(kind.permissions):
        may = kind.permissions[role]
        noteworthy = (may & commands) | ((may & queries) - anybodys)  # Streams always are.
        assert noteworthy - SHOWN_ANYWAY <= set(kind.audited), role


@pytest.fixture
def settings() -> AppSettings:
    root = Operators(frozenset({"root"}))
    made: list[Kind[Any]] = [flags_kind(root), timers_kind(root), BELL]
    names = {kind.name for kind in made}
    return AppSettings(kinds=[*(kind for kind in BUILT_IN if kind.name not in names), *made])


async def entries_of(app: App, user_id: str) -> list[AuditEntry]:
    """Return what is written of a person, oldest first."""
    records = await app.store.audit_page(AuditFilter(user_id=user_id))
    return [record.entry for record in reversed(records)]


async def test_what_an_operator_does_is_written_down(settings: AppSettings) -> None:
    """[A2.8] Timers and flags changed and listed; what changes nothing is no entry."""
    async with open_app(None, settings) as app:
        await app.do("bell:a", Arm(after_ms=60_000), user_id="ann")
        shard = timers_of("bell:a")
        with trio.fail_after(5):
            while not (timers := await _timers(app, shard)):
                await trio.lowlevel.checkpoint()
        cancel = CancelTimer(target="bell:a", name=timers[0]["name"])
        for was_set in (True, False):
            assert await app.do(shard, cancel, user_id="root") == {"was_set": was_set}
        await app.do("flags:prod", SetFlag(name="f", percent=50, reason="why"), user_id="root")
        await app.look("flags:prod", ListFlags(), user_id="root")
        await app.do("flags:prod", RemoveFlag(name="f", reason="over"), user_id="root")
        written = await entries_of(app, "root")
        assert [(one.action, one.target) for one in written if one.action != "timers.list"] == [
            ("timers.cancel", shard),
            ("flags.set", "flags:prod"),
            ("flags.list", "flags:prod"),
            ("flags.remove", "flags:prod"),
        ]
        assert written[0].action == "timers.list"
        (cancelled,) = [one for one in written if one.action == "timers.cancel"]
        assert orjson.loads(cancelled.detail) == {"target": "bell:a", "name": cancel.name}
        assert cancelled.seq > 0, "in the transaction of its event"


async def _timers(app: App, shard: str) -> list[Any]:
    answer: Any = await app.look(shard, ListTimers(), user_id="root")
    return list(answer["timers"])


async def test_who_takes_a_guests_place_is_written_down(
    settings: AppSettings,
    autojump_clock: MockClock,  # noqa: ARG001 - the clock works by being there.
) -> None:
    """[A2.9] The claim, and each chat in which it makes somebody a member; once each."""
    async with open_app(None, settings) as app:
        guest = Caller("guest:g1", is_guest=True)
        await app.system.ref("chat", "c").ask(Do(guest, CreateChat(), answer=True), timeout_s=5)
        await trio.sleep(1)
        for _again in range(2):
            await claim(app.system, guest_id=guest.user_id, user_id="ann")
            await trio.sleep(1)
        written = await entries_of(app, "ann")
        assert [(one.action, one.target, one.outcome) for one in written] == [
            ("user.be_claimed", "user:guest:g1", "granted"),
            ("chat.hand_over", "chat:c", "granted"),
        ]
        assert orjson.loads(written[1].detail) == {"from_id": "guest:g1", "to_id": "ann"}
        assert all(one.seq > 0 for one in written)


async def test_what_ends_with_a_guest_is_written_down(settings: AppSettings) -> None:
    """[A2.9] A chat that is deleted because its guest is gone, once."""
    async with open_app(None, settings) as app:
        chat = app.system.ref("chat", "c")
        guest = Caller("guest:g1", is_guest=True)
        await chat.ask(Do(guest, CreateChat(), answer=True), timeout_s=5)
        for _again in range(2):
            await chat.ask(Receive("user:guest:g1", Forsake()), timeout_s=5)
        (entry,) = await entries_of(app, "user:guest:g1")
        assert (entry.action, entry.target) == ("chat.forsake", "chat:c")
