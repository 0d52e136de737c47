"""Which news is worth a notice, and which notices are seen.

News of a meeting or chat comes as its state (``ListItem``), of which only the newest waits; what
happened is seen by comparing it with what the list held. What one did oneself is no news.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from collab.kind import Answer, Caller, Context, Outcome, Stamp
from collab.limits import NOTICES_MAX, NOTICES_OF_STRANGERS_MAX, PAGE_LIMIT_DEFAULT
from collab.user.commands import ListItem, UnlistItem
from collab.user.notices.commands import (
    Notice,
    NoticeAdded,
    NoticesSeen,
    PageNotices,
    SeeNotices,
)
from collab.user.state import Entry, UserState

_BY_STATUS: Final[Mapping[str, str]] = MappingProxyType(
    {"live": "started", "ended": "ended", "cancelled": "cancelled"}
)


def news_of(state: UserState, known: Entry | None, item: ListItem) -> list[NoticeAdded]:
    """Return what *item* says that the person should know of."""
    if item.by in (None, state.key):
        return []
    if known is None:
        is_pulled_in = item.invited_by not in (None, state.key)
        first = "invited" if item.standing == "invited" else "added"
        return [_notice(first, item)] if is_pulled_in else []
    found = []
    if item.role != known.role:
        found.append(_notice("role_changed", item))
    if item.status != known.status and item.status in _BY_STATUS:
        found.append(_notice(_BY_STATUS[item.status], item))
    return found


def news_of_end(state: UserState, known: Entry | None, item: UnlistItem) -> list[NoticeAdded]:
    """Return what the person should know of when somebody else took them out."""
    if known is None or item.by in (None, state.key):
        return []
    return [
        NoticeAdded(
            about="removed",
            user_id=item.by,
            target=item.target,
            title=known.title,
            role=known.role,
        )
    ]


def _notice(about: str, item: ListItem) -> NoticeAdded:
    return NoticeAdded(
        about=about, user_id=item.by, target=item.target, title=item.title, role=item.role
    )


def see(state: UserState, command: SeeNotices, _context: Context) -> Outcome:
    """Mark as seen; what is seen stays so."""
    newest = state.notices[-1].id if state.notices else 0
    up_to = newest if command.up_to is None else min(command.up_to, newest)
    if up_to <= state.seen_id:
        return Outcome(value={"unseen": unseen(state, state.seen_id)})
    return Outcome([NoticesSeen(up_to=up_to)], {"unseen": unseen(state, up_to)})


def unseen(state: UserState, seen_id: int) -> int:
    """Return how many kept notices are newer than *seen_id*."""
    return sum(notice.id > seen_id for notice in state.notices)


def added(state: UserState, event: NoticeAdded, stamp: Stamp) -> None:
    """Keep it; the oldest one goes when there are too many, in all or of strangers."""
    state.notices.append(
        Notice(
            id=stamp.seq,
            at_ms=stamp.at_ms,
            about=event.about,
            user_id=event.user_id,
            target=event.target,
            title=event.title,
            role=event.role,
        )
    )
    of_strangers = [at for at, kept in enumerate(state.notices) if _is_of_stranger(state, kept)]
    if len(of_strangers) > NOTICES_OF_STRANGERS_MAX:
        del state.notices[of_strangers[0]]
    if len(state.notices) > NOTICES_MAX:
        del state.notices[0]


def _is_of_stranger(state: UserState, notice: Notice) -> bool:
    return notice.about == "connection_requested" or notice.target in state.requests


def seen(state: UserState, event: NoticesSeen, _stamp: Stamp) -> None:
    """Move the mark."""
    state.seen_id = event.up_to


# ---------------------------------------------------------------- view


def page(state: UserState, query: PageNotices, _context: Context) -> Answer:
    """Return a page, newest first."""
    return Answer(_page(state, query.before, query.limit))


def snapshot(state: UserState, _caller: Caller) -> Mapping[str, Any]:
    """Return the newest page, and how many are not seen."""
    return _page(state, None, PAGE_LIMIT_DEFAULT)


def _page(state: UserState, before: int | None, limit: int) -> Mapping[str, Any]:
    older = [n for n in state.notices if before is None or n.id < before]
    shown = older[-limit:][::-1]
    return {
        "notices": [_plain(notice) for notice in shown],
        "more": len(older) > len(shown),
        "unseen": unseen(state, state.seen_id),
        "seen_id": state.seen_id,
    }


def _plain(notice: Notice) -> dict[str, Any]:
    return {
        "id": notice.id,
        "at_ms": notice.at_ms,
        "about": notice.about,
        "user_id": notice.user_id,
        "target": notice.target,
        "title": notice.title,
        "role": notice.role,
    }
