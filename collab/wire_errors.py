"""Every error of ours as what the wire may say of it. Internals go to the log under an id."""

from __future__ import annotations

import logging
import secrets

from actors import (
    ActorCrashed,
    ActorDamaged,
    ActorError,
    ActorUnavailable,
    AskTimeout,
    JournalCorrupt,
    JournalError,
    MailboxFull,
    Refused,
    UnknownKind,
)
from collab.errors import CollabError
from collab.limits import OVERLOADED_RETRY_MS, UNAVAILABLE_RETRY_MS
from protocol.errors import WireError

_log = logging.getLogger("collab.errors")


def to_wire(error: BaseException) -> WireError:
    """Return *error* for a client: typed, and without anything that only we should know."""
    if isinstance(error, WireError):
        return error
    if isinstance(error, CollabError):
        return WireError(
            error.code,
            error.message,
            retryable=error.retryable,
            retry_after_ms=error.retry_after_ms,
        )
    if isinstance(error, Refused):
        return WireError("bad_request", str(error))
    if isinstance(error, ActorCrashed):
        return internal(error.cause)
    if isinstance(error, UnknownKind):
        return WireError("unknown_target", f"no kind {error.kind}")
    if isinstance(error, MailboxFull):
        return WireError("overloaded", "too many waiting calls", retry_after_ms=OVERLOADED_RETRY_MS)
    if isinstance(error, ActorDamaged | JournalCorrupt):
        _log.error("damaged: %s", error)
        return WireError("damaged", "what is stored of it is damaged and has to be mended")
    if isinstance(error, ActorUnavailable):
        return WireError(
            "unavailable",
            "this one cannot start at the moment",
            retry_after_ms=round(error.retry_after_s * 1000),
        )
    if isinstance(error, AskTimeout):
        return WireError("deadline_exceeded", "no answer in time; it may have happened")
    if isinstance(error, ActorError | JournalError):
        return WireError(
            "unavailable", "try again in a moment", retry_after_ms=UNAVAILABLE_RETRY_MS
        )
    return internal(error)


def internal(error: BaseException) -> WireError:
    """Log a fault of ours under a fresh id, and return what a client may know of it."""
    error_id = secrets.token_hex(6)
    _log.error("fault %s", error_id, exc_info=error)
    return WireError("internal", "a fault of ours; please quote error_id", error_id=error_id)
