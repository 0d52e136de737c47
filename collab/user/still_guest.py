"""What a guest may not begin any more after signing in: rooms, and bringing people into them.

A room knows ids, not who has signed in. So before a guest makes one, or brings somebody in, the
guest's own actor is asked. Else the token of a guest of old would go on as a second self of the
user, whom people may have blocked.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ClassVar, TypeVar

from attrs import frozen

from collab.errors import Conflict
from collab.identity.claims import is_guest_id
from collab.kind import Ask, Context, Outcome

S = TypeVar("S")
C = TypeVar("C")


@frozen(kw_only=True)
class AskGuest:
    """Question to a guest's actor: does this guest go on as a guest?"""

    TAG: ClassVar[str] = "user.ask_guest"


def answer(state: Any, _command: AskGuest, _context: Context) -> Outcome:
    """Say yes.

    Raises:
      Conflict: somebody has signed in who was this guest.
    """
    if state.claimed_by is not None:
        raise Conflict("this guest has signed in")
    return Outcome(value=True)


def if_still_guest(
    decide: Callable[[S, C, Context], Outcome],
) -> Callable[[S, C, Context], Outcome]:
    """Return *decide*, which asks first if a guest calls and something would happen.

    Raises:
      Conflict: the guest has signed in, beside what *decide* raises.
    """

    @wraps(decide)
    def ask_and_decide(state: S, command: C, context: Context) -> Outcome:
        outcome = decide(state, command, context)
        guest_id = context.caller.user_id
        if context.answer or not outcome.events or not is_guest_id(guest_id):
            return outcome
        return Outcome(ask=Ask(f"user:{guest_id}", AskGuest()))

    return ask_and_decide
