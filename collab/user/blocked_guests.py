"""A block outlives a guest's sign-in.

Blocks know ids, and a guest who signs in goes on under another one. So whoever blocks a guest has
the guest's own actor remember it, where the guest cannot see it, and hears who the guest is as
soon as that is known; then the block is that user's, too.

::

    user:VERA   connections.block  ── user.shun_guest ──>  user:GUEST   guest.shunned
    user:GUEST  guest.claimed      ── user.guest_is ────>  user:VERA    as connections.block

Either may come first, and each may come twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from attrs import frozen

from collab.identity.claims import is_guest_id
from collab.kind import Context, Outcome, Signal, Stamp
from collab.limits import GUEST_SHUNNED_MAX
from collab.messages.checks import user_id
from collab.user.connections.commands import LinkMoved
from collab.user.connections.rules import block_somebody
from collab.user.state import UserState

_SHUN_SLOT: Final = "shun"


@frozen(kw_only=True)
class ShunGuest:
    """Signal to a guest's actor: its sender has blocked this guest."""

    TAG: ClassVar[str] = "user.shun_guest"


@frozen(kw_only=True)
class GuestIs:
    """Signal of a guest's actor to whoever has blocked the guest: it is *user_id*."""

    TAG: ClassVar[str] = "user.guest_is"

    user_id: str = user_id()


@frozen(kw_only=True)
class GuestShunned:
    """*user_id* has blocked this guest. Not shown, to the guest least of all."""

    TAG: ClassVar[str] = "guest.shunned"

    user_id: str


# ---------------------------------------------------------------- decide


def shun(state: UserState, _command: ShunGuest, context: Context) -> Outcome:
    """Remember who has blocked this guest. Never refused."""
    kind, _, by = context.caller.user_id.partition(":")
    if kind != "user" or not is_guest_id(state.key) or by in state.shunned_by:
        return Outcome()
    return Outcome([GuestShunned(user_id=by)])


def guest_is(state: UserState, command: GuestIs, context: Context) -> Outcome:
    """Block the user whom one has blocked as a guest, if one still does. Never refused.

    The bound of blocks does not count here: each of these has one of a guest beside it.
    """
    kind, _, guest_id = context.caller.user_id.partition(":")
    is_guest = kind == "user" and is_guest_id(guest_id)
    if not is_guest or command.user_id == state.key or not state.link_to(guest_id).is_blocked:
        return Outcome()
    if state.link_to(command.user_id).is_blocked:
        return Outcome()
    return Outcome(block_somebody(state, command.user_id, context.now_ms))


# ---------------------------------------------------------------- evolve and consequences


def was_shunned(state: UserState, event: GuestShunned, _stamp: Stamp) -> None:
    """Remember it, the newest ``GUEST_SHUNNED_MAX`` times."""
    state.shunned_by.append(event.user_id)
    if len(state.shunned_by) > GUEST_SHUNNED_MAX:
        del state.shunned_by[0]


def signals_of_block(event: LinkMoved) -> Sequence[Signal]:
    """Return what a guest's actor is told."""
    if not event.is_blocked or not is_guest_id(event.user_id):
        return ()
    return (Signal(f"user:{event.user_id}", ShunGuest(), _SHUN_SLOT),)


def signals_of(state: UserState, event: Any) -> Sequence[Signal]:
    """Return who is told who this guest is, now that *event* has said it or somebody asks."""
    if state.claimed_by is None:
        return ()
    told = GuestIs(user_id=state.claimed_by)
    who = (event.user_id,) if isinstance(event, GuestShunned) else state.shunned_by
    return [Signal(f"user:{each}", told) for each in who]
