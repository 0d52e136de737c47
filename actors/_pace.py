"""How often something is sent, for all who send it: one object, which its owner may change."""

from __future__ import annotations

from attrs import define


@define(eq=False)
class Pace:
    """Seconds between two of the same; counts from the next one on when it changes."""

    interval_s: float
