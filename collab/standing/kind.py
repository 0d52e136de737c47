"""``standing:ISSUER``: what that issuer has told by webhook, and which deliveries were heard.

Nobody reaches it over the wire: it has no commands, queries or topics, only two messages from
within the server. It owns the replay ledger, so that a delivery counts once across restarts, and
what was told, because a token that was signed before must not count for more than what is so now.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from attrs import define, field, frozen

from collab.audit.entry import AuditEntry, AuditRow, described
from collab.errors import Conflict, RateLimited
from collab.kind import Context, Kind, Outcome, Signal, Stamp
from collab.limits import (
    DELIVERIES_MAX,
    UNAVAILABLE_RETRY_MS,
)
from collab.permission.table import permissions_for
from collab.standing.changes import Change
from collab.standing.told import Told, is_news, remember
from collab.user.profile.commands import StandingTold


@frozen(kw_only=True)
class Hear:
    """A delivery that is genuine. Nothing with its id is heard again before *until_ms*."""

    TAG: ClassVar[str] = "standing.hear"

    delivery: str
    until_ms: int
    changes: list[Change]


@frozen(kw_only=True)
class TellAll:
    """Answered with all that was told, as a list of :class:`Change`."""

    TAG: ClassVar[str] = "standing.tell_all"


@frozen(kw_only=True)
class Heard:
    """A delivery counted: what of it was news."""

    TAG: ClassVar[str] = "standing.heard"

    delivery: str
    until_ms: int
    changes: list[Change]


@define
class StandingState:
    """Whatever is kept of one issuer's word."""

    key: str
    told: Told = field(factory=dict)
    heard: dict[str, int] = field(factory=dict)  # Delivery -> until when, Unix ms.


def hear(state: StandingState, command: Hear, context: Context) -> Outcome:
    """Take a delivery in; its value is the changes that are news.

    Raises:
      Conflict: it was heard before.
      RateLimited: more than ``DELIVERIES_MAX`` within their window.
    """
    if state.heard.get(command.delivery, 0) > context.now_ms:
        raise Conflict("heard before")
    waiting = sum(until_ms > context.now_ms for until_ms in state.heard.values())
    if waiting >= DELIVERIES_MAX:
        raise RateLimited("too many deliveries", UNAVAILABLE_RETRY_MS)
    news = [change for change in command.changes if is_news(state.told, change)]
    event = Heard(delivery=command.delivery, until_ms=command.until_ms, changes=news)
    return Outcome([event], news)


def tell_all(state: StandingState, _command: TellAll, _context: Context) -> Outcome:
    """Return everything that was told."""
    return Outcome(value=[change for about in state.told.values() for change in about.values()])


def was_heard(state: StandingState, event: Heard, stamp: Stamp) -> None:
    """Remember a delivery and what it said; forget deliveries whose window is over."""
    for delivery in [known for known, until in state.heard.items() if until <= stamp.at_ms]:
        del state.heard[delivery]
    state.heard[event.delivery] = event.until_ms
    for change in event.changes:
        remember(state.told, change)


def rows(state: StandingState, event: Heard, stamp: Stamp) -> list[AuditRow]:
    """Have every change written into the audit log, as the issuer's doing."""
    return [
        AuditRow(
            AuditEntry(
                at_ms=stamp.at_ms,
                action="standing.change",
                outcome="granted",
                user_id=f"issuer:{state.key}",
                org_id=change.org_id or "",
                target=f"user:{change.user_id}",
                seq=stamp.seq,
                detail=described(change, ("role", "at_ms")),
            )
        )
        for change in event.changes
    ]


def signals_of(_state: StandingState, event: Heard, _stamp: Stamp) -> Sequence[Signal]:
    """Have the people's own accounts follow, which others are shown by; sessions are not theirs."""
    return [
        Signal(
            f"user:{change.user_id}",
            StandingTold(org_id=change.org_id, role=change.role, at_ms=change.at_ms),
            f"standing {change.about}",
        )
        for change in event.changes
        if change.session_id is None
    ]


def _role_of(_state: StandingState, _caller: Any) -> str:
    return "outsider"


STANDING: Final = Kind(
    name="standing",
    new_state=StandingState,
    commands={},
    queries={},
    topics={},
    signals={Hear: hear, TellAll: tell_all},
    events={Heard: was_heard},
    role_of=_role_of,
    rows=rows,
    signals_of=signals_of,
    permissions=permissions_for("standing"),
)
