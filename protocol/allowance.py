"""How many messages a client may send."""

from __future__ import annotations

import math

from attrs import frozen

from protocol.limits import MESSAGE_BURST, MESSAGE_DEBT_MAX, MESSAGE_RATE_PER_S


@frozen(kw_only=True)
class MessageRate:
    """What one connection may send: ``per_s`` messages, after ``burst`` at once."""

    per_s: float = MESSAGE_RATE_PER_S
    burst: int = MESSAGE_BURST


class Allowance:
    """Token bucket of messages. Refused ones count too, so a client that goes on runs into debt."""

    def __init__(self, now_s: float, rate: MessageRate | None = None) -> None:
        self._rate = rate or MessageRate()
        self._tokens = float(self._rate.burst)
        self._at_s = now_s

    def spend(self, now_s: float) -> bool:
        """Take one message off; return False if it was too many."""
        rate = self._rate
        tokens = self._tokens + (now_s - self._at_s) * rate.per_s
        self._tokens = tokens = (tokens if tokens < rate.burst else rate.burst) - 1.0
        self._at_s = now_s
        return tokens >= 0

    @property
    def is_spent(self) -> bool:
        """True if the message just spent was too many."""
        return self._tokens < 0

    @property
    def is_in_debt(self) -> bool:
        """True if the client went on for ``MESSAGE_DEBT_MAX`` refused messages."""
        return self._tokens < -MESSAGE_DEBT_MAX

    @property
    def retry_after_ms(self) -> int:
        """When one message will be allowed again."""
        return max(1, math.ceil((1 - self._tokens) / self._rate.per_s * 1000))
