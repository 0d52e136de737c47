"""A chat under random commands of random people, and what their own lists make of it."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from collab.chat import CHAT
from collab.chat.commands import (
    AddMember,
    BranchChat,
    CreateChat,
    DeleteChat,
    LeaveChat,
    PublishChat,
    RemoveMember,
    RenameChat,
    SetMemberRole,
    TransferChat,
    UpdateChat,
)
from collab.chat.state import ChatState
from collab.errors import CollabError
from collab.kind import Caller, Signal
from collab.messages import DeleteMessage, EditMessage, PostMessage, React
from collab.user import USER
from collab.user.state import UserState
from tests.collab.messages.stage import Stage

PEOPLE = ("ann", "bob", "eve")
WHO = st.sampled_from(PEOPLE)
ROLES = st.sampled_from(["editor", "viewer"])
TITLES = st.sampled_from(["one", "two"])
IDS = st.integers(1, 12)
COMMANDS = st.one_of(
    st.builds(CreateChat, title=TITLES, is_public=st.booleans()),
    st.builds(RenameChat, title=TITLES),
    st.builds(UpdateChat, model=st.sampled_from(["", "m"])),
    st.builds(PublishChat, on=st.booleans()),
    st.builds(AddMember, user_id=WHO, role=ROLES),
    st.builds(AddMember, user_id=WHO, role=ROLES),
    st.builds(RemoveMember, user_id=WHO),
    st.builds(SetMemberRole, user_id=WHO, role=ROLES),
    st.builds(TransferChat, user_id=WHO),
    st.builds(LeaveChat),
    st.builds(PostMessage, text=TITLES),
    st.builds(EditMessage, id=IDS, text=TITLES),
    st.builds(DeleteMessage, id=IDS),
    st.builds(React, id=IDS, emoji=st.just("+")),
    st.builds(BranchChat, message_id=st.integers(0, 12)),
)
STEPS = st.lists(st.tuples(WHO, COMMANDS, st.integers(0, 50_000)), max_size=30)


def play(steps: list[tuple[str, Any, int]], *, is_deleted: bool) -> Stage[ChatState]:
    """Play all steps; check after each that the chat has exactly one owner while it exists."""
    chat = Stage(CHAT, "c")
    chat.do("ann", CreateChat(title="one"))
    for who, command, later_ms in steps:
        chat.now_ms += later_ms
        try:
            chat.do(who, command)
        except CollabError:
            continue
        assert list(chat.state.members.values()).count("owner") == 1
    if is_deleted:
        owner = next(who for who, role in chat.state.members.items() if role == "owner")
        chat.do(owner, DeleteChat())
    return chat


@settings(max_examples=120, deadline=None)
@given(STEPS, st.booleans())
def test_a_replay_and_a_snapshot_equal_the_live_state(steps: list[Any], is_deleted: bool) -> None:
    """[C1.11] Whatever was played, there is one owner, and the events alone make the state."""
    chat = play(steps, is_deleted=is_deleted)
    assert chat.replayed() == chat.state == chat.restored()


@settings(max_examples=120, deadline=None)
@given(STEPS, st.booleans(), st.randoms(use_true_random=False))
def test_members_lists_end_up_saying_what_the_chat_says(
    steps: list[Any], is_deleted: bool, shuffle: random.Random
) -> None:
    """[C1.9] Lists converge to membership, role and title, in whatever order signals arrive."""
    chat = play(steps, is_deleted=is_deleted)
    signals: list[Signal] = chat.signals * 2
    shuffle.shuffle(signals)
    lists: dict[str, Stage[UserState]] = {f"user:{who}": Stage(USER, who) for who in PEOPLE}
    for signal in signals:
        lists[signal.target].receive(signal.command)
    for who in PEOPLE:
        entry = lists[f"user:{who}"].state.items.get("chat:c")
        role = chat.state.role_of(Caller(user_id=who))
        if role in ("owner", "editor", "viewer"):
            assert entry is not None
            assert (entry.role, entry.title) == (role, chat.state.title)
        else:
            assert entry is None


@settings(max_examples=120, deadline=None)
@given(STEPS, st.booleans())
def test_whoever_may_not_read_any_more_was_shut_out(steps: list[Any], is_deleted: bool) -> None:
    """[C1.12] No event takes reading away from anybody without naming them, or everybody."""
    chat = Stage(CHAT, "c")
    chat.do("ann", CreateChat(title="one", is_public=True))
    people = [Caller(user_id=who) for who in (*PEOPLE, "zoe")]

    def readers() -> set[str]:
        permissions = CHAT.permissions
        return {
            person.user_id
            for person in people
            if "read:messages" in permissions.get(CHAT.role_of(chat.state, person), ())
        }

    steps = [*steps, ("ann", DeleteChat(), 0)] if is_deleted else steps
    for who, command, _later_ms in steps:
        before = readers()
        chat.shut_out.clear()
        try:
            chat.do(who, command)
        except CollabError:
            continue
        assert "" in chat.shut_out or before - readers() <= set(chat.shut_out)
