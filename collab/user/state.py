"""A person's meetings and chats, and what happens to the list.

Pins and archiving live here, not in the chat: they are one person's view of a shared thing, so
nobody else's list moves, and no permission in the chat is needed for them.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from typing import Any, ClassVar

from attrs import define, field, frozen

from collab.limits import LINKS_CLOSED_MAX, USER_UNLISTED_MAX
from collab.user.connections.link import NONE, Link
from collab.user.notices.commands import Notice
from collab.user.profile.shapes import Account, Profile


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
    standing: str = "joined"
    invited_by: str | None = None
    is_request: bool = False  # A stranger brought me in, and I have not taken it up.
    count: int = 0  # Messages there, as far as we were told;
    seen: int = 0  # up to here they are my own, or older than my being there;
    read: int = 0  # and up to here I have read.
    gone: list[int] = field(factory=list)  # Numbers of later ones that were deleted.

    @property
    def unread(self) -> int:
        """Return how many messages wait. Posting is reading: nobody answers what they ignore."""
        up_to = max(self.seen, self.read)
        return max(0, self.count - up_to - sum(number > up_to for number in self.gone))

    @property
    def is_open(self) -> bool:
        """Say whether the person has not answered yet."""
        return self.is_request or self.standing == "invited"

    @property
    def waits(self) -> dict[str, int]:
        """Return what waits for the person here, in numbers; nothing in what is archived."""
        if self.archived_ms is not None:
            return {}
        unread = self.unread
        return {
            "unread": unread,
            "unread_items": int(unread > 0),
            "invitations": int(self.standing == "invited"),
            "requests": int(self.is_request),
        }

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
            "standing": self.standing,
            "invited_by": self.invited_by,
            "is_request": self.is_request,
            "unread": self.unread,
        }


@define
class UserState:
    """The list, by target, and its order; the profile, connections and notices beside it."""

    key: str
    items: dict[str, Entry] = field(factory=dict)
    unlisted: dict[str, int] = field(factory=dict)  # Target to version, oldest unlisting first.
    door: str = "everybody"  # Who may invite: see ``commands.SetDoor``.
    profile: Profile = field(factory=Profile)
    account: Account = field(factory=Account)
    links: dict[str, Link] = field(factory=dict)  # By user id; what is not over.
    closed_links: dict[str, Link] = field(factory=dict)  # What is, the oldest end first.
    notices: list[Notice] = field(factory=list)  # Oldest first.
    seen_id: int = 0  # The newest notice that was seen.
    claimed_by: str | None = None  # Of a guest: who it is, since they signed in.
    shunned_by: list[str] = field(factory=list)  # Of a guest: who has blocked it.
    expiry_version: int = 0  # Of a guest: the timer that ends it; see ``guest_end``.
    guests: list[str] = field(factory=list)  # Who this user was before; the newest last.
    # These follow from the items, so they are no part of a snapshot.
    order: list[tuple[int, str]] = field(init=False, eq=False, repr=False)  # Oldest first.
    pins: set[str] = field(init=False, eq=False, repr=False)
    requests: set[str] = field(init=False, eq=False, repr=False)
    links_by_standing: Counter[str] = field(init=False, eq=False, repr=False)
    waiting: Counter[str] = field(init=False, eq=False, repr=False)  # See ``Entry.waits``.

    def __attrs_post_init__(self) -> None:
        self.order = sorted((entry.at_ms, target) for target, entry in self.items.items())
        self.pins = {t for t, entry in self.items.items() if entry.pinned_ms is not None}
        self.requests = {t for t, entry in self.items.items() if entry.is_request}
        self.links_by_standing = Counter(link.standing for link in self.links.values())
        self.waiting = Counter()
        for entry in self.items.values():
            self.waiting.update(entry.waits)

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
        if entry.is_request:
            self.requests.add(target)
        self.waiting.update(entry.waits)

    def take_out(self, target: str, version: int) -> None:
        """Remove an entry; remember its version, so that a late signal does not bring it back."""
        self._forget(target)
        unlisted = self.unlisted
        unlisted.pop(target, None)
        unlisted[target] = version
        if len(unlisted) > USER_UNLISTED_MAX:
            del unlisted[next(iter(unlisted))]

    def change(self, target: str, **fields: Any) -> None:
        """Change fields of an entry that do not move it."""
        entry = self.items[target]
        self.waiting.subtract(entry.waits)
        for name, value in fields.items():
            setattr(entry, name, value)
        self.waiting.update(entry.waits)
        if not entry.is_request:
            self.requests.discard(target)

    def mark(self, target: str, pinned_ms: int | None) -> None:
        """Pin an entry, or let it go (None)."""
        self.items[target].pinned_ms = pinned_ms
        if pinned_ms is None:
            self.pins.discard(target)
        else:
            self.pins.add(target)

    def link_to(self, user_id: str) -> Link:
        """Return where I stand with somebody; a fresh link if there was never anything."""
        return self.links.get(user_id) or self.closed_links.get(user_id) or Link()

    def put_link(self, user_id: str, link: Link) -> None:
        """Replace a link. Of those that are over the newest ``LINKS_CLOSED_MAX`` are remembered."""
        before = self.links.pop(user_id, None)
        self.closed_links.pop(user_id, None)
        if before is not None:
            self.links_by_standing[before.standing] -= 1
        if link.standing == NONE:
            self.closed_links[user_id] = link
            if len(self.closed_links) > LINKS_CLOSED_MAX:
                del self.closed_links[next(iter(self.closed_links))]
        else:
            self.links[user_id] = link
            self.links_by_standing[link.standing] += 1

    def count_of(self, standing: str) -> int:
        """Return with how many people I stand so."""
        return self.links_by_standing[standing]

    def _forget(self, target: str) -> None:
        entry = self.items.pop(target, None)
        if entry is not None:
            self.pins.discard(target)
            self.requests.discard(target)
            self.waiting.subtract(entry.waits)
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
    standing: str = "joined"
    invited_by: str | None = None
    is_request: bool = False
    count: int = 0
    seen: int = 0
    unread: int = 0  # For whoever follows: it follows from the rest.


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


@frozen(kw_only=True)
class ItemCounted:
    """So many messages are in it, none new up to ``seen``; ``unread`` follows from that."""

    TAG: ClassVar[str] = "user.counted"

    target: str
    count: int
    seen: int
    unread: int
    gone: list[int] = field(factory=list)  # Deleted ones among the later.


@frozen(kw_only=True)
class ItemRead:
    """The person has read it up to its ``read``-th message."""

    TAG: ClassVar[str] = "user.was_read"

    target: str
    read: int
    unread: int


@frozen(kw_only=True)
class ItemWelcomed:
    """It is a request no more."""

    TAG: ClassVar[str] = "user.welcomed"

    target: str


@frozen(kw_only=True)
class DoorSet:
    """Who may invite this person from now on."""

    TAG: ClassVar[str] = "user.door_set"

    who: str
