"""A member goes on under another id: a guest who has signed in.

The member's place, role and messages are the other id's from then on. Messages keep the author
that they were written by, since history is not rewritten; who that is now stands in ``heirs``, and
may do with those messages what their author may.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

from attrs import frozen

from collab.chat.commands import ChatDeleted
from collab.kind import Context, Outcome, Stamp
from collab.messages.checks import user_id

_RANKS: Final = ("viewer", "editor", "owner")


@frozen(kw_only=True)
class HandOver:
    """Signal: what *from_id* is here, *to_id* is from now on. May come twice."""

    TAG: ClassVar[str] = "chat.hand_over"

    from_id: str = user_id()
    to_id: str = user_id()


@frozen(kw_only=True)
class Forsake:
    """Signal of a guest's actor: the guest is gone for good. May come twice."""

    TAG: ClassVar[str] = "chat.forsake"


@frozen(kw_only=True)
class MemberMoved:
    """A member goes on as *to_id*, who has *role*: the higher one, if both were members."""

    TAG: ClassVar[str] = "member.moved"

    from_id: str
    to_id: str
    role: str


def hand_over(state: Any, command: HandOver, _context: Context) -> Outcome:
    """Move a member; whoever is none (any more) is not moved. Never refused."""
    role = state.members.get(command.from_id)
    if role is None or not state.exists or command.from_id == command.to_id:
        return Outcome()
    held = state.members.get(command.to_id, role)
    higher = max(role, held, key=_RANKS.index)
    return Outcome([MemberMoved(from_id=command.from_id, to_id=command.to_id, role=higher)])


def forsake(state: Any, _command: Forsake, context: Context) -> Outcome:
    """Delete the chat if nobody else is in it; else it stays as it is. Never refused."""
    kind, _, guest_id = context.caller.user_id.partition(":")
    if kind != "user" or not state.exists or list(state.members) != [guest_id]:
        return Outcome()
    return Outcome([ChatDeleted()])


def was_moved(state: Any, event: MemberMoved, _stamp: Stamp) -> None:
    """Swap the ids, in the order of joining.

    Who had not taken the chat up as a guest has not by signing in. Whom the guest had brought in
    stays noted as the guest's: ``heirs`` says who that is.
    """
    from_id, to_id = event.from_id, event.to_id
    was_member = to_id in state.members
    members: dict[str, str] = {}
    for member_id, role in state.members.items():
        if member_id == from_id:
            members[to_id] = event.role
        elif member_id != to_id:
            members[member_id] = role
    state.members = members
    inviter, inviter_org = (
        state.invited_by.pop(from_id, None),
        state.inviter_orgs.pop(from_id, None),
    )
    is_own = inviter is None or state.taken_up.pop(from_id, None) is not None
    if is_own:
        state.invited_by.pop(to_id, None)
        state.inviter_orgs.pop(to_id, None)
        state.taken_up.pop(to_id, None)
    elif not was_member:
        state.invited_by[to_id] = inviter
        if inviter_org is not None:
            state.inviter_orgs[to_id] = inviter_org
    state.messages.heirs[from_id] = to_id
    seen = state.messages.seen
    known = max(seen.pop(from_id, 0), seen.get(to_id, 0))
    if known:
        seen[to_id] = known
