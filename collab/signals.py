"""Carries signals from the journal to the targets that they are for, at least once.

A signal is a row in its event's transaction; it is forgotten after its target has committed what
it caused. A crash in between sends it again: receivers are idempotent by contract. A signal that
its target refuses can never succeed; it is logged and dropped.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Mapping
from typing import Any

import msgpack  # type: ignore[import-untyped]
import trio

from actors import ActorError, ActorSystem, JournalError, Refused, SystemClosed, UnknownKind
from collab.kind import Kind
from collab.limits import (
    SIGNAL_RETRY_MAX_S,
    SIGNAL_RETRY_MIN_S,
    SIGNAL_TIMEOUT_S,
    SIGNALS_AT_ONCE_MAX,
    SIGNALS_PAGE,
    SIGNALS_UNSENT_MAX,
)
from collab.names import parse_target
from collab.requests import Receive
from collab.storage import MemoryStore, SqliteStore, StoredSignal
from protocol.errors import WireError
from protocol.structure import STORAGE, structure

_log = logging.getLogger("collab.signals")


class SignalRunner:
    """One task that reads stored signals in order, and bounded tasks that send them."""

    def __init__(
        self,
        store: SqliteStore | MemoryStore,
        system: ActorSystem,
        kinds: Mapping[str, Kind[Any]],
        rng: random.Random,
    ) -> None:
        self._store = store
        self._system = system
        self._signals = {
            name: {cls.TAG: cls for cls in kind.signals} for name, kind in kinds.items()
        }
        self._rng = rng
        self._stored = trio.Event()
        self._sending = trio.CapacityLimiter(SIGNALS_AT_ONCE_MAX)
        self._unsent = trio.Semaphore(SIGNALS_UNSENT_MAX, max_value=SIGNALS_UNSENT_MAX)
        self.sent = 0
        self.refused = 0
        self.retried = 0

    def wake(self) -> None:
        """Say that new signals are durable. Synchronous, cheap, may be called often."""
        self._stored.set()

    async def run(self) -> None:
        """Send what is stored, for ever.

        Cancelled: what was not forgotten is sent again after the next start.
        """
        after = 0
        async with trio.open_nursery() as nursery:
            while True:
                self._stored = trio.Event()
                page = await self._store.pending_signals(after=after, limit=SIGNALS_PAGE)
                for signal in page:
                    await self._unsent.acquire()
                    nursery.start_soon(self._send, signal)
                    after = signal.id
                if not page:
                    await self._stored.wait()

    async def _send(self, signal: StoredSignal) -> None:
        delay_s = SIGNAL_RETRY_MIN_S
        try:
            while not await self._is_settled(signal):
                self.retried += 1
                await trio.sleep(delay_s * self._rng.uniform(0.5, 1.0))
                delay_s = min(delay_s * 2, SIGNAL_RETRY_MAX_S)
        except (SystemClosed, JournalError):
            return  # Still stored: sent again after the next start.
        finally:
            self._unsent.release()

    async def _is_settled(self, signal: StoredSignal) -> bool:
        """Try once. Return False if it should be tried again."""
        async with self._sending:
            try:
                kind, key, command = self._read(signal)
                message = Receive(signal.source, command)
                await self._system.ref(kind, key).ask(message, timeout_s=SIGNAL_TIMEOUT_S)
            except (Refused, UnknownKind, WireError, KeyError) as error:
                _log.error("signal %d to %s dropped: %s", signal.id, signal.target, error)
                self.refused += 1
            except SystemClosed:
                raise
            except ActorError as error:
                _log.warning("signal %d to %s waits: %s", signal.id, signal.target, error)
                return False
            else:
                self.sent += 1
            await self._store.forget_signals([signal.id])
        return True

    def _read(self, signal: StoredSignal) -> tuple[str, str, Any]:
        """Raises ``WireError`` or ``KeyError`` for a target or tag that nobody has any more."""
        kind, key = parse_target(signal.target)
        held = msgpack.unpackb(signal.payload, strict_map_key=False)
        shape = self._signals[kind][held["tag"]]
        return kind, key, structure(held["fields"], shape, encoding=STORAGE)
