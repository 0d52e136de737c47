"""Policies over the transport's backlog: corking, bounds, and clients that do not read.

::

    backlog            answers                     live frames, presence
    up to SOFT         sent                        sent
    above SOFT         sent                        subscriptions lag: re-read later, from the log
    above FULL         small ones are sent, large  the same
                       ones asked for again later
    above HARD         the client is told, closed with 1013, and can resume

A healthy client may ask for more at once than its kernel takes: it is answered piece by piece, and
only one that does not read comes as far as HARD.

Inside a cork frames are held, up to ``CORK_BYTES_MAX``: then they are written all the same. So what
a bound sees is what the kernel has not taken, not what it was never offered.

A backlog without progress for ``SLOW_CONSUMER_TIMEOUT_S`` ends the same way as one above HARD.
The bounds look at what waits already, so that a single large snapshot can pass; and what is said
beside it, while the client takes it in, is not held against the client: until the backlog is empty
HARD is so much higher.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Final

import trio

from protocol.deadlines import Alarm, DeadlineWheel
from protocol.errors import WireError
from protocol.limits import (
    ANSWER_AGAIN_MS,
    CORK_BYTES_MAX,
    OUTBOX_FRAMES_MAX,
    OUTBOX_FULL_BYTES,
    OUTBOX_HARD_BYTES,
    OUTBOX_SOFT_BYTES,
    SLOW_CONSUMER_CHECK_S,
    SLOW_CONSUMER_TIMEOUT_S,
)
from protocol.socket import Socket

# What a client hears instead of a large answer. It may have happened: ask again with the same key.
NO_ROOM: Final = WireError(
    "unavailable", "you have yet to read what was sent before", retry_after_ms=ANSWER_AGAIN_MS
)


class Cork:
    """While entered, frames collect; at the outermost exit each connection gets one write.

    A connection with more than ``CORK_BYTES_MAX`` gets one per so many bytes.

    One per server, re-entrant. Never await inside: other tasks' frames would wait as well.
    """

    def __init__(self) -> None:
        self._depth = 0
        self._held: dict[Outbox, None] = {}  # Those with held frames, in order.

    @property
    def is_in(self) -> bool:
        """True while frames are to be held."""
        return self._depth > 0

    def hold(self, outbox: Outbox) -> None:
        """Flush *outbox* at the exit."""
        self._held[outbox] = None

    def __enter__(self) -> None:
        self._depth += 1

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._depth -= 1
        if not self._depth and self._held:
            held, self._held = self._held, {}
            for outbox in held:
                outbox.flush()


class Outbox:
    """What one connection has yet to send."""

    def __init__(
        self, socket: Socket, cork: Cork, wheel: DeadlineWheel, on_overflow: Callable[[], None]
    ) -> None:
        """*on_overflow* is called when the client is too slow; it must close the outbox."""
        self._socket = socket
        self._cork = cork
        self._on_overflow = on_overflow
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._is_closed = False
        self.is_behind = False  # The socket may have a backlog: bounds are to be looked at.
        self._empty = trio.lowlevel.ParkingLot()
        self._watch = Alarm(wheel, self._check_progress)
        self._hard_bytes = OUTBOX_HARD_BYTES
        self._taken_bytes = 0  # At the last progress, which was at:
        self._progress_at_s = 0.0

    @property
    def waiting_bytes(self) -> int:
        """Bytes not yet taken by the kernel, held ones included."""
        return self._socket.backlog_bytes + self._held_bytes

    @property
    def is_above_soft(self) -> bool:
        """True if live frames must lag."""
        if not self.is_behind:  # Nearly always. What is held alone stays below the bound.
            return False
        return (
            self._socket.backlog_bytes + self._held_bytes > OUTBOX_SOFT_BYTES
            or self._socket.backlog_frames > OUTBOX_FRAMES_MAX // 2
        )

    @property
    def is_full(self) -> bool:
        """True if large answers must wait until they are asked for again."""
        return self._socket.backlog_bytes > OUTBOX_FULL_BYTES

    def send(self, frame: bytes) -> None:
        """Send whole frames now, or at the end of the cork; or overflow."""
        if self._is_closed:
            return
        if self.is_behind and self._is_over():
            self._on_overflow()
        elif self._cork.is_in:
            if not self._held:
                self._cork.hold(self)
            self._hold(frame)
        else:
            self._write(frame)

    def send_shared(self, frame: bytes) -> None:
        """Send frames that many connections get at this moment; as :meth:`send`.

        They do not wait for more to come, only behind what is held: to visit a thousand
        connections twice would cost more than the system calls that it saves for a few.
        """
        if self._held or self.is_behind or self._is_closed:
            self.send(frame)
        elif self._socket.write(frame):
            self._fall_behind(len(frame))

    def _hold(self, frame: bytes) -> None:
        self._held.append(frame)
        self._held_bytes += len(frame)
        if self._held_bytes > CORK_BYTES_MAX:
            self.flush()

    def _is_over(self) -> bool:
        """Say whether the client is too far behind; look whether it is behind at all."""
        backlog_bytes = self._socket.backlog_bytes
        if not backlog_bytes:
            self.is_behind = False
            return False
        return backlog_bytes > self._hard_bytes or self._socket.backlog_frames > OUTBOX_FRAMES_MAX

    def send_last(self, frame: bytes) -> None:
        """Send *frame* whatever the bounds: the goodbye before a close."""
        if not self._is_closed:
            self.flush()
            self._write(frame)

    def flush(self) -> None:
        """Write what is held, at once and in one piece."""
        if self._held:
            frames, self._held, self._held_bytes = self._held, [], 0
            self._write(b"".join(frames) if len(frames) > 1 else frames[0])

    def close(self) -> None:
        """Flush; send nothing more. What the kernel has not taken stays the socket's business."""
        if not self._is_closed:
            self.flush()
            self._is_closed = True
            self._watch.stop()

    def on_drained(self) -> None:
        """Called by the socket when its backlog has become empty."""
        self.is_behind = False
        self._hard_bytes = OUTBOX_HARD_BYTES
        self._empty.unpark_all()

    async def wait_empty(self) -> None:
        """Return when nothing waits. Cancelled: nothing happened."""
        await trio.lowlevel.checkpoint()
        while self.waiting_bytes:
            await self._empty.park()

    async def wait_room(self) -> None:
        """Return when a live frame would be taken. Cancelled: nothing happened."""
        await trio.lowlevel.checkpoint()
        while self.is_above_soft:
            await self._empty.park()

    def _write(self, frames: bytes) -> None:
        if self._socket.write(frames):  # Hardly ever: the kernel has it.
            self._fall_behind(len(frames))

    def _fall_behind(self, nbytes: int) -> None:
        """Look at the bounds from now on; what waits ends with a write of *nbytes*."""
        self.is_behind = True
        if nbytes > OUTBOX_FULL_BYTES:
            self._hard_bytes = max(self._hard_bytes, OUTBOX_HARD_BYTES + nbytes)
        if not self._watch.is_set:
            self._taken_bytes = self._socket.taken_bytes
            self._progress_at_s = trio.current_time()
            self._watch.set(self._progress_at_s + SLOW_CONSUMER_CHECK_S)

    def _check_progress(self) -> None:
        if not self._socket.backlog_bytes:
            return
        now_s = trio.current_time()
        if self._socket.taken_bytes != self._taken_bytes:
            self._taken_bytes = self._socket.taken_bytes
            self._progress_at_s = now_s
        elif now_s - self._progress_at_s >= SLOW_CONSUMER_TIMEOUT_S:
            self._on_overflow()
            return
        self._watch.set(now_s + SLOW_CONSUMER_CHECK_S)
