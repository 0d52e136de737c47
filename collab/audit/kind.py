"""``audit:ORG``: an organisation's part of the audit log, for its admins. ``audit:*``: all of it.

It has no state and no events of its own; the log is the store's. Reading it is written into it.
All of it is for the people who run the server, here and with ``collab audit export``; no token of a
service opens it, since what a service may read of its organisation's log has the same name.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

from attrs import define, field, frozen
from attrs.validators import ge, in_, le, max_len, min_len, optional

from collab.audit.entry import AuditFilter, AuditRecord
from collab.kind import Answer, Caller, Context, Kind, Reader
from collab.limits import AUDIT_PAGE_MAX, ID_LEN_MAX, NAME_LEN_MAX, PAGE_LIMIT_DEFAULT
from collab.operators import Operators
from collab.permission.noteworthy import AUDIT as NOTEWORTHY
from collab.permission.table import permissions_for
from protocol.limits import KEY_LEN_MAX

KIND_NAME: Final = "audit"
WHOLE: Final = "*"  # Key of the whole log.
_TARGET_LEN_MAX: Final = KEY_LEN_MAX + ID_LEN_MAX


def _word(most: int) -> Any:
    return field(default=None, validator=optional([min_len(1), max_len(most)]))


@frozen(kw_only=True)
class PageAudit:
    """Query: the newest entries that fit every word given, newest first; ``next`` pages on."""

    TAG: ClassVar[str] = "audit.page"

    user_id: str | None = _word(ID_LEN_MAX)
    target: str | None = _word(_TARGET_LEN_MAX)
    action: str | None = _word(NAME_LEN_MAX)
    outcome: str | None = field(default=None, validator=optional(in_(("granted", "refused"))))
    from_ms: int | None = field(default=None, validator=optional(ge(0)))
    until_ms: int | None = field(default=None, validator=optional(ge(0)))
    before: int | None = field(default=None, validator=optional(ge(1)))
    limit: int = field(default=PAGE_LIMIT_DEFAULT, validator=[ge(1), le(AUDIT_PAGE_MAX)])


@define
class AuditState:
    """Nothing but whose it is; ``WHOLE``: everybody's."""

    org_id: str


def role_of(state: AuditState, caller: Caller) -> str:
    """Return ``admin`` for the organisation's own, else ``outsider``."""
    if state.org_id == WHOLE:  # Also for an organisation of this name.
        return "outsider"
    is_own = caller.org_id == state.org_id and not caller.is_guest
    return "admin" if is_own and caller.org_role == "admin" else "outsider"


def page(state: AuditState, query: PageAudit, _context: Context) -> Answer:
    """Answer :class:`PageAudit`: what people (of this organisation) did, or were refused."""
    wanted = AuditFilter(
        org_id=None if state.org_id == WHOLE else state.org_id,
        user_id=query.user_id,
        target=query.target,
        action=query.action,
        outcome=query.outcome,  # type: ignore[arg-type]  # Checked when the query was made.
        from_ms=query.from_ms,
        until_ms=query.until_ms,
        before=query.before,
        limit=query.limit,
    )

    async def read(reader: Reader) -> object:
        records = await reader.audit_page(wanted)
        more = records[-1].id if len(records) == query.limit else None
        return {"entries": [shown(record) for record in records], "next": more}

    return Answer(read=read)


def shown(record: AuditRecord) -> dict[str, object]:
    """Return *record* as people read it, here and in an export."""
    entry = record.entry
    return {
        "id": record.id,
        "at_ms": entry.at_ms,
        "action": entry.action,
        "outcome": entry.outcome,
        "user": entry.user_id,
        "org": entry.org_id,
        "address": entry.address,
        "target": entry.target,
        "seq": entry.seq,
        "count": entry.count,
        "until_ms": entry.until_ms,
        "detail": entry.detail,
        "hash": record.hash.hex(),
    }


def audit_kind(operators: Operators) -> Kind[AuditState]:
    """Return the kind; *operators* read the whole log."""

    def role_here(state: AuditState, caller: Caller) -> str:
        is_person = caller.scopes is None and not caller.is_guest
        if state.org_id == WHOLE and is_person and operators.include(caller, KIND_NAME):
            return "operator"
        return role_of(state, caller)

    return Kind(
        name=KIND_NAME,
        new_state=AuditState,
        commands={},
        events={},
        topics={},
        queries={PageAudit: page},
        role_of=role_here,
        permissions=permissions_for(KIND_NAME),
        audited=NOTEWORTHY,
    )


AUDIT: Final = audit_kind(Operators())
