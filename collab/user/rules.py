"""The rules of a person's list: signals in any order, pins, archive."""

from __future__ import annotations

from typing import Final

from attrs import evolve

from collab.errors import LimitExceeded, NotFound
from collab.identity.claims import is_guest_id
from collab.kind import Caller, Context, Outcome, Stamp
from collab.limits import USER_ITEMS_MAX, USER_PINS_MAX
from collab.user.commands import Archive, ListItem, Pin, UnlistItem
from collab.user.connections.link import CONNECTED
from collab.user.invitations import (
    is_blocked,
    is_request,
    is_shut_out,
    is_silent,
    is_unwelcome,
    oldest_request_gone,
)
from collab.user.notices.rules import news_of, news_of_end
from collab.user.reading import with_counts
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
    """Return ``self`` (of a guest, ``guest`` or ``claimed``), or what the two have in common.

    See the table.
    """
    if caller.user_id == state.key:
        if state.claimed_by is not None:
            return "claimed"
        return "guest" if is_guest_id(state.key) else "self"
    if state.link_to(caller.user_id).standing == CONNECTED:
        return "connection"
    org_id = state.account.org_id
    return "colleague" if org_id is not None and caller.org_id == org_id else "outsider"


# ---------------------------------------------------------------- signals


def list_item(state: UserState, command: ListItem, _context: Context) -> Outcome:
    """List it, unless something at least as new is known of it, or it is unwelcome. Never refused.

    A full list lets its oldest ended meeting go, or else its oldest item; never a pinned one.
    """
    target = command.target
    if command.version <= state.version_of(target):
        return Outcome()
    known = state.items.get(target)
    if is_unwelcome(state, command):
        if known is None:
            return Outcome()
        if known.is_open and is_shut_out(state, command):
            return Outcome([ItemUnlisted(target=target, version=command.version)])
    listed = _listed(state, known, command)
    notices = [] if is_blocked(state, command.by) else news_of(state, known, command)
    if known is not None:
        if not is_silent(state, known, command):
            return Outcome([listed, *notices])
        return Outcome([listed] if _differs(known, listed) else [])
    gone = oldest_request_gone(state) if listed.is_request else []
    if not gone and len(state.items) >= USER_ITEMS_MAX:
        victim = _least_wanted(state)
        gone = [ItemUnlisted(target=victim, version=state.items[victim].version)]
    return Outcome([*gone, listed, *notices])


def _listed(state: UserState, known: Entry | None, command: ListItem) -> ItemListed:
    """Return *command* as it is listed; numbers only grow, and marks stay."""
    listed = ItemListed(
        target=command.target,
        kind=command.kind,
        title=command.title,
        status=command.status,
        role=command.role,
        planned_start_ms=command.planned_start_ms,
        at_ms=command.at_ms,
        version=command.version,
        standing=command.standing,
        invited_by=command.invited_by,
        is_request=is_request(state, command),
        count=command.count,
        seen=command.seen,
        unread=max(0, command.count - command.seen),
    )
    if known is None:
        return listed
    is_taken_up = command.kind == "meeting" and command.standing == "joined"
    news = evolve(listed, is_request=known.is_request and not is_taken_up)
    if is_silent(state, known, command):
        # Neither what is said there nor what it is called gets through, nor that there is news.
        return evolve(
            news,
            title=known.title,
            at_ms=known.at_ms,
            count=known.count,
            seen=known.seen,
            unread=known.unread,
        )
    after = with_counts(known, command.count, command.seen)
    return evolve(news, count=after.count, seen=after.seen, unread=after.unread)


def _differs(known: Entry, listed: ItemListed) -> bool:
    """Say whether anything but the version has changed."""
    names = ("kind", "title", "status", "role", "planned_start_ms", "at_ms", "standing")
    return any(
        getattr(known, name) != getattr(listed, name)
        for name in (*names, "invited_by", "is_request", "count", "seen")
    )


def unlist_item(state: UserState, command: UnlistItem, _context: Context) -> Outcome:
    """Unlist it, unless something at least as new is known of it. Never refused.

    What was never listed is noted as well: the signal that listed it may still be on its way.
    """
    if command.version <= state.version_of(command.target):
        return Outcome()
    known = state.items.get(command.target)
    notices = [] if is_blocked(state, command.by) else news_of_end(state, known, command)
    return Outcome([ItemUnlisted(target=command.target, version=command.version), *notices])


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
        standing=event.standing,
        invited_by=event.invited_by,
        is_request=event.is_request,
        count=event.count,
        seen=event.seen,
    )
    if known is not None:
        entry.pinned_ms, entry.archived_ms = known.pinned_ms, known.archived_ms
        entry.read, entry.gone = known.read, known.gone
    state.put(event.target, entry)


def unlisted(state: UserState, event: ItemUnlisted, _stamp: Stamp) -> None:
    """Take it out and remember the version."""
    state.take_out(event.target, event.version)


def was_pinned(state: UserState, event: ItemPinned, _stamp: Stamp) -> None:
    """Set or take away the mark."""
    state.mark(event.target, event.pinned_ms)


def was_archived(state: UserState, event: ItemArchived, _stamp: Stamp) -> None:
    """Set or take away the mark."""
    state.change(event.target, archived_ms=event.archived_ms)
