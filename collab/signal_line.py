"""The line of signals that wait for one target. No I/O: ``collab.signals`` reads and sends.

The front of a line is in memory; the rest stays on disk until the front was sent. So a target that
takes nothing costs no more memory than one that takes everything.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Sequence

import trio
from attrs import define, field

from collab.limits import SIGNAL_RETRY_MAX_S, SIGNAL_RETRY_MIN_S, SIGNALS_UNSENT_MAX
from collab.storage import StoredSignal


@define(eq=False)
class Backoff:
    """How long to wait before the next try: twice as long each time, with jitter."""

    rng: random.Random
    _delay_s: float = SIGNAL_RETRY_MIN_S

    def next_s(self) -> float:
        """Return the next delay, in seconds."""
        delay_s, self._delay_s = self._delay_s, min(self._delay_s * 2, SIGNAL_RETRY_MAX_S)
        return delay_s * self.rng.uniform(0.5, 1.0)

    def reset(self) -> None:
        """Begin with the shortest delay again."""
        self._delay_s = SIGNAL_RETRY_MIN_S


@define(eq=False)
class SignalLine:
    """What waits for *target*, in the order in which it was stored."""

    target: str
    backoff: Backoff
    front: deque[StoredSignal] = field(factory=deque)
    newest: int = 0  # Everything up to this id was sent, is in front, or was left behind.
    is_behind: bool = False  # There may be newer ones on disk.
    left_behind: int | None = None  # The first that could not be sent while later ones could.
    must_rest: bool = False  # Before the next try.
    is_failing: bool = False
    has_place: bool = True  # Among the targets that are sent to.
    offers: int = 0
    news: trio.Event = field(factory=trio.Event)

    def offer(self, signal: StoredSignal) -> None:
        """Take in *signal*, which was found on disk, or note that it waits there."""
        if signal.id <= self.newest:
            return
        self.offers += 1
        if self.is_behind or len(self.front) >= SIGNALS_UNSENT_MAX:
            self.is_behind = True
        else:
            self.front.append(signal)
            self.newest = signal.id
        self.news.set()

    @property
    def page_len(self) -> int:
        """How many to read at once; one, if it will probably have to wait."""
        return 1 if self.is_failing else SIGNALS_UNSENT_MAX

    def read(self, page: Sequence[StoredSignal], *, limit: int, offers_before: int) -> None:
        """Take in a *page* from disk that was asked for when there were *offers_before*.

        Until then the line was behind. It still is after a full page, and after an offer
        meanwhile, which may be newer than what the page saw.
        """
        self.front.extend(page)
        if page:
            self.newest = page[-1].id
        self.is_behind = len(page) == limit or self.offers != offers_before

    def put_back(self, signal: StoredSignal) -> None:
        """Have *signal* and all after it wait on disk, for a rest."""
        self.front.clear()
        self.newest = signal.id - 1
        self.is_behind = self.must_rest = True

    def leave_behind(self, signal: StoredSignal) -> None:
        """Have *signal* wait on disk, and go on with those after it."""
        if self.left_behind is None:
            self.left_behind = signal.id

    def start_over(self) -> None:
        """Begin again with what was left behind."""
        assert self.left_behind is not None
        self.newest = self.left_behind - 1
        self.left_behind = None
        self.is_behind = True
