"""What readers see of a chat, whom it tells about itself, and whom it shuts out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from collab import messages, notes
from collab.chat.commands import (
    BranchChat,
    ChatCreated,
    ChatDeleted,
    ChatPublished,
    ChatRenamed,
    ChatTransferred,
    GetBranches,
    GetChat,
    MemberAdded,
    MemberRemoved,
    MemberRoleSet,
)
from collab.chat.handing_over import MemberMoved
from collab.chat.state import ChatState
from collab.chat.taking_up import present
from collab.errors import NotFound
from collab.kind import RECHECK, Answer, Caller, Context, Put, Remove, Signal, Stamp
from collab.messages import MessagePosted, counting, missing
from collab.messages import needs as messages_need
from collab.messages.counting import MessagesCounted
from collab.user.commands import LIST_SLOT, ListItem, UnlistItem
from collab.user.profile.cards import GetCards
from collab.user.profile.cards import answer as answer_cards

# ---------------------------------------------------------------- queries and snapshots


def existing(
    answer: Callable[[ChatState, Any, Context], Answer],
) -> Callable[[ChatState, Any, Context], Answer]:
    """Return *answer*, but NotFound for a chat that was deleted."""

    def answer_if_it_exists(state: ChatState, query: Any, context: Context) -> Answer:
        if not state.exists:
            raise NotFound("this chat was deleted")
        return answer(state, query, context)

    return answer_if_it_exists


def get(state: ChatState, _query: GetChat, context: Context) -> Answer:
    """Return the settings, and the caller's role."""
    return Answer({**state.plain(), "role": state.role_of(context.caller)})


def cards(state: ChatState, query: GetCards, _context: Context) -> Answer:
    """Return the cards of members who are in of their own accord."""
    return answer_cards(query, present(state))


def branches(state: ChatState, _query: GetBranches, _context: Context) -> Answer:
    """Return the ends of all branches, the one that grew last at the end."""
    log = state.messages
    return Answer({"leaf": log.leaf, "leaves": list(log.leaves)})


def state_now(state: ChatState, _caller: Caller) -> Mapping[str, Any]:
    """Return the snapshot of topic ``state``."""
    return state.plain()


def members_now(state: ChatState, _caller: Caller) -> Mapping[str, Any]:
    """Return the snapshot of topic ``members``: user id to role.

    ``heirs``, if there are any: authors who go on under another id.
    """
    heirs = state.messages.heirs
    return {"members": dict(state.members), **({"heirs": dict(heirs)} if heirs else {})}


def needs(state: ChatState, command: Any) -> Mapping[str, Sequence[int]]:
    """Return the old messages that *command* names."""
    if type(command) is BranchChat:
        return missing(state.messages, [command.message_id])
    return messages_need(state, command)


# ---------------------------------------------------------------- consequences


def rows(state: ChatState, event: Any, stamp: Stamp) -> Sequence[Put | Remove]:
    """Return the rows of a message's or the notes' event."""
    return messages.rows(state, event, stamp) or notes.rows(state, event, stamp)


def signals_of(state: ChatState, event: Any, stamp: Stamp) -> Sequence[Signal]:
    """Return what members' own lists are told.

    A message moves the lists only if none did for ``CHAT_TOUCH_MS``: a busy chat costs its members
    one signal a minute, not one a message.
    """
    kind = type(event)
    if kind is MessagePosted:
        return _all_listed(state, stamp) if state.listed_seq == stamp.seq else ()
    if kind is MessagesCounted:
        return counting.signals(state.messages, f"chat:{state.key}", state.members)
    if kind in (ChatCreated, ChatRenamed):
        return _all_listed(state, stamp)
    if kind in (MemberAdded, MemberRoleSet):
        return [_listed(state, event.user_id, stamp)]
    if kind is ChatTransferred:
        return [_listed(state, user_id, stamp) for user_id in (stamp.by, event.owner_id)]
    if kind is MemberRemoved:
        return [_unlisted(state, event.user_id, stamp)]
    if kind is MemberMoved:
        brought = [who for who, by in state.invited_by.items() if by == event.from_id]
        told = [_listed(state, who, stamp) for who in dict.fromkeys([event.to_id, *brought])]
        return [*told, _unlisted(state, event.from_id, stamp)]
    if kind is ChatDeleted:
        return [_unlisted(state, user_id, stamp) for user_id in state.members]
    return ()


def _all_listed(state: ChatState, stamp: Stamp) -> Sequence[Signal]:
    return [_listed(state, user_id, stamp) for user_id in state.members]


def _listed(state: ChatState, user_id: str, stamp: Stamp) -> Signal:
    brought_by = state.invited_by.get(user_id)
    heir = None if brought_by is None else state.messages.heirs.get(brought_by)
    item = ListItem(
        kind="chat",
        target=f"chat:{state.key}",
        title=state.title,
        status="open",
        role=state.members[user_id],
        at_ms=stamp.at_ms,
        version=stamp.seq,
        by=stamp.by,
        invited_by=heir or brought_by,
        invited_as=brought_by if heir else None,
        inviter_org=state.inviter_orgs.get(user_id),
        count=state.messages.count,
        seen=state.messages.seen.get(user_id, 0),
    )
    return Signal(f"user:{user_id}", item, LIST_SLOT)


def _unlisted(state: ChatState, user_id: str, stamp: Stamp) -> Signal:
    target = f"chat:{state.key}"
    item = UnlistItem(target=target, at_ms=stamp.at_ms, version=stamp.seq, by=stamp.by)
    return Signal(f"user:{user_id}", item, LIST_SLOT)


def revokes(state: ChatState, event: Any) -> Sequence[str]:
    """Return whom *event* shuts out.

    A removed member of a public chat is shut out as well, since they saw what the public does not;
    they may come back through the link.
    """
    kind = type(event)
    if kind is MemberRemoved:
        return [event.user_id]
    if kind is MemberMoved:
        return [event.from_id]
    # Whoever came through the public link is known to nobody but the subscriptions: RECHECK.
    if kind is ChatDeleted:
        return [*state.members, RECHECK]
    if kind is ChatPublished and not event.on:
        return [RECHECK]
    return ()
