"""Running tests under virtual time, and the shape of the fixtures."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import trio
from trio.testing import MockClock

from protocol.client import Client

OpenClient = Callable[..., AbstractAsyncContextManager[Client]]


def run_in_virtual_time(
    test: Callable[[], Awaitable[Any]], *, clock: None, instruments: list[Any]
) -> Any:
    """Run one test as ``trio.run`` does; time jumps whenever everybody waits."""
    assert clock is None, "the module already runs in virtual time"
    return trio.run(test, clock=MockClock(autojump_threshold=0), instruments=instruments)
