"""SIGTERM and Ctrl-C as an event; Ctrl-C once more does not wait for the drain.

A launcher (``uv run``, a shell) passes on what the terminal has sent to everybody anyway: the
same Ctrl-C then arrives twice within a moment, and counts once. A repeated SIGTERM changes
nothing: the drain that it asks for is already bounded.
"""

from __future__ import annotations

import logging
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from collab.limits import INSIST_AFTER_S

_log = logging.getLogger("collab.signals")


@asynccontextmanager
async def stop_on_signals() -> AsyncIterator[trio.Event]:
    """Yield an event that SIGTERM or SIGINT sets; a later SIGINT cancels the block.

    Cancelled: the block is, too.
    """
    stop = trio.Event()
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with trio.open_nursery() as nursery:

            async def obey() -> None:
                first_at = 0.0
                async for number in signals:
                    now = trio.current_time()
                    if not stop.is_set():
                        _log.info("%s: draining", signal.Signals(number).name)
                        first_at = now
                        stop.set()
                    elif number == signal.SIGINT and now >= first_at + INSIST_AFTER_S:
                        _log.warning("interrupted again: not waiting any longer")
                        nursery.cancel_scope.cancel()

            nursery.start_soon(obey)
            yield stop
            nursery.cancel_scope.cancel()
