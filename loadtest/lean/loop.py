"""An event loop of two things: sockets that are ready and calls that are due."""

from __future__ import annotations

import select
import time
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Final, Protocol

CALLS_IN_A_ROW_MAX: Final = (
    32  # Of those due, before sockets get a turn: late answers would pile up.
)
WAIT_MAX_S: Final = 0.25  # How late ``run`` notices that it may end.

READABLE: Final = select.EPOLLIN
WRITABLE: Final = select.EPOLLOUT


class Ready(Protocol):
    """Who owns a socket in the loop."""

    def fileno(self) -> int:
        """Return the socket's number."""
        ...

    def on_ready(self, events: int) -> None:
        """The socket is readable, writable or broken (epoll's bits)."""
        ...


class Loop:
    """One per generator process. Callbacks must not block; what they raise ends ``run``."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._owners: dict[int, Ready] = {}
        self._due: list[tuple[float, int, Callable[[float], None]]] = []
        self._numbers = 0

    def close(self) -> None:
        """Forget everything. Sockets are closed by their owners."""
        self._epoll.close()

    def watch(self, owner: Ready, events: int) -> None:
        """Call ``owner.on_ready`` when its socket is ready for *events*."""
        self._owners[owner.fileno()] = owner
        self._epoll.register(owner.fileno(), events)

    def change(self, owner: Ready, events: int) -> None:
        """Watch for other *events*."""
        self._epoll.modify(owner.fileno(), events)

    def forget(self, owner: Ready) -> None:
        """Stop watching; before the socket is closed. Repeatable."""
        if self._owners.pop(owner.fileno(), None) is not None:
            self._epoll.unregister(owner.fileno())

    def call_at(self, due: float, callback: Callable[[float], None]) -> None:
        """Call ``callback(due)`` at *due* (``perf_counter``), or as soon after it as possible."""
        self._numbers += 1
        heappush(self._due, (due, self._numbers, callback))

    def drop_calls(self) -> None:
        """Forget all calls that are not due yet, and those that are late."""
        self._due.clear()

    def run(self, is_over: Callable[[], bool], *, until: float) -> bool:
        """Run until *is_over* says so (True) or the time is *until* (False)."""
        clock = time.perf_counter
        poll = self._epoll.poll
        owners = self._owners
        due = self._due
        itself = (self._epoll,)
        while True:
            if is_over():
                return True
            now = clock()
            if now >= until:
                return False
            for _ in range(CALLS_IN_A_ROW_MAX):
                if not due or due[0][0] > now:
                    break
                at, _number, callback = heappop(due)
                callback(at)
            next_due = min(due[0][0], until) if due else until
            wait_s = min(next_due - clock(), WAIT_MAX_S)
            if wait_s > 0:  # epoll counts whole milliseconds, upwards; select on it microseconds.
                select.select(itself, (), (), wait_s)
            for fileno, events in poll(0):
                owner = owners.get(fileno)  # Gone: closed by somebody's callback just now.
                if owner is not None:
                    owner.on_ready(events)
