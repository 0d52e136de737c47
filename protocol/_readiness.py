"""Tells the readers of many sockets when there is something to read: one epoll, one task.

A task that waits for its own socket costs two system calls and two task switches a message. Here
the kernel keeps the list, one task asks it, and calls each reader in turn: under load one turn
serves many connections, and what they cause is committed together.

Only where the kernel has epoll; elsewhere each reader waits for itself.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable
from typing import Final

import trio

from protocol._stride import Stride
from protocol.limits import PACE_S, READY_MAX, TURN_S
from protocol.pressure import Pressure

_HAS_EPOLL: Final = hasattr(select, "epoll")


class Readiness:
    """Level-triggered: a callback that leaves something unread is called again.

    Callbacks run in the task of :meth:`run`: synchronous and quick, and they must not raise. They
    may watch and unwatch sockets, their own too.
    """

    def __init__(self, pressure: Pressure) -> None:
        """Make one. Use :func:`new_readiness` where there may be no epoll."""
        self._pressure = pressure
        self._epoll = select.epoll()
        self._watched: dict[int, Callable[[], None]] = {}  # By file descriptor.

    def __len__(self) -> int:
        return len(self._watched)

    def watch(self, fd: int, on_readable: Callable[[], None]) -> None:
        """Call *on_readable* whenever *fd* has bytes, has ended or has failed."""
        self._epoll.register(fd, select.EPOLLIN)
        self._watched[fd] = on_readable

    def unwatch(self, fd: int) -> None:
        """Call no more. Before the socket is closed: its number is soon somebody else's."""
        del self._watched[fd]
        self._epoll.unregister(fd)

    async def run(self) -> None:
        """Serve for ever. Cancelled: nobody is told any more; sockets stay as they are."""
        epoll, watched, pressure = self._epoll, self._watched, self._pressure
        stride = Stride()
        next_turn_at_s = 0.0
        while True:
            # Waits for the epoll as a whole, and lets others run in any case.
            await trio.lowlevel.wait_readable(epoll.fileno())
            if trio.current_time() < next_turn_at_s:
                await trio.sleep_until(next_turn_at_s)
            turn_at_s = trio.current_time()
            ready = epoll.poll(0, READY_MAX)
            now_s = time.perf_counter()
            stride.turn_began(now_s)
            until_s = now_s + TURN_S
            is_all_read = len(ready) < READY_MAX
            for fd, _ in ready:
                on_readable = watched.get(fd)
                if on_readable is not None:  # Else a callback before it has unwatched it.
                    on_readable()
                if time.perf_counter() > until_s:
                    is_all_read = False  # The rest comes again.
                    break
            pressure.turn_over(is_all_read=is_all_read)
            next_turn_at_s = turn_at_s + (stride.pace_s if is_all_read else PACE_S)

    def close(self) -> None:
        """Give the epoll back, once nobody watches any more."""
        self._epoll.close()


def new_readiness(pressure: Pressure) -> Readiness | None:
    """Return one that tells *pressure* of its turns, or None where the kernel has no epoll."""
    return Readiness(pressure) if _HAS_EPOLL else None
