"""What the kernel must know of a kind of actor: how to make one, and how it is looked after."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any

from attrs import field, frozen
from attrs.validators import ge, gt

from actors._actor import Actor


class Restart(enum.Enum):
    """What happens to an actor after a crash.

    All three replay the journal before anything is handled again.
    """

    PERMANENT = "permanent"  # As transient; never passivated, and back by itself after a rest.
    TRANSIENT = "transient"  # Activated again at once; waiting mail is kept.
    TEMPORARY = "temporary"  # Waiting mail gets ActorStopped; the next message activates afresh.


@frozen(kw_only=True)
class ActorKind:
    """A kind of actor and its settings. Names become part of journaled ids: never change one.

    More than ``restarts_max`` crashes within ``period_s`` and the actor rests for ``rest_s``:
    senders get ``ActorUnavailable``. Crashes in ``decide`` do not count, their message is to blame.
    """

    name: str = field()
    make: Callable[[str], Actor[Any, Any]]  # key -> a fresh instance
    restart: Restart = Restart.TRANSIENT
    restarts_max: int = field(default=3, validator=ge(0))
    period_s: float = field(default=5.0, validator=gt(0))
    rest_s: float = field(default=5.0, validator=gt(0))
    mailbox_len_max: int = field(default=1024, validator=ge(1))
    batch_len_max: int = field(default=256, validator=ge(1))  # Commands decided per append.
    idle_timeout_s: float | None = field(default=60.0)  # None: it stays in memory.
    # For one without a single event: what strangers ask for by made-up keys should not stay long.
    blank_timeout_s: float | None = field(default=None)  # None: like the others.
    snapshot_every: int = field(default=1000, validator=ge(1))  # Events since the last snapshot.

    @name.validator
    def _check_name(self, _attribute: object, name: str) -> None:
        if not name or ":" in name:
            raise ValueError(f"a kind's name must not be empty or hold a colon: {name!r}")

    @idle_timeout_s.validator
    @blank_timeout_s.validator
    def _check_idle_timeout(self, attribute: Any, timeout_s: float | None) -> None:
        if timeout_s is not None and timeout_s <= 0:
            raise ValueError(f"{attribute.name} must be positive or None: {timeout_s}")
