"""A guest has signed in: what the guest had moves to the user.

::

    user:GUEST   user.be_claimed  ->  guest.claimed   ── chat.hand_over ──>  every chat of the guest
                                          ├─────────── user.adopt ────────>  user:USER
                                          └─────────── quota.move ────────>  quota:GUEST

The claim is one event of the guest's own actor, durable before it is answered; the rest follows by
signals, which are sent until each target has taken them, and taken once. The first user to show the
guest's token has it for good: the same user may claim again, which changes nothing. A chat that is
listed later (its signal was under way, or an old tab made one) is handed over when it is listed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from attrs import frozen

from actors import ActorSystem
from collab.chat.handing_over import HandOver
from collab.errors import BadRequest, Conflict
from collab.identity.claims import is_guest_id
from collab.identity.limits import GUESTS_ADOPTED_MAX
from collab.kind import Context, Outcome, Signal, Stamp
from collab.limits import ASK_TIMEOUT_S
from collab.messages.checks import user_id
from collab.quotas import MoveQuota
from collab.requests import Receive
from collab.user.state import ItemListed, UserState

_SOURCE: Final = "identity"  # No kind has this name.


@frozen(kw_only=True)
class BeClaimed:
    """Signal to a guest's actor: *user_id* has shown the guest's token."""

    TAG: ClassVar[str] = "user.be_claimed"

    user_id: str = user_id()


@frozen(kw_only=True)
class Adopt:
    """Signal to a user's actor: *guest_id* was this user."""

    TAG: ClassVar[str] = "user.adopt"

    guest_id: str = user_id()


@frozen(kw_only=True)
class GuestClaimed:
    """This guest is *user_id*, for good."""

    TAG: ClassVar[str] = "guest.claimed"

    user_id: str


@frozen(kw_only=True)
class GuestAdopted:
    """*guest_id* was this user, before signing in."""

    TAG: ClassVar[str] = "guest.adopted"

    guest_id: str


EVENTS: Final = (GuestClaimed, GuestAdopted)


async def claim(system: ActorSystem, *, guest_id: str, user_id: str) -> None:
    """Make *guest_id* be *user_id*; returns when that is durable.

    Raises:
      Conflict: somebody else was first.
      ActorError, JournalError: it could not be done now; safe to repeat.

    Cancelled: it may still happen; safe to repeat.
    """
    message = Receive(_SOURCE, BeClaimed(user_id=user_id))
    await system.ref("user", guest_id).ask(message, timeout_s=ASK_TIMEOUT_S)


# ---------------------------------------------------------------- decide


def be_claimed(state: UserState, command: BeClaimed, _context: Context) -> Outcome:
    """Belong to the first who comes.

    Raises:
      BadRequest: this is no guest, or the other is one.
      Conflict: it belongs to somebody else.
    """
    if not is_guest_id(state.key) or is_guest_id(command.user_id):
        raise BadRequest("a guest is claimed by a user")
    if state.claimed_by == command.user_id:
        return Outcome()
    if state.claimed_by is not None:
        raise Conflict("this guest was claimed by somebody else")
    return Outcome([GuestClaimed(user_id=command.user_id)])


def adopt(state: UserState, command: Adopt, _context: Context) -> Outcome:
    """Note who one was, the newest ``GUESTS_ADOPTED_MAX`` times. Never refused."""
    if command.guest_id in state.guests:
        return Outcome()
    return Outcome([GuestAdopted(guest_id=command.guest_id)])


# ---------------------------------------------------------------- evolve and consequences


def was_claimed(state: UserState, event: GuestClaimed, _stamp: Stamp) -> None:
    """Belong to somebody."""
    state.claimed_by = event.user_id


def has_adopted(state: UserState, event: GuestAdopted, _stamp: Stamp) -> None:
    """Note it."""
    state.guests.append(event.guest_id)
    if len(state.guests) > GUESTS_ADOPTED_MAX:
        del state.guests[0]


def signals_of(state: UserState, event: Any) -> Sequence[Signal]:
    """Return who is told that a guest is somebody else now."""
    owner = state.claimed_by
    if owner is None:
        return ()
    move = HandOver(from_id=state.key, to_id=owner)
    if isinstance(event, GuestClaimed):
        chats = [t for t, entry in state.items.items() if entry.kind == "chat"]
        return [
            Signal(f"user:{owner}", Adopt(guest_id=state.key)),
            Signal(f"quota:{state.key}", MoveQuota(user_id=owner)),
            *(Signal(target, move) for target in chats),
        ]
    if isinstance(event, ItemListed) and event.kind == "chat":
        return [Signal(event.target, move)]
    return ()
