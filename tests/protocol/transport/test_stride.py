"""How far apart the turns of the reading task are; see spec T9.5."""

from __future__ import annotations

import hashlib
import select
import socket
import threading
import time

import pytest
import trio

from protocol import _readiness
from protocol._readiness import Readiness
from protocol._stride import Stride
from protocol.limits import PACE_BUSY_FROM, PACE_BUSY_S, PACE_S, PACE_WINDOW_S
from protocol.pressure import Pressure


def test_the_busier_the_process_the_further_apart_are_turns() -> None:
    """[T9.5] Nothing changes on a quiet server; a burst of one window changes little."""
    stride = Stride()
    stride.note_share(1.0)
    assert stride.pace_s == PACE_S
    for _ in range(30):
        stride.note_share(PACE_BUSY_FROM)
    assert stride.pace_s == PACE_S
    paces = []
    for _ in range(30):
        stride.note_share(1.0)
        paces.append(stride.pace_s)
    assert paces == sorted(paces)
    assert 0.99 * PACE_BUSY_S < paces[-1] <= PACE_BUSY_S
    for _ in range(30):
        stride.note_share(1.1)  # Two clocks never agree.
    assert stride.pace_s == PACE_BUSY_S
    for _ in range(10):
        stride.note_share(0.0)
    assert stride.pace_s == PACE_S


def test_the_share_is_that_of_this_thread() -> None:
    """[T9.5] Measured once a window, in CPU time; what other threads do slows nobody down."""
    busy, idle = Stride(), Stride()
    now_s = began_s = time.perf_counter()
    for _ in range(20):
        cpu_s = time.thread_time()
        while time.thread_time() < cpu_s + PACE_WINDOW_S:
            pass
        now_s += 1.5 * PACE_WINDOW_S  # However little of it the machine gives us.
        busy.turn_began(now_s)
    assert busy.pace_s > PACE_S
    worker = threading.Thread(target=hashlib.pbkdf2_hmac, args=("sha256", b"x", b"y", 1_000_000))
    worker.start()
    while worker.is_alive():
        time.sleep(0.01)
        idle.turn_began(time.perf_counter())
    assert time.perf_counter() > began_s
    assert idle.pace_s == PACE_S


@pytest.mark.skipif(not hasattr(select, "epoll"), reason="this kernel has no epoll")
@pytest.mark.parametrize("is_all_read", [True, False])
async def test_the_next_turn_comes_when_the_stride_says_so(
    monkeypatch: pytest.MonkeyPatch, *, is_all_read: bool
) -> None:
    """[T9.5] But soon where sockets were left unread."""
    monkeypatch.setattr(Stride, "turn_began", lambda self, _now_s: setattr(self, "pace_s", 0.2))
    if not is_all_read:
        monkeypatch.setattr(_readiness, "READY_MAX", 1)
    readiness = Readiness(Pressure())
    ours, theirs = socket.socketpair()
    turns: list[float] = []

    def read() -> None:
        turns.append(trio.current_time())  # And leaves it unread: it is told again.

    with ours, theirs:
        ours.send(b"x")
        readiness.watch(theirs.fileno(), read)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(readiness.run)
            await trio.sleep(0.5)
            nursery.cancel_scope.cancel()
        readiness.unwatch(theirs.fileno())
    readiness.close()
    if is_all_read:
        assert 2 <= len(turns) <= 3
    else:
        assert len(turns) > 4
