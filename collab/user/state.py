"""A person's meetings and chats, and what happens to the list.

Pins and archiving live here, not in the chat: they are one person's view of a shared thing, so
nobody else's list moves, and no permission in the chat is needed for them.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import Any, ClassVar

from attrs import define, field, frozen

from collab.limits import USER_UNLISTED_MAX


@define
class Entry:
    """One meeting or chat as its newest signal described it, and this person's marks on it."""

    kind: str
    title: str
    status: str
    role: str
    planned_start_ms: int | None
    at_ms: int
    version: int
    pinned_ms: int | None = None  # When it was pinned; None: it is not.
    archived_ms: int | None = None

    def plain(self, target: str) -> dict[str, Any]:
        """Return it as subscribers see it."""
        return {
            "target": target,
            "kind": self.kind,
            "title": self.title,
            "status": self.status,
            "role": self.role,
            "planned_start_ms": self.planned_start_ms,
            "at_ms": self.at_ms,
            "pinned_ms": self.pinned_ms,
            "archived_ms": self.archived_ms,
        }


@define
class UserState:
    """The list, by target, and its order."""

    key: str
    items: dict[str, Entry] = field(factory=dict)
    unlisted: dict[str, int] = field(factory=dict)  # Target to version, oldest unlisting first.
    # Both follow from the items, so they are no part of a snapshot.
    order: list[tuple[int, str]] = field(init=False, eq=False, repr=False)  # Oldest first.
    pins: set[str] = field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self.order = sorted((entry.at_ms, target) for target, entry in self.items.items())
        self.pins = {t for t, entry in self.items.items() if entry.pinned_ms is not None}

    def version_of(self, target: str) -> int:
        """Return the newest version known of *target*; 0: never heard of it."""
        entry = self.items.get(target)
        return entry.version if entry is not None else self.unlisted.get(target, 0)

    def put(self, target: str, entry: Entry) -> None:
        """Insert or replace an entry, at its place in the order."""
        self._forget(target)
        self.unlisted.pop(target, None)
        self.items[target] = entry
        insort(self.order, (entry.at_ms, target))
        self.mark(target, entry.pinned_ms)

    def take_out(self, target: str, version: int) -> None:
        """Remove an entry; remember its version, so that a late signal does not bring it back."""
        self._forget(target)
        unlisted = self.unlisted
        unlisted.pop(target, None)
        unlisted[target] = version
        if len(unlisted) > USER_UNLISTED_MAX:
            del unlisted[next(iter(unlisted))]

    def mark(self, target: str, pinned_ms: int | None) -> None:
        """Pin an entry, or let it go (None)."""
        self.items[target].pinned_ms = pinned_ms
        if pinned_ms is None:
            self.pins.discard(target)
        else:
            self.pins.add(target)

    def _forget(self, target: str) -> None:
        entry = self.items.pop(target, None)
        if entry is not None:
            self.pins.discard(target)
            del self.order[bisect_left(self.order, (entry.at_ms, target))]


# ---------------------------------------------------------------- events


@frozen(kw_only=True)
class ItemListed:
    """A meeting or chat is on the list, or changed there. Marks stay as they are."""

    TAG: ClassVar[str] = "user.listed"

    target: str
    kind: str
    title: str
    status: str
    role: str
    planned_start_ms: int | None = None
    at_ms: int
    version: int


@frozen(kw_only=True)
class ItemUnlisted:
    """A meeting or chat is not on the list any more; its marks are gone."""

    TAG: ClassVar[str] = "user.unlisted"

    target: str
    version: int


@frozen(kw_only=True)
class ItemPinned:
    """The person pinned it at ``pinned_ms``, or let it go (None)."""

    TAG: ClassVar[str] = "user.pinned"

    target: str
    pinned_ms: int | None


@frozen(kw_only=True)
class ItemArchived:
    """The person archived it at ``archived_ms``, or took it out again (None)."""

    TAG: ClassVar[str] = "user.archived"

    target: str
    archived_ms: int | None
