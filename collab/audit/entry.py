"""What the audit log holds of one thing that happened.

Names of people, targets and actions; never what was said, never a token. The words of a command
that are kept (``detail``) are named one by one in ``collab.permission.noteworthy``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Literal

import orjson
from attrs import define, field, frozen

from collab.kind import Caller
from collab.limits import AUDIT_LIST_LEN_MAX, AUDIT_PAGE_MAX, AUDIT_TEXT_LEN_MAX

Outcome = Literal["granted", "refused"]

SIGN_IN: Final = "sign_in"  # Also of a refused one: then nobody is named, only an address.
FOLLOW: Final = "follow"  # A stream that was opened; refused ones are of ``read:TOPIC``.
BROKEN: Final = "audit.broken"  # At a start: the log did not end where it was noted to end.
ANYTHING: Final = "*"  # For a target (and a user) when there were too many to name.


@frozen(kw_only=True)
class AuditEntry:
    """One line of the log, before it has its place. Times are Unix milliseconds.

    ``seq`` is the event's that it is about, 0 if there is none. ``count`` of them happened between
    ``at_ms`` and ``until_ms``. ``detail`` is a JSON object.
    """

    at_ms: int
    action: str
    outcome: Outcome
    user_id: str = ""
    org_id: str = ""
    address: str = ""
    target: str = ""
    seq: int = 0
    count: int = 1
    until_ms: int = field()
    detail: str = "{}"

    @until_ms.default
    def _same(self) -> int:
        return self.at_ms


@define(eq=False)
class AuditRow:
    """An entry to be stored with the events of a batch, under its last event's seq."""

    entry: AuditEntry


@frozen(kw_only=True)
class AuditRecord:
    """An entry in its place. Its hash covers it and, through the one before, all before it."""

    id: int
    entry: AuditEntry
    hash: bytes


@frozen(kw_only=True)
class AuditFilter:
    """Which entries: all that fit every word given; times are of ``at_ms``, *until* excluded."""

    user_id: str | None = None
    org_id: str | None = None
    target: str | None = None
    action: str | None = None
    outcome: Outcome | None = None
    from_ms: int | None = None
    until_ms: int | None = None
    before: int | None = None  # Ids below this one: the page before.
    limit: int = AUDIT_PAGE_MAX


def fits_filter(record: AuditRecord, wanted: AuditFilter) -> bool:
    """Say whether *record* is one of those that *wanted* means."""
    entry = record.entry
    pairs = (
        (wanted.user_id, entry.user_id),
        (wanted.org_id, entry.org_id),
        (wanted.target, entry.target),
        (wanted.action, entry.action),
        (wanted.outcome, entry.outcome),
    )
    return (
        all(word is None or word == value for word, value in pairs)
        and (wanted.from_ms is None or entry.at_ms >= wanted.from_ms)
        and (wanted.until_ms is None or entry.at_ms < wanted.until_ms)
        and (wanted.before is None or record.id < wanted.before)
    )


def entry_of(
    caller: Caller,
    action: str,
    target: str,
    outcome: Outcome,
    *,
    at_ms: int,
    detail: str = "{}",
) -> AuditEntry:
    """Return what is written down of something that *caller* did, or was refused."""
    return AuditEntry(
        at_ms=at_ms,
        action=action,
        outcome=outcome,
        user_id=caller.user_id,
        org_id=caller.org_id or "",
        address=caller.address,
        target=target,
        detail=detail,
    )


def described(command: Any, names: Iterable[str]) -> str:
    """Return the fields *names* of *command* as a JSON object: words, numbers, lists of words.

    Long words are cut, long lists end early, anything else is left out.
    """
    kept: dict[str, object] = {}
    for name in names:
        value = getattr(command, name)
        if isinstance(value, str):
            kept[name] = _word(value)
        elif isinstance(value, bool | int | float):
            kept[name] = value
        elif isinstance(value, list | tuple):
            kept[name] = [_word(one) for one in value[:AUDIT_LIST_LEN_MAX] if isinstance(one, str)]
    return orjson.dumps(kept, option=orjson.OPT_SORT_KEYS).decode()


def _word(text: str) -> str:
    """Return *text*, cut; half a surrogate pair, which is no text, is shown by its escape."""
    return text[:AUDIT_TEXT_LEN_MAX].encode("utf-8", "backslashreplace").decode()
