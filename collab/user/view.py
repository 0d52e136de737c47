"""What a person sees of their list: the first page live, the others by cursor.

A cursor is the place of a page's last item in the order (time and target), so that items which
come, go or move to the top meanwhile neither repeat nor hide what has not been shown.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from typing import Any

from collab.errors import BadRequest
from collab.kind import Answer, Caller, Context
from collab.limits import USER_SCANNED_MAX
from collab.user.commands import GetInbox, PageList
from collab.user.connections.link import RECEIVED
from collab.user.notices.rules import unseen
from collab.user.state import Entry, UserState


def snapshot(state: UserState, _caller: Caller) -> Mapping[str, Any]:
    """Return the first page of what is not archived, and everything that is pinned."""
    return {
        **_page(state, PageList()),
        "pinned": [state.items[target].plain(target) for target in _pinned(state)],
    }


def _pinned(state: UserState) -> list[str]:
    """Return the pinned targets, newest first."""
    return sorted(state.pins, key=lambda target: (state.items[target].at_ms, target), reverse=True)


def page(state: UserState, query: PageList, _context: Context) -> Answer:
    """Return ``{"items", "more", "cursor"}``: give ``cursor`` as ``before`` to go on.

    Raises:
      BadRequest: ``before`` is no cursor.
    """
    return Answer(_page(state, query))


def _page(state: UserState, query: PageList) -> Mapping[str, Any]:
    order = state.order
    at = len(order) if query.before is None else bisect_left(order, _place(query.before))
    found: list[dict[str, Any]] = []
    last = max(at - USER_SCANNED_MAX, 0)
    for n in range(at - 1, last - 1, -1):
        target = order[n][1]
        entry = state.items[target]
        if _is_wanted(entry, query):
            if len(found) == query.limit:
                place = _cursor(found[-1]["at_ms"], found[-1]["target"])
                return {"items": found, "more": True, "cursor": place}
            found.append(entry.plain(target))
    if last:  # Few of these are wanted: the others must wait for the next page, not the server.
        return {"items": found, "more": True, "cursor": _cursor(*order[last])}
    return {"items": found, "more": False, "cursor": None}


def _is_wanted(entry: Entry, query: PageList) -> bool:
    return (
        (entry.archived_ms is not None) == query.is_archived
        and query.kind in (None, entry.kind)
        and query.is_pinned in (None, entry.pinned_ms is not None)
        and (query.is_unread is None or query.is_unread == (entry.unread > 0))
        and query.is_request in (None, entry.is_request)
        and query.standing in (None, entry.standing)
    )


def inbox(state: UserState, _query: GetInbox, _context: Context) -> Answer:
    """Return how much waits, in numbers."""
    waiting = state.waiting
    return Answer(
        {
            "unread": waiting["unread"],
            "unread_items": waiting["unread_items"],
            "invitations": waiting["invitations"],
            "requests": waiting["requests"],
            "unseen": unseen(state, state.seen_id),
            "asking": state.count_of(RECEIVED),
            "door": state.door,
        }
    )


def _cursor(at_ms: int, target: str) -> str:
    return f"{at_ms}:{target}"


def _place(cursor: str) -> tuple[int, str]:
    at_ms, colon, target = cursor.partition(":")
    if not colon or not at_ms.isascii() or not at_ms.isdigit():
        raise BadRequest("before is not a cursor that a page gave")
    return int(at_ms), target
