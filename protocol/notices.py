"""What the log says of peers: who was refused or closed, where from, with which code.

One line each, under the session's id, which the peer knows from its welcome. Never what it sent: a
message may hold confidences, a token is a key. Bounded in time, so that nobody floods the log:
beyond ``NOTICES_PER_S`` only their number is told.
"""

from __future__ import annotations

import logging
from typing import Final

import trio

from protocol.errors import CLOSE_GOING_AWAY, CLOSE_NORMAL
from protocol.limits import NOTICES_BURST, NOTICES_PER_S

_log = logging.getLogger(__name__)

# Answers that say something about the peer, not about the state of things.
NOTED_CODES: Final = frozenset(
    {
        "bad_request",
        "unknown_type",
        "unknown_target",
        "unknown_op",
        "unknown_topic",
        "duplicate_ref",
        "unauthenticated",
        "permission_denied",
        "rate_limited",
        "limit_exceeded",
    }
)
_PEACEFUL: Final = frozenset({CLOSE_NORMAL, CLOSE_GOING_AWAY})


class Notices:
    """Writes the lines of one server."""

    def __init__(self) -> None:
        self._left = float(NOTICES_BURST)
        self._at_s: float | None = None
        self._unsaid = 0

    def refused(
        self, session: str, peer: str, user: str | None, ref: int | None, code: str
    ) -> None:
        """A message, call, subscription or sign-in was answered with *code*."""
        if code in NOTED_CODES and self._may_speak():
            _log.info(
                "refused: session=%s peer=%s user=%s ref=%s code=%s", session, peer, user, ref, code
            )

    def closed(self, session: str, peer: str, user: str | None, code: int, reason: str) -> None:
        """We close a connection; *reason* is ours."""
        if code not in _PEACEFUL and self._may_speak():
            _log.warning(
                "closed: session=%s peer=%s user=%s code=%d reason=%s",
                *(session, peer, user, code, reason),
            )

    def _may_speak(self) -> bool:
        now_s = trio.current_time()
        if self._at_s is not None:
            refilled = self._left + (now_s - self._at_s) * NOTICES_PER_S
            self._left = min(refilled, float(NOTICES_BURST))
        self._at_s = now_s
        if self._left < 1:
            self._unsaid += 1
            return False
        self._left -= 1
        if self._unsaid:
            _log.warning("%d notices about peers were left out", self._unsaid)
            self._unsaid = 0
        return True
