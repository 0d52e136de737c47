"""The rules of a chat: decide and evolve. Messages have their own (``collab.messages``).

::

    founder --chat.create--> exists --chat.delete--> gone (for good)

There is exactly one owner while a chat exists: made by creation, moved by transfer, and neither
removed nor able to leave.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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
from collab.errors import Conflict, LimitExceeded, NotFound
from collab.kind import Caller, Context, Outcome, Stamp
from collab.limits import BRANCHES_MAX, CHAT_MEMBERS_MAX, CHAT_TOUCH_MS
from collab.messages import EVENTS, MessageLog, MessagePosted, counting
from collab.messages.counting import Ring
from collab.messages.rules import find

# ---------------------------------------------------------------- decide


def create(state: ChatState, command: CreateChat, context: Context) -> Outcome:
    """Create the chat. Permission has seen that it does not exist."""
    created = ChatCreated(
        title=command.title,
        model=command.model,
        system_prompt=command.system_prompt,
        project=command.project,
        is_public=command.is_public,
    )
    after = ChatState(state.key)
    was_created(after, created, Stamp(context.seq + 1, context.now_ms, context.caller.user_id))
    return Outcome([created], {**after.plain(), "role": "owner"})


def rename(state: ChatState, command: RenameChat, _context: Context) -> Outcome:
    """Change the title; the same title again changes nothing."""
    if command.title == state.title:
        return Outcome()
    return Outcome([ChatRenamed(title=command.title)])


def update(state: ChatState, command: UpdateChat, _context: Context) -> Outcome:
    """Change settings; what is so already changes nothing."""
    updated = ChatUpdated(
        model=_new(command.model, state.model),
        system_prompt=_new(command.system_prompt, state.system_prompt),
        project=_new(command.project, state.project),
    )
    if updated == ChatUpdated(
        model=state.model, system_prompt=state.system_prompt, project=state.project
    ):
        return Outcome()
    return Outcome([updated])


def _new(given: str | None, held: str | None) -> str | None:
    """Return a setting's next value: None leaves it, an empty text takes it away."""
    return held if given is None else given or None


def publish(state: ChatState, command: PublishChat, _context: Context) -> Outcome:
    """Turn the public link on or off."""
    return Outcome() if command.on == state.is_public else Outcome([ChatPublished(on=command.on)])


def delete(_state: ChatState, _command: DeleteChat, _context: Context) -> Outcome:
    """Delete the chat."""
    return Outcome([ChatDeleted()])


def transfer(state: ChatState, command: TransferChat, _context: Context) -> Outcome:
    """Hand the chat over; to its owner: nothing changes.

    Raises:
      NotFound: the new owner is no member.
    """
    if _role(state, command.user_id) == "owner":
        return Outcome()
    return Outcome([ChatTransferred(owner_id=command.user_id)])


def add_member(state: ChatState, command: AddMember, context: Context) -> Outcome:
    """Let somebody in.

    Raises:
      Conflict: they are a member with another role.
      LimitExceeded: the chat is full.
    """
    role = state.members.get(command.user_id)
    if role == command.role:
        return Outcome()
    if role is not None:
        raise Conflict(f"{command.user_id} is {role} already; use members.set_role")
    if len(state.members) >= CHAT_MEMBERS_MAX:
        raise LimitExceeded(f"a chat can have {CHAT_MEMBERS_MAX} members")
    by_org = context.caller.org_id
    return Outcome([MemberAdded(user_id=command.user_id, role=command.role, by_org=by_org)])


def remove_member(state: ChatState, command: RemoveMember, _context: Context) -> Outcome:
    """Shut somebody out.

    Raises:
      NotFound: they are no member.
      Conflict: they own the chat.
    """
    _check_not_owner(_role(state, command.user_id))
    return Outcome([MemberRemoved(user_id=command.user_id)])


def set_member_role(state: ChatState, command: SetMemberRole, _context: Context) -> Outcome:
    """Change a member's role.

    Raises:
      NotFound: they are no member.
      Conflict: they own the chat.
    """
    role = _role(state, command.user_id)
    _check_not_owner(role)
    if role == command.role:
        return Outcome()
    return Outcome([MemberRoleSet(user_id=command.user_id, role=command.role)])


def leave(state: ChatState, _command: LeaveChat, context: Context) -> Outcome:
    """Leave.

    Raises:
      Conflict: the caller owns the chat.
    """
    user_id = context.caller.user_id
    _check_not_owner(_role(state, user_id))
    return Outcome([MemberRemoved(user_id=user_id)])


def branch(state: ChatState, command: BranchChat, _context: Context) -> Outcome:
    """Move the end of the current branch; where it is already changes nothing.

    Raises:
      NotFound: there is no such message.
      LimitExceeded: the next message there would begin a branch too many.
    """
    log, message_id = state.messages, command.message_id
    if message_id == log.leaf:
        return Outcome()
    if message_id:
        find(log, message_id)
    if message_id not in log.leaves and len(log.leaves) >= BRANCHES_MAX:
        raise LimitExceeded(f"there are {BRANCHES_MAX} branches already")
    return Outcome([ChatBranched(message_id=message_id)])


def _role(state: ChatState, user_id: str) -> str:
    role = state.members.get(user_id)
    if role is None:
        raise NotFound(f"{user_id} is not a member")
    return role


def _check_not_owner(role: str) -> None:
    if role == "owner":
        raise Conflict("the owner stays until the chat is transferred or deleted")


def ring(state: ChatState, _ring: Ring, context: Context) -> Outcome:
    """Tell the members how many messages there are, if it is time."""
    return counting.count(state.messages, len(state.members), context)


def wakes_at(state: ChatState) -> int | None:
    """Return when they are to be told."""
    return counting.wakes_at(state.messages, len(state.members))


def welcome(state: ChatState, caller: Caller, _context: Context) -> Sequence[Any]:
    """Development: whoever comes first owns the chat, the others edit it, if there is room."""
    if state.created_ms is None:
        return [ChatCreated(title=state.key)]
    if not state.exists or caller.user_id in state.members:
        return []
    if len(state.members) >= CHAT_MEMBERS_MAX:
        return []
    return [MemberAdded(user_id=caller.user_id, role="editor")]


# ---------------------------------------------------------------- evolve


def was_created(state: ChatState, event: ChatCreated, stamp: Stamp) -> None:
    """Begin its life."""
    state.created_ms = state.listed_ms = stamp.at_ms
    state.title = event.title
    state.model = event.model
    state.system_prompt = event.system_prompt
    state.project = event.project
    state.is_public = event.is_public
    state.members = {stamp.by: "owner"}


def was_renamed(state: ChatState, event: ChatRenamed, _stamp: Stamp) -> None:
    """Change the title."""
    state.title = event.title


def was_updated(state: ChatState, event: ChatUpdated, _stamp: Stamp) -> None:
    """Change the settings."""
    state.model = event.model
    state.system_prompt = event.system_prompt
    state.project = event.project


def was_published(state: ChatState, event: ChatPublished, _stamp: Stamp) -> None:
    """Turn the public link on or off."""
    state.is_public = event.on


def was_deleted(state: ChatState, _event: ChatDeleted, stamp: Stamp) -> None:
    """Keep only what is needed to refuse everything, and to tell the members."""
    state.deleted_ms = stamp.at_ms
    state.title = ""
    state.model = state.system_prompt = state.project = None
    state.is_public = False
    state.messages = MessageLog()
    state.invited_by.clear()
    state.inviter_orgs.clear()
    state.taken_up.clear()


def was_transferred(state: ChatState, event: ChatTransferred, _stamp: Stamp) -> None:
    """Swap the roles of the two owners, before and after."""
    for user_id, role in state.members.items():
        if role == "owner":
            state.members[user_id] = "editor"
    state.members[event.owner_id] = "owner"


def was_added(state: ChatState, event: MemberAdded, stamp: Stamp) -> None:
    """Add the member."""
    state.members[event.user_id] = event.role
    state.messages.note_seen(event.user_id)
    if stamp.by != event.user_id:
        state.invited_by[event.user_id] = stamp.by
        if event.by_org is not None:
            state.inviter_orgs[event.user_id] = event.by_org


def was_removed(state: ChatState, event: MemberRemoved, _stamp: Stamp) -> None:
    """Take the member out."""
    del state.members[event.user_id]
    state.invited_by.pop(event.user_id, None)
    state.inviter_orgs.pop(event.user_id, None)
    state.taken_up.pop(event.user_id, None)


def role_was_set(state: ChatState, event: MemberRoleSet, _stamp: Stamp) -> None:
    """Change the member's role."""
    state.members[event.user_id] = event.role


def was_branched(state: ChatState, event: ChatBranched, _stamp: Stamp) -> None:
    """Move the end of the current branch."""
    state.messages.leaf = event.message_id


def was_posted(state: ChatState, event: MessagePosted, stamp: Stamp) -> None:
    """Append the message; note when members' lists are to move."""
    EVENTS[MessagePosted](state, event, stamp)
    if stamp.at_ms - state.listed_ms >= CHAT_TOUCH_MS:
        state.listed_ms = stamp.at_ms
        state.listed_seq = stamp.seq
