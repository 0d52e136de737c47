"""What every live actor of an app shares."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from attrs import frozen

from actors import Timers
from collab.alarms import AlarmClock
from collab.audit import Recorder
from collab.following import Followers
from collab.kind import Reader
from collab.pacing import Pacing


@frozen(kw_only=True)
class Surroundings:
    """Made once per app; see ``collab.app``."""

    timers: Timers
    reader: Reader
    followers: Followers
    recorder: Recorder
    alarms: AlarmClock
    clock_ms: Callable[[], int]
    new_id: Callable[[], str]
    cork: Callable[[], AbstractContextManager[None]]  # Around everything that a batch sends.
    signals_stored: Callable[[], None]
    pacing: Pacing
