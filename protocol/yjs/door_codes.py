"""What becomes of a client whose edit or visit was refused.

::

    code                                               edit                        visit
    permission_denied, conflict                        refused, told; it reads on  4403, 4409 (*)
    notes_missing_history                              asked once for all it has   4409
    notes_branched                                     4409: reload; it was kept   -
    notes_foreign_client                               4403                        -
    notes_malformed, bad_request, ...                  4400                        4400
    notes_too_large, limit_exceeded                    4413                        4413
    unauthenticated                                    4401                        4401
    not_found, unknown_target, unknown_topic, _op      4404                        4404
    retryable (unavailable, overloaded, internal ...)  1013                        1013
    token_expired                                      -                           1013

(*) Whoever is shut out asks once more to be let in: a new role may still read.

y-websocket stays away after 4400 to 4499. After any other code it comes back and sends what we
lack, so an edit whose outcome is not known is not lost.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from protocol.errors import (
    CLOSE_BAD_PROTOCOL,
    CLOSE_FORBIDDEN,
    CLOSE_TRY_AGAIN,
    CLOSE_UNAUTHENTICATED,
    WireError,
)

CLOSE_NOT_FOUND: Final = 4404
CLOSE_CONFLICT: Final = 4409
CLOSE_TOO_LARGE: Final = 4413
CLOSE_DAMAGED: Final = 4424

MISSING_HISTORY: Final = "notes_missing_history"
TOKEN_EXPIRED: Final = "token_expired"

_CLOSE_CODES: Final[Mapping[str, int]] = MappingProxyType(
    {
        "unauthenticated": CLOSE_UNAUTHENTICATED,
        "permission_denied": CLOSE_FORBIDDEN,
        "notes_foreign_client": CLOSE_FORBIDDEN,
        "not_found": CLOSE_NOT_FOUND,
        "unknown_target": CLOSE_NOT_FOUND,
        "unknown_topic": CLOSE_NOT_FOUND,
        "unknown_op": CLOSE_NOT_FOUND,
        "conflict": CLOSE_CONFLICT,
        "notes_branched": CLOSE_CONFLICT,
        MISSING_HISTORY: CLOSE_CONFLICT,
        "notes_too_large": CLOSE_TOO_LARGE,
        "limit_exceeded": CLOSE_TOO_LARGE,
        "damaged": CLOSE_DAMAGED,
        TOKEN_EXPIRED: CLOSE_TRY_AGAIN,
    }
)
_READS_ON: Final = frozenset({"permission_denied", "conflict"})


class Verdict(enum.Enum):
    """What follows from a refused edit."""

    READ_ON = "read on"
    RESYNC = "resync"
    LEAVE = "leave"


def verdict_of(error: WireError) -> Verdict:
    """Say what follows from an edit that was refused with *error*."""
    if error.code in _READS_ON:
        return Verdict.READ_ON
    if error.code == MISSING_HISTORY:
        return Verdict.RESYNC
    return Verdict.LEAVE


def close_code_of(error: WireError) -> int:
    """Return the WebSocket close code that tells *error*."""
    code = _CLOSE_CODES.get(error.code)
    if code is None:
        return CLOSE_TRY_AGAIN if error.retryable else CLOSE_BAD_PROTOCOL
    return code


def reason_of(error: WireError) -> str:
    """Return what a client may show of *error*: the stable code first."""
    return f"{error.code}: {error.message}" if error.message else error.code
