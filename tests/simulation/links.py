"""A connection of bytes in virtual time, and everything that networks do to one.

A link has two directions. What is sent arrives after a delay, in order, in pieces as they fall;
a direction may be *held* (nothing arrives until it is let go, as behind a broken route or a peer
that does not read), *finished* (end of stream, while the other direction goes on), or reach the
byte at which the link is cut: what was sent up to there arrives, then both ends see a reset.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from random import Random

import trio

from tests.simulation.agenda import Agenda, on_grid


class Direction:
    """One way of a link. ``window_bytes`` may be under way; more is not taken."""

    def __init__(
        self,
        link: Link,
        agenda: Agenda,
        rng: Random,
        *,
        delay_s: float,
        window_bytes: int,
    ) -> None:
        self.delay_s = delay_s
        self.cut_at: int | None = None  # Cut the link when so many bytes have arrived in all.
        self.arrived_bytes = 0
        self.on_bytes: Callable[[bytes], None] = _ignore
        self.on_end: Callable[[], None] = _nothing
        self.on_room: Callable[[], None] = _nothing
        self._link = link
        self._agenda = agenda
        self._rng = rng
        self._window_bytes = window_bytes
        self._under_way: deque[bytes | None] = deque()  # None: the end.
        self._under_way_bytes = 0
        self._due = 0  # Pieces whose time has come, while the direction is held.
        self._last_s = 0.0
        self._is_held = False
        self._is_finished = False

    @property
    def room_bytes(self) -> int:
        """How much may be sent now."""
        if self._is_finished or self._link.is_reset:
            return 0
        return self._window_bytes - self._under_way_bytes

    def send(self, piece: bytes) -> int:
        """Send as much of *piece* as there is room for; return how much that is."""
        size = min(len(piece), max(self.room_bytes, 0))
        if size:
            split = self._rng.randrange(size) if size > 1 and self._rng.random() < 0.1 else 0
            for part in (piece[:split], piece[split:size]):
                if part:
                    self._under_way_bytes += len(part)
                    self._put(part)
        return size

    def finish(self) -> None:
        """Send nothing more: the peer sees the end after everything that was sent."""
        if not self._is_finished:
            self._is_finished = True
            self._put(None)

    def hold(self) -> None:
        """Let nothing arrive."""
        self._is_held = True

    def let_go(self) -> None:
        """Let everything arrive whose time has come, and what comes from now on."""
        if self._is_held:
            self._is_held = False
            while self._due and not self._is_held:
                self._due -= 1
                self._deliver()

    def drop(self) -> None:
        """Lose what is under way."""
        self._under_way.clear()
        self._under_way_bytes = self._due = 0

    def _put(self, piece: bytes | None) -> None:
        delay_s = self.delay_s * self._rng.uniform(0.5, 1.5)
        self._last_s = max(self._last_s, on_grid(trio.current_time() + delay_s))
        self._under_way.append(piece)
        self._agenda.at(self._last_s, self._is_time)

    def _is_time(self) -> None:
        if self._is_held:
            self._due += 1
        else:
            self._deliver()

    def _deliver(self) -> None:
        if not self._under_way:
            return  # Lost by a reset.
        piece = self._under_way.popleft()
        if piece is None:
            self.on_end()
            return
        self._under_way_bytes -= len(piece)
        cut_at, self.arrived_bytes = self.cut_at, self.arrived_bytes + len(piece)
        if cut_at is not None and self.arrived_bytes >= cut_at:
            self.on_bytes(piece[: len(piece) - (self.arrived_bytes - cut_at)])
            self._link.reset()
        else:
            self.on_bytes(piece)
            self.on_room()


class Link:
    """Both directions: ``up`` to the server, ``down`` to the client."""

    def __init__(self, agenda: Agenda, rng: Random, *, delay_s: float, window_bytes: int) -> None:
        self.is_reset = False
        self.up = Direction(self, agenda, rng, delay_s=delay_s, window_bytes=window_bytes)
        self.down = Direction(self, agenda, rng, delay_s=delay_s, window_bytes=window_bytes)
        self.on_reset: list[Callable[[], None]] = []

    def reset(self) -> None:
        """Cut it: what is under way is lost, and both ends learn of it at once. Idempotent."""
        if not self.is_reset:
            self.is_reset = True
            self.up.drop()
            self.down.drop()
            for tell in self.on_reset:
                tell()


def _ignore(_piece: bytes) -> None:
    """Nobody listens at this end any more."""


def _nothing() -> None:
    """Nobody wants to know."""
