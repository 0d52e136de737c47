"""What an issuer told, by person: kept alike by its actor and in memory, and bounded alike.

::

    too many people             who changed longest ago goes; who was removed goes last, unless
                                those are more than ``STANDING_REMOVED_MAX``
    too many organisations      of one person: the one told of longest ago goes, a removal never
    too many ended sessions     of one person: the oldest becomes "every token from before it is
                                void", which says more, so nothing that ended counts again
"""

from __future__ import annotations

from itertools import islice
from typing import Final

from attrs import evolve

from collab.limits import (
    STANDING_ORGS_PER_USER_MAX,
    STANDING_PEOPLE_MAX,
    STANDING_REMOVED_MAX,
    STANDING_SESSIONS_PER_USER_MAX,
)
from collab.standing.changes import PERSON, Change

About = dict[str, Change]  # What a change is about -> the newest one, in the order of their coming.
Told = dict[str, About]  # User -> what was told of them; who changed last comes last.

_WIDEST: Final = "admin"  # Of roles; which of two others allows more nobody knows.


def is_news(told: Told, change: Change) -> bool:
    """Say whether nothing newer was told: deliveries may come late and in any order.

    Of two changes at the same millisecond the stricter one counts, whichever comes first.
    """
    known = told.get(change.user_id, {}).get(change.about)
    if known is None or known.at_ms != change.at_ms:
        return known is None or known.at_ms < change.at_ms
    return _strictness(known) < _strictness(change)


def _strictness(change: Change) -> int:
    if change.role is None:
        return 2
    return 0 if change.role == _WIDEST else 1


def remember(told: Told, change: Change) -> None:
    """Put *change*, which is news, into *told*; let go what is too much."""
    about = told.pop(change.user_id, {})
    about.pop(change.about, None)
    about[change.about] = change
    _bound(about)
    told[change.user_id] = about
    if len(told) > STANDING_PEOPLE_MAX:
        del told[_least_needed(told)]


def _bound(about: About) -> None:
    sessions = [key for key, change in about.items() if change.session_id is not None]
    if len(sessions) > STANDING_SESSIONS_PER_USER_MAX:
        oldest = about.pop(sessions[0])
        person = about.get(PERSON)
        if person is None or person.at_ms < oldest.at_ms:
            about[PERSON] = evolve(oldest, session_id=None)
    orgs = [key for key, change in about.items() if change.org_id is not None]
    if len(orgs) > STANDING_ORGS_PER_USER_MAX:
        del about[orgs[0]]


def _least_needed(told: Told) -> str:
    """Return who gives way; never the newest."""
    older = list(islice(told.items(), len(told) - 1))
    removed = [user_id for user_id, about in older if PERSON in about]
    if len(removed) > STANDING_REMOVED_MAX:
        return removed[0]
    return next((user_id for user_id, about in older if PERSON not in about), older[0][0])
