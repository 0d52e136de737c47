"""``chat:ID``: a shared chat, with people, settings and messages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from collab import messages, notes
from collab.chat import handing_over, rules, taking_up, view
from collab.chat.commands import (
    AddMember,
    BranchChat,
    ChatBranched,
    ChatCreated,
    ChatDeleted,
    ChatPublished,
    ChatRenamed,
    ChatTransferred,
    ChatUpdated,
    CreateChat,
    DeleteChat,
    GetBranches,
    GetChat,
    LeaveChat,
    MemberAdded,
    MemberRemoved,
    MemberRoleSet,
    PublishChat,
    RemoveMember,
    RenameChat,
    SetMemberRole,
    TransferChat,
    UpdateChat,
)
from collab.chat.state import ChatState
from collab.kind import Answer, Context, Kind, Tagged, Topic
from collab.messages import counting
from collab.messages.counting import MessagesCounted, Ring
from collab.permission import noteworthy
from collab.permission.table import permissions_for
from collab.user.profile.cards import GetCards
from collab.user.still_guest import if_still_guest

_ANSWERS: Final[Mapping[type[Tagged], Callable[[ChatState, Any, Context], Answer]]] = (
    MappingProxyType(
        {
            GetChat: view.get,
            GetBranches: view.branches,
            GetCards: view.cards,
            **messages.QUERIES,
            **notes.QUERIES,
        }
    )
)

CHAT: Final = Kind(
    name="chat",
    new_state=ChatState,
    commands={
        CreateChat: if_still_guest(rules.create),
        RenameChat: rules.rename,
        UpdateChat: rules.update,
        PublishChat: rules.publish,
        DeleteChat: rules.delete,
        TransferChat: rules.transfer,
        AddMember: if_still_guest(rules.add_member),
        RemoveMember: rules.remove_member,
        SetMemberRole: rules.set_member_role,
        LeaveChat: rules.leave,
        BranchChat: rules.branch,
        **messages.COMMANDS,
        **notes.COMMANDS,
    },
    idempotent=frozenset({notes.EditNotes}),
    presence_with="members",
    redacts=messages.redacts,
    redacted=messages.redacted,
    queries={query: view.existing(answer) for query, answer in _ANSWERS.items()},
    events=taking_up.noting(
        {
            ChatCreated: rules.was_created,
            ChatRenamed: rules.was_renamed,
            ChatUpdated: rules.was_updated,
            ChatPublished: rules.was_published,
            ChatDeleted: rules.was_deleted,
            ChatTransferred: rules.was_transferred,
            MemberAdded: rules.was_added,
            MemberRemoved: rules.was_removed,
            MemberRoleSet: rules.role_was_set,
            ChatBranched: rules.was_branched,
            handing_over.MemberMoved: handing_over.was_moved,
            taking_up.ChatTakenUp: taking_up.was_taken_up,
            **messages.EVENTS,
            **notes.EVENTS,
            messages.MessagePosted: rules.was_posted,
            MessagesCounted: counting.counted,
        }
    ),
    topics={
        "state": Topic(
            events=(ChatCreated, ChatRenamed, ChatUpdated, ChatPublished, ChatDeleted),
            snapshot=view.state_now,
        ),
        "members": Topic(
            events=(
                ChatTransferred,
                MemberAdded,
                MemberRemoved,
                MemberRoleSet,
                handing_over.MemberMoved,
            ),
            snapshot=view.members_now,
        ),
        "messages": Topic(
            events=(*messages.TOPIC_EVENTS, ChatBranched), snapshot=messages.snapshot
        ),
        "notes": Topic(events=notes.TOPIC_EVENTS, snapshot=notes.snapshot),
    },
    role_of=ChatState.role_of,
    permissions=permissions_for("chat"),
    rows=view.rows,
    signals_of=view.signals_of,
    needs=view.needs,
    load=messages.load,
    study=notes.study,
    settle=notes.settle,
    welcome=rules.welcome,
    revokes=view.revokes,
    signals={
        Ring: rules.ring,
        handing_over.HandOver: handing_over.hand_over,
        handing_over.Forsake: handing_over.forsake,
        taking_up.TakeUp: taking_up.take_up,
    },
    wakes_at=rules.wakes_at,
    audited=noteworthy.CHAT,
    audited_signals=noteworthy.CHAT_SIGNALS,
)
