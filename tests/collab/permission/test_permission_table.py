"""The whole permission matrix, written out a second time and by hand.

A change of the table must be made here too: that is the point. ``x`` is allowed, ``.`` refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

from collab.audit.kind import AUDIT
from collab.chat import CHAT
from collab.chat.commands import AddMember, CreateChat, DeleteChat
from collab.errors import PermissionDenied
from collab.flags import FLAGS
from collab.keyring import KEYS
from collab.kind import Caller, Kind
from collab.kinds import BUILT_IN
from collab.meeting import MEETING
from collab.permission.table import TABLE, permissions_for
from collab.preferences import PREFERENCES
from collab.quotas import QUOTA
from collab.standing.kind import STANDING
from collab.timers import TIMERS
from collab.user import USER
from collab.user.claiming import BeClaimed
from collab.user.connections.commands import AcceptConnection, LinkTold
from collab.user.profile.commands import SignedIn
from tests.collab.messages.stage import Stage
from tests.collab.permission.server_grids import (
    AUDIT_GRID,
    FLAGS_GRID,
    KEYS_GRID,
    PREFERENCES_GRID,
    QUOTA_GRID,
    TIMERS_GRID,
)

CHAT_GRID: Final = """
                     founder owner editor viewer public outsider gone
chat.create                x     .      .      .      .        .    .
chat.rename                .     x      x      .      .        .    .
chat.update                .     x      x      .      .        .    .
chat.publish               .     x      .      .      .        .    .
chat.transfer              .     x      .      .      .        .    .
chat.delete                .     x      .      .      .        .    .
chat.branch                .     x      x      .      .        .    .
members.add                .     x      .      .      .        .    .
members.remove             .     x      .      .      .        .    .
members.set_role           .     x      .      .      .        .    .
members.leave              .     x      x      x      .        .    .
messages.post              .     x      x      .      .        .    .
messages.edit              .     x      x      .      .        .    .
messages.delete            .     x      x      .      .        .    .
messages.delete_any        .     x      .      .      .        .    .
messages.react             .     x      x      .      .        .    .
notes.edit                 .     x      x      .      .        .    .
notes.name_version         .     x      x      .      .        .    .
notes.discard_branch       .     x      x      .      .        .    .
notes.undo                 .     x      x      .      .        .    .
notes.redo                 .     x      x      .      .        .    .
notes.restore              .     x      x      .      .        .    .
notes.merge_branch         .     x      x      .      .        .    .
notes.import               .     x      x      .      .        .    .
chat.get                   .     x      x      x      x        .    x
chat.branches              .     x      x      x      x        .    x
people.cards               .     x      x      x      .        .    x
messages.page              .     x      x      x      x        .    x
messages.get               .     x      x      x      x        .    x
messages.history           .     x      x      x      x        .    x
read:state                 .     x      x      x      x        .    .
read:messages              .     x      x      x      x        .    .
notes.sync                 .     x      x      x      x        .    x
notes.versions             .     x      x      x      x        .    x
notes.moments              .     x      x      x      x        .    x
notes.branches             .     x      x      x      x        .    x
notes.at                   .     x      x      x      x        .    x
notes.branch               .     x      x      x      x        .    x
notes.export               .     x      x      x      x        .    x
notes.authors              .     x      x      x      x        .    x
read:notes                 .     x      x      x      x        .    .
read:members               .     x      x      x      .        .    .
"""

USER_GRID: Final = """
                     self guest claimed connection colleague outsider
user.pin                x    x      .        .         .        .
user.archive            x    x      .        .         .        .
user.read               x    x      .        .         .        .
user.welcome            x    x      .        .         .        .
user.door               x    x      .        .         .        .
user.list               x    x      x        .         .        .
user.inbox              x    x      x        .         .        .
notices.see             x    x      .        .         .        .
notices.list            x    x      x        .         .        .
connections.request     x    .      .        .         .        .
connections.accept      x    x      .        .         .        .
connections.decline     x    x      .        .         .        .
connections.withdraw    x    x      .        .         .        .
connections.remove      x    x      .        .         .        .
connections.block       x    x      .        .         .        .
connections.unblock     x    x      .        .         .        .
connections.list        x    x      x        .         .        .
profile.set             x    x      .        .         .        .
profile.get             x    x      x        .         .        .
profile.card            x    x      x        x         x        .
profile.taxonomy        x    x      x        .         .        .
read:list               x    x      x        .         .        .
read:notices            x    x      x        .         .        .
read:connections        x    x      x        .         .        .
read:profile            x    x      x        .         .        .
"""

MEETING_GRID: Final = """
                      founder host speaker attendee transcriber invited left org_admin archivist outsider
meeting.schedule         x     x      .       .          .         .     .       .         .        .
meeting.update           .     x      .       .          .         .     .       .         .        .
meeting.reschedule       .     x      .       .          .         .     .       .         .        .
meeting.start            .     x      .       .          .         .     .       .         .        .
meeting.end              .     x      .       .          .         .     .       x         .        .
meeting.cancel           .     x      .       .          .         .     .       x         .        .
meeting.transfer         .     x      .       .          .         .     .       x         .        .
participants.invite      .     x      .       .          .         .     .       x         .        .
participants.remove      .     x      .       .          .         .     .       x         x        .
participants.set_role    .     x      .       .          .         .     .       x         .        .
participants.join        .     x      x       x          x         x     x       x         .        .
participants.leave       .     x      x       x          x         x     .       .         .        .
transcript.add           .     x      x       .          x         .     .       .         .        .
transcript.add_many      .     x      x       .          x         .     .       .         .        .
messages.post            .     x      x       x          .         .     .       .         .        .
messages.edit            .     x      x       x          .         .     .       .         .        .
messages.delete          .     x      x       x          .         .     .       .         .        .
messages.delete_any      .     x      .       .          .         .     .       .         .        .
messages.react           .     x      x       x          .         .     .       .         .        .
notes.edit               .     x      x       x          .         .     .       .         .        .
notes.name_version       .     x      x       x          .         .     .       .         .        .
notes.discard_branch     .     x      x       x          .         .     .       .         .        .
notes.undo               .     x      x       x          .         .     .       .         .        .
notes.redo               .     x      x       x          .         .     .       .         .        .
notes.restore            .     x      x       x          .         .     .       .         .        .
notes.merge_branch       .     x      x       x          .         .     .       .         .        .
notes.import             .     x      x       x          .         .     .       .         .        .
meeting.get              .     x      x       x          x         x     .       x         x        .
participants.list        .     x      x       x          x         .     .       x         x        .
people.cards             .     x      x       x          x         .     .       x         x        .
transcript.page          .     x      x       x          x         .     .       .         x        .
transcript.range         .     x      x       x          x         .     .       .         x        .
messages.page            .     x      x       x          .         .     .       .         x        .
messages.get             .     x      x       x          .         .     .       .         x        .
messages.history         .     x      x       x          .         .     .       .         x        .
read:state               .     x      x       x          x         .     .       x         x        .
read:participants        .     x      x       x          x         .     .       x         x        .
read:transcript          .     x      x       x          x         .     .       .         x        .
read:messages            .     x      x       x          .         .     .       .         x        .
notes.sync               .     x      x       x          x         .     .       .         x        .
notes.versions           .     x      x       x          x         .     .       .         x        .
notes.moments            .     x      x       x          x         .     .       .         x        .
notes.branches           .     x      x       x          x         .     .       .         x        .
notes.at                 .     x      x       x          x         .     .       .         x        .
notes.branch             .     x      x       x          x         .     .       .         x        .
notes.export             .     x      x       x          x         .     .       .         x        .
notes.authors            .     x      x       x          x         .     .       .         x        .
read:notes               .     x      x       x          x         .     .       .         x        .
"""  # noqa: E501 -- a grid

Cell = tuple[str, str, bool]  # role, action, is it allowed


def cells(grid: str) -> Iterator[Cell]:
    """Read a grid."""
    head, *lines = grid.strip("\n").splitlines()
    roles = head.split()
    for line in lines:
        action, *marks = line.split()
        assert len(marks) == len(roles), line
        for role, mark in zip(roles, marks, strict=True):
            yield role, action, {"x": True, ".": False}[mark]


GRIDS: Final[dict[str, tuple[Kind[Any], list[Cell]]]] = {
    "meeting": (MEETING, list(cells(MEETING_GRID))),
    "chat": (CHAT, list(cells(CHAT_GRID))),
    "user": (USER, list(cells(USER_GRID))),
    "standing": (STANDING, []),  # Nobody may do anything there.
    "audit": (AUDIT, list(cells(AUDIT_GRID))),
    "timers": (TIMERS, list(cells(TIMERS_GRID))),
    "flags": (FLAGS, list(cells(FLAGS_GRID))),
    "quota": (QUOTA, list(cells(QUOTA_GRID))),
    "keys": (KEYS, list(cells(KEYS_GRID))),
    "preferences": (PREFERENCES, list(cells(PREFERENCES_GRID))),
}
EVERY_CELL: Final = [(name, *cell) for name, (_kind, grid) in GRIDS.items() for cell in grid]


@pytest.mark.parametrize(("kind_name", "role", "action", "is_allowed"), EVERY_CELL)
def test_the_table_says_what_the_matrix_says(
    kind_name: str, role: str, action: str, is_allowed: bool
) -> None:
    """[P3.1] Every role, every command, query and topic of every built-in kind."""
    kind, _grid = GRIDS[kind_name]
    assert (action in kind.permissions.get(role, frozenset())) == is_allowed


@pytest.mark.parametrize("kind_name", list(GRIDS))
def test_every_action_of_a_kind_is_in_the_table(kind_name: str) -> None:
    """[P3.2] Nothing that a kind can do was forgotten, and no role has a row of its own."""
    kind, grid = GRIDS[kind_name]
    assert {action for _role, action, _ in grid} == kind.actions
    assert kind.allowed == kind.actions, "somebody may do it"
    assert set(kind.permissions) <= {role for role, _action, _ in grid}


def test_the_table_is_the_only_one() -> None:
    """[P3.3] Every built-in kind asks this table, and it knows no other kinds."""
    assert {kind.name for kind in BUILT_IN} == set(TABLE) == set(GRIDS)
    for kind in BUILT_IN:
        assert kind.permissions == permissions_for(kind.name)
    with pytest.raises(KeyError):
        permissions_for("tea-party")


def _chat(role: str) -> tuple[Stage[Any], Caller]:
    """Return a chat in which the caller has *role*."""
    chat: Stage[Any] = Stage(CHAT, "c")
    me = Caller(user_id="me")
    if role == "founder":
        return chat, me
    chat.do("me" if role == "owner" else "ann", CreateChat(is_public=role == "public"))
    if role == "editor":
        chat.do("ann", AddMember(user_id="me", role="editor"))
    elif role == "viewer":
        chat.do("ann", AddMember(user_id="me", role="viewer"))
    elif role == "gone":
        chat.do("ann", DeleteChat())
    return chat, me


def _user(role: str) -> tuple[Stage[Any], Caller]:
    """Return the actor of a person to whom the caller is what *role* says."""
    if role in ("guest", "claimed"):
        guest: Stage[Any] = Stage(USER, "guest:me")
        if role == "claimed":
            guest.receive(BeClaimed(user_id="ann"), "identity")
        return guest, Caller(user_id="guest:me")
    stage: Stage[Any] = Stage(USER, "me" if role == "self" else "ann")
    if role == "connection":
        stage.receive(LinkTold(attempt=5, wants=True, heard=0), "user:me")
        stage.do("ann", AcceptConnection(user_id="me"))
    elif role == "colleague":
        stage.receive(SignedIn(org_id="acme", at_ms=1), "identity")
    return stage, Caller(user_id="me", org_id="acme" if role == "colleague" else None)


SCENES: Final[dict[str, Callable[[str], tuple[Stage[Any], Caller]]]] = {
    "chat": _chat,
    "user": _user,
}


@pytest.mark.parametrize("kind_name", list(SCENES))
def test_who_stands_in_a_role_may_do_what_the_matrix_says(kind_name: str) -> None:
    """[P3.4] The same matrix through role_of, for people who came into their roles by commands."""
    _kind, grid = GRIDS[kind_name]
    for role, action, is_allowed in grid:
        stage, me = SCENES[kind_name](role)
        assert stage.kind.role_of(stage.state, me) == role
        if is_allowed:
            stage.check(me, action)
        else:
            with pytest.raises(PermissionDenied):
                stage.check(me, action)


def test_claims_do_not_open_a_chat_or_a_list() -> None:
    """[P3.5] An organisation's admin and a development token have no more rights by themselves."""
    chat, _ = _chat("outsider")
    mine, _ = _user("outsider")
    admin = Caller(user_id="me", org_id="o", org_role="admin", session_id="s", is_dev=True)
    assert chat.kind.role_of(chat.state, admin) == "outsider"
    assert mine.kind.role_of(mine.state, admin) == "outsider"
