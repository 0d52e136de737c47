"""SIGTERM and Ctrl-C as an event: the first asks to stop, the second insists."""

from __future__ import annotations

import logging
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

_log = logging.getLogger("collab.signals")


@asynccontextmanager
async def stop_on_signals() -> AsyncIterator[trio.Event]:
    """Yield an event that the first SIGTERM or SIGINT sets; the second cancels the block.

    Cancelled: the block is, too.
    """
    stop = trio.Event()
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with trio.open_nursery() as nursery:

            async def obey() -> None:
                async for number in signals:
                    name = signal.Signals(number).name
                    if stop.is_set():
                        _log.warning("%s again: not waiting any longer", name)
                        nursery.cancel_scope.cancel()
                    else:
                        _log.info("%s: draining", name)
                        stop.set()

            nursery.start_soon(obey)
            yield stop
            nursery.cancel_scope.cancel()
