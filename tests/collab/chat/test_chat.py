"""A chat, command by command; each group opens with what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from collab.chat import CHAT
from collab.chat.commands import (
    AddMember,
    BranchChat,
    CreateChat,
    DeleteChat,
    GetBranches,
    GetChat,
    LeaveChat,
    PublishChat,
    RemoveMember,
    RenameChat,
    SetMemberRole,
    TransferChat,
    UpdateChat,
)
from collab.chat.state import ChatState
from collab.errors import CollabError, Conflict, LimitExceeded, NotFound, PermissionDenied
from collab.kind import RECHECK, Caller, Signal
from collab.limits import BRANCHES_MAX, CHAT_MEMBERS_MAX, CHAT_TOUCH_MS, MESSAGE_TAIL_MAX
from collab.messages import (
    DeleteAnyMessage,
    DeleteMessage,
    GetMessage,
    PageHistory,
    PageMessages,
    PostMessage,
)
from collab.user.commands import ListItem, UnlistItem
from protocol.errors import WireError
from protocol.structure import JSON, structure
from tests.collab.messages.stage import Stage


@pytest.fixture
def chat() -> Stage[ChatState]:
    """A chat of ann's; bob edits, eve reads."""
    stage = Stage(CHAT, "c1")
    stage.do("ann", CreateChat(title="Plans", model="m", project="p"))
    stage.do("ann", AddMember(user_id="bob"))
    stage.do("ann", AddMember(user_id="eve", role="viewer"))
    stage.signals.clear()
    return stage


def told(stage: Stage[ChatState]) -> dict[str, Any]:
    """Return the newest signal to each user since the last look, and forget them."""
    signals: dict[str, Signal] = {signal.target: signal for signal in stage.signals}
    stage.signals.clear()
    return {target.removeprefix("user:"): signal.command for target, signal in signals.items()}


# ---------------------------------------------------------------- given any bad input


@pytest.mark.parametrize(
    ("shape", "args"),
    [
        (CreateChat, {"title": "x" * 201}),
        (CreateChat, {"title": None}),
        (CreateChat, {"model": ""}),
        (CreateChat, {"project": "a b"}),
        (CreateChat, {"is_public": "yes"}),
        (CreateChat, {"system_prompt": "x" * 32_001}),
        (RenameChat, {}),
        (RenameChat, {"title": ""}),
        (UpdateChat, {}),
        (UpdateChat, {"model": "x" * 101}),
        (UpdateChat, {"project": "a b"}),
        (PublishChat, {}),
        (PublishChat, {"on": 1}),
        (TransferChat, {}),
        (TransferChat, {"user_id": "not a key"}),
        (AddMember, {"user_id": ""}),
        (AddMember, {"user_id": "bob/../ann"}),
        (AddMember, {"user_id": "bob", "role": "owner"}),
        (RemoveMember, {"user_id": 5}),
        (SetMemberRole, {"user_id": "bob", "role": "public"}),
        (BranchChat, {"message_id": -1}),
        (BranchChat, {"message_id": 1.0}),
    ],
)
def test_bad_input_does_not_reach_the_rules(shape: type, args: dict[str, Any]) -> None:
    """[C1.1] Arguments are checked before anything else, and nothing is coerced."""
    with pytest.raises(WireError) as refused:
        structure(args, shape, encoding=JSON)
    assert refused.value.code == "bad_request"


# ---------------------------------------------------------------- given chat.create


def test_create_refuses_a_chat_that_exists(chat: Stage[ChatState]) -> None:
    """[C1.2] Nobody founds what is there, not even its owner."""
    for who in ("ann", "bob", "eve", "zoe"):
        with pytest.raises(PermissionDenied):
            chat.do(who, CreateChat())


async def test_who_creates_a_chat_owns_it() -> None:
    """[C1.2] The reply shows the chat as chat.get does; the owner's list shows it too."""
    chat = Stage(CHAT, "c1")
    with pytest.raises(PermissionDenied):
        chat.do("ann", PostMessage(text="too early"))
    reply = chat.do("ann", CreateChat(title="Plans", system_prompt="Be kind."))
    assert reply == await chat.look("ann", GetChat())
    assert reply == {
        "id": "c1",
        "created_ms": chat.now_ms,
        "title": "Plans",
        "model": None,
        "system_prompt": "Be kind.",
        "project": None,
        "is_public": False,
        "role": "owner",
    }
    assert told(chat) == {
        "ann": ListItem(
            kind="chat",
            target="chat:c1",
            title="Plans",
            status="open",
            role="owner",
            at_ms=chat.now_ms,
            version=1,
        )
    }


# ---------------------------------------------------------------- given chat.rename and chat.update


def test_settings_change_only_if_they_differ(chat: Stage[ChatState]) -> None:
    """[C1.3] None leaves a setting, an empty text takes it away; no change, no event."""
    seq = chat.seq
    chat.do("bob", RenameChat(title="Plans"))
    chat.do("bob", UpdateChat(model="m"))
    assert chat.seq == seq
    chat.do("bob", UpdateChat(system_prompt="Hm.", project=""))
    state = chat.state
    assert (state.model, state.system_prompt, state.project) == ("m", "Hm.", None)
    assert told(chat) == {}
    chat.do("bob", RenameChat(title="New"))
    news = told(chat)
    assert {who: signal.title for who, signal in news.items()} == dict.fromkeys(
        ("ann", "bob", "eve"), "New"
    )
    assert {who: signal.role for who, signal in news.items()} == {
        "ann": "owner",
        "bob": "editor",
        "eve": "viewer",
    }


# ---------------------------------------------------------------- given chat.publish


async def test_the_public_link_lets_anybody_read_and_nobody_write(chat: Stage[ChatState]) -> None:
    """[C1.4] Public readers see settings and messages, not the members."""
    with pytest.raises(PermissionDenied):
        await chat.look("zoe", GetChat())
    with pytest.raises(PermissionDenied):
        chat.do("bob", PublishChat(on=True))
    chat.do("ann", PublishChat(on=True))
    assert (await chat.look("zoe", GetChat()))["role"] == "public"
    assert await chat.look("zoe", PageMessages()) == {"messages": [], "more": False}
    chat.snapshot("zoe", "messages")
    with pytest.raises(PermissionDenied):
        chat.do("zoe", PostMessage(text="hi"))
    with pytest.raises(PermissionDenied):
        chat.snapshot("zoe", "members")


async def test_turning_the_link_off_shuts_out_whoever_came_through_it(
    chat: Stage[ChatState],
) -> None:
    """[C1.4] The runtime checks every subscription again; repeating changes nothing."""
    chat.do("ann", PublishChat(on=True))
    chat.do("ann", PublishChat(on=True))
    assert chat.shut_out == []
    chat.do("ann", PublishChat(on=False))
    chat.do("ann", PublishChat(on=False))
    assert chat.shut_out == [RECHECK]
    with pytest.raises(PermissionDenied):
        await chat.look("zoe", GetChat())


# ---------------------------------------------------------------- given members


def test_members_refuse_what_makes_no_sense(chat: Stage[ChatState]) -> None:
    """[C1.5] Strangers cannot be changed, the owner cannot be removed, demoted or leave."""
    refused: list[tuple[type[CollabError], str, object]] = [
        (NotFound, "ann", RemoveMember(user_id="zoe")),
        (NotFound, "ann", SetMemberRole(user_id="zoe")),
        (NotFound, "ann", TransferChat(user_id="zoe")),
        (Conflict, "ann", AddMember(user_id="eve", role="editor")),
        (Conflict, "ann", AddMember(user_id="ann")),
        (Conflict, "ann", RemoveMember(user_id="ann")),
        (Conflict, "ann", SetMemberRole(user_id="ann")),
        (Conflict, "ann", LeaveChat()),
        (PermissionDenied, "bob", AddMember(user_id="zoe")),
        (PermissionDenied, "bob", RemoveMember(user_id="eve")),
        (PermissionDenied, "bob", DeleteChat()),
    ]
    for error, who, command in refused:
        with pytest.raises(error):
            chat.do(who, command)
    assert chat.seq == 3


def test_members_are_bounded(chat: Stage[ChatState]) -> None:
    """[C1.5] CHAT_MEMBERS_MAX, the owner included; a welcome respects it too."""
    for n in range(CHAT_MEMBERS_MAX - 3):
        chat.do("ann", AddMember(user_id=f"u{n}"))
    with pytest.raises(LimitExceeded):
        chat.do("ann", AddMember(user_id="one-more"))
    dev = Caller(user_id="dev", is_dev=True)
    assert CHAT.welcome(chat.state, dev, chat.context(dev)) == []


def test_a_member_comes_changes_and_goes(chat: Stage[ChatState]) -> None:
    """[C1.5] Each step is told to that member only; being removed shuts out at once."""
    chat.do("ann", AddMember(user_id="zoe"))
    chat.do("ann", AddMember(user_id="zoe"))
    assert {who: signal.role for who, signal in told(chat).items()} == {"zoe": "editor"}
    chat.do("ann", SetMemberRole(user_id="zoe", role="viewer"))
    chat.do("ann", SetMemberRole(user_id="zoe", role="viewer"))
    assert {who: signal.role for who, signal in told(chat).items()} == {"zoe": "viewer"}
    with pytest.raises(PermissionDenied):
        chat.do("zoe", PostMessage(text="x"))
    chat.do("ann", RemoveMember(user_id="zoe"))
    unlisted = UnlistItem(target="chat:c1", at_ms=chat.now_ms, version=chat.seq)
    assert told(chat) == {"zoe": unlisted}
    assert chat.shut_out == ["zoe"]
    with pytest.raises(PermissionDenied):
        chat.snapshot("zoe", "messages")


def test_leaving_is_a_removal_by_oneself(chat: Stage[ChatState]) -> None:
    """[C1.5] It shuts out at once, and the event says who did it."""
    chat.do("bob", LeaveChat())
    stamp, event = chat.history[-1]
    assert (event.TAG, event.user_id, stamp.by) == ("member.removed", "bob", "bob")
    assert chat.shut_out == ["bob"]
    assert list(told(chat)) == ["bob"]
    with pytest.raises(PermissionDenied):
        chat.do("bob", LeaveChat())


def test_a_transfer_swaps_two_roles_in_one_event(chat: Stage[ChatState]) -> None:
    """[C1.6] There is exactly one owner at any time; transferring to oneself changes nothing."""
    chat.do("ann", TransferChat(user_id="ann"))
    with pytest.raises(PermissionDenied):
        chat.do("bob", TransferChat(user_id="bob"))
    assert chat.seq == 3
    chat.do("ann", TransferChat(user_id="eve"))
    assert chat.seq == 4
    assert chat.state.members == {"ann": "editor", "bob": "editor", "eve": "owner"}
    assert {who: s.role for who, s in told(chat).items()} == {"ann": "editor", "eve": "owner"}
    chat.do("ann", LeaveChat())


# ---------------------------------------------------------------- given chat.delete


async def test_a_deleted_chat_refuses_everything(chat: Stage[ChatState]) -> None:
    """[C1.7] Writes and streams are denied, reads are not found, content leaves memory."""
    chat.do("ann", PostMessage(text="secret"))
    told(chat)
    chat.do("ann", DeleteChat())
    assert set(told(chat)) == {"ann", "bob", "eve"}
    assert set(chat.shut_out) == {"ann", "bob", "eve", RECHECK}
    for who in ("ann", "zoe"):
        for query in (
            GetChat(),
            GetBranches(),
            PageMessages(),
            GetMessage(id=4),
            PageHistory(id=4),
        ):
            with pytest.raises(NotFound):
                await chat.look(who, query)
        for command in CHAT.commands:
            with pytest.raises(PermissionDenied):
                chat.check(who, command.TAG)
        for topic in CHAT.topics:
            with pytest.raises(PermissionDenied):
                chat.snapshot(who, topic)
    assert b"secret" not in chat.dump()
    dev = Caller(user_id="dev", is_dev=True)
    assert CHAT.welcome(chat.state, dev, chat.context(dev)) == []


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
