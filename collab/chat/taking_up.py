"""Who is in a chat of their own accord.

Anybody may put anybody into a chat of their own, so being a member says nothing about a person.
A member whom somebody else put in has *taken the chat up* with their first own event here (a
message, a reaction, an edit), or by welcoming it in their own list. Until then their card is not
shown here: who has something in common with them reads it from themselves (``profile.card``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, ClassVar

from attrs import frozen

from collab.chat.state import ChatState
from collab.kind import Context, Outcome, Stamp, Tagged

Evolve = Callable[[ChatState, Any, Stamp], None]


@frozen(kw_only=True)
class TakeUp:
    """Signal of a person's own actor: they have welcomed the chat. May come twice."""

    TAG: ClassVar[str] = "chat.take_up"


@frozen(kw_only=True)
class ChatTakenUp:
    """A member whom somebody else had put in wants to be in. Not shown."""

    TAG: ClassVar[str] = "chat.taken_up"

    user_id: str


def take_up(state: ChatState, _command: TakeUp, context: Context) -> Outcome:
    """Note it, once; never refused."""
    kind, _, user_id = context.caller.user_id.partition(":")
    if kind != "user" or user_id not in state.invited_by or user_id in state.taken_up:
        return Outcome()
    return Outcome([ChatTakenUp(user_id=user_id)])


def was_taken_up(state: ChatState, event: ChatTakenUp, stamp: Stamp) -> None:
    """Count them among those who came."""
    state.taken_up[event.user_id] = stamp.seq


def present(state: ChatState) -> set[str]:
    """Return the members who are in of their own accord."""
    unasked = state.invited_by.keys() - state.taken_up.keys()
    return set(state.members.keys() - unasked)


def noting(events: Mapping[type[Tagged], Evolve]) -> dict[type[Tagged], Evolve]:
    """Return *events*, each of which also notes that whoever caused it has taken the chat up."""
    return {event: _noting(evolve) for event, evolve in events.items()}


def _noting(evolve: Evolve) -> Evolve:
    @wraps(evolve)
    def evolve_and_note(state: ChatState, event: Any, stamp: Stamp) -> None:
        evolve(state, event, stamp)
        if stamp.by in state.invited_by and stamp.by not in state.taken_up:
            state.taken_up[stamp.by] = stamp.seq

    return evolve_and_note
