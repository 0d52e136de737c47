"""Messages of a chat: who writes, branches, lists that move; and development."""

from __future__ import annotations

import pytest

from collab.chat import CHAT
from collab.chat.commands import (
    BranchChat,
    GetBranches,
)
from collab.chat.state import ChatState
from collab.errors import LimitExceeded, NotFound, PermissionDenied
from collab.kind import Caller
from collab.limits import BRANCHES_MAX, CHAT_TOUCH_MS, MESSAGE_TAIL_MAX
from collab.messages import (
    DeleteAnyMessage,
    DeleteMessage,
    PostMessage,
)
from tests.collab.chat.signals import told
from tests.collab.messages.stage import Stage

# ---------------------------------------------------------------- given messages and branches


def test_editors_write_viewers_read_the_owner_moderates(chat: Stage[ChatState]) -> None:
    """[C1.8] The table decides who posts; authorship who deletes; the owner may delete any."""
    message_id = chat.do("bob", PostMessage(text="x"))["id"]
    with pytest.raises(PermissionDenied):
        chat.do("eve", PostMessage(text="x"))
    with pytest.raises(PermissionDenied):
        chat.do("ann", DeleteMessage(id=message_id))
    with pytest.raises(PermissionDenied):
        chat.do("bob", DeleteAnyMessage(id=message_id))
    chat.do("ann", DeleteAnyMessage(id=message_id))


def test_lists_move_at_most_once_a_minute_while_messages_are_posted(
    chat: Stage[ChatState],
) -> None:
    """[C1.9] A busy chat comes to the top of its members' lists without a signal per message."""
    moves = 0
    for _ in range(10):
        chat.now_ms += CHAT_TOUCH_MS // 4
        chat.do("bob", PostMessage(text="x"))
        chat.do("ann", PostMessage(text="y"))
        news = told(chat)
        assert len(news) in (0, 3)
        moves += len(news) // 3
    assert moves == 2
    assert chat.replayed() == chat.state


async def test_branch_moves_the_end_that_posts_follow(chat: Stage[ChatState]) -> None:
    """[C2.7] A message in the middle begins a branch, another end switches, 0 begins anew."""
    with pytest.raises(NotFound):
        chat.do("ann", BranchChat(message_id=99))
    with pytest.raises(PermissionDenied):
        chat.do("eve", BranchChat(message_id=0))
    one = chat.do("ann", PostMessage(text="one"))["id"]
    two = chat.do("ann", PostMessage(text="two"))["id"]
    chat.do("ann", BranchChat(message_id=two))
    assert chat.seq == two
    chat.do("ann", BranchChat(message_id=one))
    fork = chat.do("ann", PostMessage(text="two, otherwise"))["id"]
    chat.do("ann", BranchChat(message_id=two))
    three = chat.do("ann", PostMessage(text="three"))["id"]
    chat.do("ann", BranchChat(message_id=0))
    anew = chat.do("ann", PostMessage(text="anew"))["id"]
    parents = {m.id: m.parent for m in chat.state.messages.tail}
    assert parents == {one: 0, two: one, fork: one, three: two, anew: 0}
    assert await chat.look("eve", GetBranches()) == {"leaf": anew, "leaves": [fork, three, anew]}
    assert chat.snapshot("eve", "messages")["leaf"] == anew
    assert chat.replayed() == chat.state


def test_a_branch_can_begin_at_a_message_that_left_memory(chat: Stage[ChatState]) -> None:
    """[C2.7] chat.branch loads the message that it names."""
    first = chat.do("ann", PostMessage(text="first"))["id"]
    for _ in range(MESSAGE_TAIL_MAX):
        chat.do("ann", PostMessage(text="x"))
    with pytest.raises(NotFound):
        chat.do("ann", BranchChat(message_id=first - 1))
    chat.do("ann", BranchChat(message_id=first))
    assert chat.state.messages.leaf == first


def test_branch_refuses_where_the_next_post_would_be_one_branch_too_many(
    chat: Stage[ChatState],
) -> None:
    """[C2.7] The bound is told when branching, and holds when posting."""
    root = chat.do("ann", PostMessage(text="root"))["id"]
    for _ in range(BRANCHES_MAX):
        end = chat.do("ann", PostMessage(text="x", parent=root))["id"]
    with pytest.raises(LimitExceeded):
        chat.do("ann", BranchChat(message_id=root))
    chat.do("ann", BranchChat(message_id=end - 1))


# ---------------------------------------------------------------- given a development token


def test_in_development_a_chat_comes_into_being_when_opened() -> None:
    """[C1.10] The first to come owns it, the others edit; members are not welcomed again."""
    chat = Stage(CHAT, "c1")
    ann, bob = (Caller(user_id=who, is_dev=True) for who in ("ann", "bob"))
    for caller in (ann, bob, ann, bob):
        chat.happen(caller.user_id, CHAT.welcome(chat.state, caller, chat.context(caller)))
    assert chat.seq == 2
    assert chat.state.members == {"ann": "owner", "bob": "editor"}
