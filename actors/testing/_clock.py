"""Virtual time.

A :class:`VirtualClock` stands still while anything can run and leaps to the next deadline when all
tasks wait, so that hours pass in no time and the order of things is repeatable. It does not see
threads: virtual time leaps while a thread works. So timers are tested with ``MemoryJournal``;
a journal that uses threads is tested in real time.

With pytest-trio the fixture ``autojump_clock`` is the same thing. By hand::

    trio.run(main, clock=virtual_clock())
"""

from __future__ import annotations

from typing import TypeAlias

from trio.testing import MockClock

VirtualClock: TypeAlias = MockClock


def virtual_clock() -> VirtualClock:
    """Return a clock for one ``trio.run`` that leaps whenever all tasks wait."""
    return VirtualClock(autojump_threshold=0)
