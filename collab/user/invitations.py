"""Who may bring a person into meetings and chats, and what strangers' invitations are.

A meeting or chat cannot know whom its people have blocked, and must not learn it. So everybody may
be named there; whether it reaches them is decided here, where blocks are. What is unwelcome is not
listed, and whoever invited sees an invitation that is not answered.

==================  ===============================================================
blocked             nothing reaches the person; open invitations go with the block
stranger            neither connected nor of the same organisation: it is listed as a
                    *request*, of which ``USER_REQUESTS_MAX`` are kept, or with the door at
                    ``known`` not at all
connected, colleague, oneself   listed
==================  ===============================================================
"""

from __future__ import annotations

from itertools import islice
from typing import Any

from collab.chat.taking_up import TakeUp
from collab.errors import NotFound
from collab.kind import Context, Outcome, Signal, Stamp
from collab.limits import STRUCK_MAX, USER_REQUESTS_MAX
from collab.user.commands import ListItem, SetDoor, Welcome
from collab.user.connections.link import CONNECTED
from collab.user.state import DoorSet, Entry, ItemUnlisted, ItemWelcomed, UserState


def is_unwelcome(state: UserState, item: ListItem) -> bool:
    """Say whether something that is not listed yet must not reach the person."""
    by = item.invited_by
    if by is None or by == state.key or _came_by_themselves(item):
        return False
    return is_shut_out(state, item) or (state.door == "known" and is_stranger(state, item))


def is_request(state: UserState, item: ListItem) -> bool:
    """Say whether something that is not listed yet is a stranger's idea."""
    by = item.invited_by
    return (
        by is not None
        and by != state.key
        and not _came_by_themselves(item)
        and is_stranger(state, item)
    )


def _came_by_themselves(item: ListItem) -> bool:
    """Joining a meeting is a person's own act; members of a chat are put there."""
    return item.kind == "meeting" and item.standing == "joined"


def is_stranger(state: UserState, item: ListItem) -> bool:
    """Say whether whoever invited is neither connected nor of the same organisation."""
    org_id = state.account.org_id
    is_colleague = org_id is not None and org_id == item.inviter_org
    return not is_colleague and state.link_to(item.invited_by or "").standing != CONNECTED


def is_blocked(state: UserState, user_id: str | None) -> bool:
    """Say whether the person wants to hear nothing from somebody."""
    return user_id is not None and state.link_to(user_id).is_blocked


def is_shut_out(state: UserState, item: ListItem) -> bool:
    """Say whether whoever invited is blocked, under this id or the guest's that they had."""
    return is_blocked(state, item.invited_by) or is_blocked(state, item.invited_as)


def is_silent(state: UserState, known: Entry, item: ListItem) -> bool:
    """Say whether what is listed already must not come up: a blocked person brought me in."""
    return is_blocked(state, known.invited_by) or is_shut_out(state, item)


def oldest_request_gone(state: UserState) -> list[Any]:
    """Return what makes room for one more request."""
    if len(state.requests) < USER_REQUESTS_MAX:
        return []
    items = state.items  # There are fewer pins than requests.
    oldest = min(state.requests - state.pins, key=lambda target: (items[target].at_ms, target))
    return [ItemUnlisted(target=oldest, version=items[oldest].version)]


def no_longer_welcome(state: UserState, user_id: str) -> list[Any]:
    """Return what strikes the open invitations and requests of somebody who is blocked now.

    What the person takes part in stays: leaving is their own decision. At most ``STRUCK_MAX`` go
    at once; blocking again strikes the next ones.
    """
    open_ones = (
        ItemUnlisted(target=target, version=entry.version)
        for target, entry in state.items.items()
        if entry.invited_by == user_id and entry.is_open
    )
    return [*islice(open_ones, STRUCK_MAX)]


# ---------------------------------------------------------------- commands


def welcome(state: UserState, command: Welcome, _context: Context) -> Outcome:
    """Take a request up; what is none changes nothing.

    Raises:
      NotFound: it is not on the list.
    """
    entry = state.items.get(command.target)
    if entry is None:
        raise NotFound(f"{command.target} is not on your list")
    value = {**entry.plain(command.target), "is_request": False}
    return Outcome([ItemWelcomed(target=command.target)] if entry.is_request else [], value)


def set_door(state: UserState, command: SetDoor, _context: Context) -> Outcome:
    """Say who may invite. What is listed already stays."""
    value = {"who": command.who}
    return Outcome([] if command.who == state.door else [DoorSet(who=command.who)], value)


# ---------------------------------------------------------------- evolve


def welcomed(state: UserState, event: ItemWelcomed, _stamp: Stamp) -> None:
    """It is like everything else on the list."""
    state.change(event.target, is_request=False)


def signals_of(state: UserState, event: ItemWelcomed) -> list[Signal]:
    """Return what the chat is told; joining a meeting is told there."""
    return [Signal(event.target, TakeUp())] if state.items[event.target].kind == "chat" else []


def door_set(state: UserState, event: DoorSet, _stamp: Stamp) -> None:
    """Open or close the door."""
    state.door = event.who
