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
from collab.kind import RECHECK, Caller
from collab.limits import CHAT_MEMBERS_MAX
from collab.messages import (
    GetMessage,
    PageHistory,
    PageMessages,
    PostMessage,
)
from collab.user.commands import ListItem, UnlistItem
from protocol.errors import WireError
from protocol.structure import JSON, structure
from tests.collab.chat.signals import told
from tests.collab.messages.stage import Stage

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
            by="ann",
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
    unlisted = UnlistItem(target="chat:c1", at_ms=chat.now_ms, version=chat.seq, by="ann")
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
