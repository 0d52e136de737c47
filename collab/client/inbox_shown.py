"""One's inbox as one value that events move on. No I/O; see ``collab.client.user.InboxView``.

It begins with the first page of each: the newest meetings and chats and all that are pinned, the
newest notices, the first connections of each standing. What lies further back is paged;
``me.inbox`` counts all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from attrs import evolve, field, frozen

from collab.limits import NOTICES_MAX, USER_ITEMS_MAX
from protocol.client import Event

TOPICS: Final = ("list", "notices", "connections")


@frozen(kw_only=True)
class InboxItem:
    """One meeting or chat."""

    target: str
    kind: str
    title: str
    status: str
    role: str
    at_ms: int
    planned_start_ms: int | None = None
    pinned_ms: int | None = None
    archived_ms: int | None = None
    standing: str = "joined"
    invited_by: str | None = None
    is_request: bool = False
    unread: int = 0


@frozen(kw_only=True)
class InboxNotice:
    """Something that one should know of."""

    id: int
    at_ms: int
    about: str
    user_id: str | None = None
    target: str | None = None
    title: str | None = None
    role: str | None = None


@frozen(kw_only=True)
class InboxShown:
    """What is shown: ``items`` by target, ``notices`` newest first, ``standings`` by user id."""

    items: Mapping[str, InboxItem] = field(factory=dict)
    notices: tuple[InboxNotice, ...] = ()
    seen_id: int = 0
    unseen: int = 0
    standings: Mapping[str, str] = field(factory=dict)

    @property
    def newest(self) -> list[InboxItem]:
        """The items, newest first."""
        return sorted(self.items.values(), key=lambda item: (item.at_ms, item.target), reverse=True)

    @property
    def unread(self) -> int:
        """How many messages wait in what is shown and not archived."""
        return sum(item.unread for item in self.items.values() if item.archived_ms is None)


def load(topics: Mapping[str, Any]) -> InboxShown:
    """Return the state of a snapshot of the topics ``TOPICS``."""
    listed, noted = topics["list"], topics["notices"]
    items = [InboxItem(**fields) for fields in (*listed["items"], *listed["pinned"])]
    people = [person for page in topics["connections"].values() for person in page["people"]]
    return InboxShown(
        items={item.target: item for item in items},
        notices=tuple(InboxNotice(**fields) for fields in noted["notices"]),
        seen_id=noted["seen_id"],
        unseen=noted["unseen"],
        standings={person["user_id"]: person["standing"] for person in people},
    )


def reduce(shown: InboxShown, event: Event) -> InboxShown:
    """Return the state after *event*; what does not concern it changes nothing."""
    change = _CHANGES.get(event.type)
    return shown if change is None else change(shown, event)


def _with(shown: InboxShown, target: str, **fields: Any) -> InboxShown:
    """Return *shown* with an item changed; one that is further back is not shown, nor changed."""
    known = shown.items.get(target)
    if known is None:
        return shown
    return evolve(shown, items={**shown.items, target: evolve(known, **fields)})


def _listed(shown: InboxShown, event: Event) -> InboxShown:
    fields = {name: event.data[name] for name in _LISTED if name in event.data}
    target = event.data["target"]
    if target in shown.items:
        return _with(shown, target, **fields)
    items = {**shown.items, target: InboxItem(**fields)}
    if len(items) > USER_ITEMS_MAX:  # More than the server lists: some went while nobody looked.
        del items[min(items, key=lambda name: items[name].at_ms)]
    return evolve(shown, items=items)


def _unlisted(shown: InboxShown, event: Event) -> InboxShown:
    left = {name: item for name, item in shown.items.items() if name != event.data["target"]}
    return evolve(shown, items=left)


def _noted(shown: InboxShown, event: Event) -> InboxShown:
    notice = InboxNotice(id=event.seq, at_ms=event.at_ms, **event.data)
    notices = (notice, *shown.notices)[:NOTICES_MAX]
    return evolve(shown, notices=notices, unseen=min(shown.unseen + 1, NOTICES_MAX))


def _seen(shown: InboxShown, event: Event) -> InboxShown:
    seen_id = event.data["up_to"]
    unseen = sum(notice.id > seen_id for notice in shown.notices)
    return evolve(shown, seen_id=seen_id, unseen=unseen)


def _connected(shown: InboxShown, event: Event) -> InboxShown:
    user_id, standing = event.data["user_id"], event.data["standing"]
    others = {who: held for who, held in shown.standings.items() if who != user_id}
    return evolve(shown, standings=others if standing == "none" else {**others, user_id: standing})


_LISTED: Final = tuple(
    name
    for name in InboxItem.__annotations__  # What ``user.listed`` tells; marks stay as they are.
    if name not in ("pinned_ms", "archived_ms")
)
_CHANGES: Final[Mapping[str, Callable[[InboxShown, Event], InboxShown]]] = MappingProxyType(
    {
        "user.listed": _listed,
        "user.unlisted": _unlisted,
        "user.pinned": lambda shown, event: _with(shown, **event.data),
        "user.archived": lambda shown, event: _with(shown, **event.data),
        "user.counted": lambda shown, event: _with(
            shown, event.data["target"], unread=event.data["unread"]
        ),
        "user.was_read": lambda shown, event: _with(
            shown, event.data["target"], unread=event.data["unread"]
        ),
        "user.welcomed": lambda shown, event: _with(shown, event.data["target"], is_request=False),
        "notice.added": _noted,
        "notice.seen": _seen,
        "connection.changed": _connected,
    }
)
