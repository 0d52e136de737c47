"""How far apart the turns of the reading task are; see spec T9.5."""

from __future__ import annotations

import time

from protocol._stride import Stride
from protocol.limits import PACE_BUSY_FROM, PACE_BUSY_S, PACE_S, PACE_WINDOW_S


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
        stride.note_share(1.9)  # Threads of SQLite use a second core.
    assert stride.pace_s == PACE_BUSY_S
    for _ in range(10):
        stride.note_share(0.0)
    assert stride.pace_s == PACE_S


def test_the_share_is_that_of_this_process() -> None:
    """[T9.5] Measured once a window, in CPU time."""
    stride = Stride()
    now_s = time.perf_counter()
    end_s = now_s + 20 * PACE_WINDOW_S
    while now_s < end_s:  # Busy all the time, however little of it the machine gives us.
        cpu_s, began_s = time.process_time(), time.perf_counter()
        while time.process_time() < cpu_s + PACE_WINDOW_S:
            pass
        took_s = time.perf_counter() - began_s
        now_s += took_s
        stride.turn_began(now_s)
        if took_s > 2 * PACE_WINDOW_S:
            return  # Somebody else has the machine: nothing can be said.
    assert stride.pace_s > PACE_S
