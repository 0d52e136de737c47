"""A guest who does not come back: what nobody else has a part in goes.

::

    first item listed ──> SetTimer ──> Rang ──> guest.expired ── chat.forsake ──> chats
                               ▲
          POST /v1/guests with the guest's token (``user.renew_guest``)

The timer ends after the newest token does, so that nobody can come any more when it rings. A guest
with nothing has no timer. Chats with other people in them stay, and so does everything of a guest
who has signed in: that is the user's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from attrs import frozen

from actors import ActorSystem
from collab.chat.handing_over import Forsake
from collab.errors import Conflict
from collab.identity.claims import is_guest_id
from collab.identity.limits import GUEST_TTL_S
from collab.kind import Context, Outcome, Signal, Stamp
from collab.limits import ASK_TIMEOUT_S, GUEST_GRACE_S
from collab.requests import Receive
from collab.timers import Rang, SetTimer, slot_of, timers_of
from collab.user.state import ItemListed, UserState

EXPIRY: Final = "expiry"  # The timer's name.
_AFTER_MS: Final = (GUEST_TTL_S + GUEST_GRACE_S) * 1_000
_SOURCE: Final = "identity"  # No kind has this name.


@frozen(kw_only=True)
class RenewGuest:
    """Signal to a guest's actor: its token is renewed."""

    TAG: ClassVar[str] = "user.renew_guest"


@frozen(kw_only=True)
class GuestRenewed:
    """The guest was here again. Not shown."""

    TAG: ClassVar[str] = "guest.renewed"


@frozen(kw_only=True)
class GuestExpired:
    """No token speaks for this guest any more. Not shown."""

    TAG: ClassVar[str] = "guest.expired"


async def renew(system: ActorSystem, guest_id: str) -> None:
    """Have what *guest_id* has last as long as a token that is signed afterwards.

    Raises:
      Conflict: this guest has signed in.
      ActorError, JournalError: it could not be done now; safe to repeat.

    Cancelled: it may still happen; safe to repeat.
    """
    await system.ref("user", guest_id).ask(Receive(_SOURCE, RenewGuest()), timeout_s=ASK_TIMEOUT_S)


def renewed(state: UserState, _command: RenewGuest, _context: Context) -> Outcome:
    """Begin the time anew; a guest with nothing has none.

    Raises:
      Conflict: this guest has signed in; its token is not for going on with.
    """
    if state.claimed_by is not None:
        raise Conflict("this guest has signed in")
    return Outcome([GuestRenewed()] if state.expiry_version else [])


def rang(state: UserState, command: Rang, _context: Context) -> Outcome:
    """End, unless the guest came again or has signed in meanwhile. Never refused."""
    is_due = command.name == EXPIRY and command.version == state.expiry_version
    return Outcome([GuestExpired()] if is_due and state.claimed_by is None else [])


def set_timer(state: UserState, _event: GuestRenewed, stamp: Stamp) -> None:
    """Note which timer counts."""
    state.expiry_version = stamp.seq


def has_expired(state: UserState, _event: GuestExpired, _stamp: Stamp) -> None:
    """No timer counts: the next thing that is listed sets another one."""
    state.expiry_version = 0


def was_listed(state: UserState, stamp: Stamp) -> None:
    """Note the timer that the first thing on a guest's list sets."""
    if not state.expiry_version and is_guest_id(state.key):
        state.expiry_version = stamp.seq


def signals_of(state: UserState, event: Any, stamp: Stamp) -> Sequence[Signal]:
    """Return what the clock is told, or the chats."""
    if isinstance(event, ItemListed | GuestRenewed) and state.expiry_version == stamp.seq:
        timer = SetTimer(name=EXPIRY, version=stamp.seq, after_ms=_AFTER_MS)
        return [Signal(timers_of(f"user:{state.key}"), timer, slot_of(EXPIRY))]
    if isinstance(event, GuestExpired):
        chats = [target for target, entry in state.items.items() if entry.kind == "chat"]
        return [Signal(target, Forsake()) for target in chats]
    return ()
