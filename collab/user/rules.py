"""The rules of a person's list: signals in any order, pins, archive."""

from __future__ import annotations

from typing import Final

from collab.errors import LimitExceeded, NotFound
from collab.kind import Caller, Context, Outcome, Stamp
from collab.limits import USER_ITEMS_MAX, USER_PINS_MAX
from collab.user.commands import Archive, ListItem, Pin, UnlistItem
from collab.user.state import (
    Entry,
    ItemArchived,
    ItemListed,
    ItemPinned,
    ItemUnlisted,
    UserState,
)

OVER: Final = frozenset({"ended", "cancelled"})  # What may be dropped first.


def role_of(state: UserState, caller: Caller) -> str:
    """Return ``self`` or ``outsider``: a list is nobody else's business."""
    return "self" if caller.user_id == state.key else "outsider"


# ---------------------------------------------------------------- signals


def list_item(state: UserState, command: ListItem, _context: Context) -> Outcome:
    """List it, unless something at least as new is known of it. Never refused.

    A full list lets its oldest ended meeting go, or else its oldest item; never a pinned one.
    """
    target = command.target
    if command.version <= state.version_of(target):
        return Outcome()
    listed = ItemListed(
        target=target,
        kind=command.kind,
        title=command.title,
        status=command.status,
        role=command.role,
        planned_start_ms=command.planned_start_ms,
        at_ms=command.at_ms,
        version=command.version,
    )
    if target in state.items or len(state.items) < USER_ITEMS_MAX:
        return Outcome([listed])
    victim = _least_wanted(state)
    return Outcome([ItemUnlisted(target=victim, version=state.items[victim].version), listed])


def unlist_item(state: UserState, command: UnlistItem, _context: Context) -> Outcome:
    """Unlist it, unless something at least as new is known of it. Never refused.

    What was never listed is noted as well: the signal that listed it may still be on its way.
    """
    if command.version <= state.version_of(command.target):
        return Outcome()
    return Outcome([ItemUnlisted(target=command.target, version=command.version)])


def _least_wanted(state: UserState) -> str:
    """Return the oldest that is over, or else the oldest; pins are fewer than items."""
    oldest: str | None = None
    for _at_ms, target in state.order:
        if target in state.pins:
            continue
        if state.items[target].status in OVER:
            return target
        oldest = oldest or target
    assert oldest is not None
    return oldest


# ---------------------------------------------------------------- commands


def pin(state: UserState, command: Pin, context: Context) -> Outcome:
    """Pin or let go; what is so already changes nothing.

    Raises:
      NotFound: it is not on the list.
      LimitExceeded: too many are pinned.
    """
    entry = _find(state, command.target)
    if (entry.pinned_ms is not None) == command.on:
        return Outcome(value=entry.plain(command.target))
    if command.on and len(state.pins) >= USER_PINS_MAX:
        raise LimitExceeded(f"{USER_PINS_MAX} items can be pinned")
    pinned_ms = context.now_ms if command.on else None
    value = {**entry.plain(command.target), "pinned_ms": pinned_ms}
    return Outcome([ItemPinned(target=command.target, pinned_ms=pinned_ms)], value)


def archive(state: UserState, command: Archive, context: Context) -> Outcome:
    """Archive or take out; what is so already changes nothing.

    Raises:
      NotFound: it is not on the list.
    """
    entry = _find(state, command.target)
    if (entry.archived_ms is not None) == command.on:
        return Outcome(value=entry.plain(command.target))
    archived_ms = context.now_ms if command.on else None
    value = {**entry.plain(command.target), "archived_ms": archived_ms}
    return Outcome([ItemArchived(target=command.target, archived_ms=archived_ms)], value)


def _find(state: UserState, target: str) -> Entry:
    entry = state.items.get(target)
    if entry is None:
        raise NotFound(f"{target} is not on your list")
    return entry


# ---------------------------------------------------------------- evolve


def listed(state: UserState, event: ItemListed, _stamp: Stamp) -> None:
    """Insert or replace it, with the marks that it has."""
    known = state.items.get(event.target)
    entry = Entry(
        kind=event.kind,
        title=event.title,
        status=event.status,
        role=event.role,
        planned_start_ms=event.planned_start_ms,
        at_ms=event.at_ms,
        version=event.version,
        pinned_ms=None if known is None else known.pinned_ms,
        archived_ms=None if known is None else known.archived_ms,
    )
    state.put(event.target, entry)


def unlisted(state: UserState, event: ItemUnlisted, _stamp: Stamp) -> None:
    """Take it out and remember the version."""
    state.take_out(event.target, event.version)


def was_pinned(state: UserState, event: ItemPinned, _stamp: Stamp) -> None:
    """Set or take away the mark."""
    state.mark(event.target, event.pinned_ms)


def was_archived(state: UserState, event: ItemArchived, _stamp: Stamp) -> None:
    """Set or take away the mark."""
    state.items[event.target].archived_ms = event.archived_ms
