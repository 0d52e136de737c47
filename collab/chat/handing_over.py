"""A member goes on under another id: a guest who has signed in.

The member's place, role and messages are the other id's from then on. Messages keep the author
that they were written by, since history is not rewritten; who that is now stands in ``heirs``, and
may do with those messages what their author may.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

from attrs import frozen

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


def was_moved(state: Any, event: MemberMoved, _stamp: Stamp) -> None:
    """Swap the ids, in the order of joining."""
    members: dict[str, str] = {}
    for member_id, role in state.members.items():
        if member_id == event.from_id:
            members[event.to_id] = event.role
        elif member_id != event.to_id:
            members[member_id] = role
    state.members = members
    state.invited_by.pop(event.from_id, None)
    state.inviter_orgs.pop(event.from_id, None)
    state.messages.heirs[event.from_id] = event.to_id
    seen = state.messages.seen
    known = max(seen.pop(event.from_id, 0), seen.get(event.to_id, 0))
    if known:
        seen[event.to_id] = known
