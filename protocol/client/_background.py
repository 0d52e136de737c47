"""One task in the background of an ``async with`` body, without exception groups for its user."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import trio


@asynccontextmanager
async def background(
    task: Callable[[], Awaitable[None]], *, stop: Callable[[], None], stop_timeout_s: float
) -> AsyncIterator[None]:
    """Run *task* while the body runs; then call *stop* and wait for it to return.

    The body's exception comes out as it is. An exception of *task* is a bug in it: the body is
    cancelled and the exception comes out in a group.

    Cancelled: *stop* is called, *task* is cancelled.
    """
    body_error: Exception | None = None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(task)
        try:
            yield
        except Exception as error:  # noqa: BLE001 - raised again below, outside the nursery.
            body_error = error
        finally:
            stop()
        nursery.cancel_scope.deadline = trio.current_time() + stop_timeout_s
    if body_error is not None:
        raise body_error
