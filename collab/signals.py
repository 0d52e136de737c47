"""Carries signals from the journal to the targets that they are for, at least once.

A signal is a row in its event's transaction; it is forgotten after its target has committed what
it caused. A crash in between sends it again: receivers are idempotent by contract.

::

    stored signals ── run ── a line per target ── one at a time ── ref(target).ask
                                  │
                 refused: can never succeed, logged and dropped
                 the target takes nothing now: the line waits, longer each time
                 this signal crashes its target: the others go on, it is tried again later

Targets do not wait for each other: a line that fails gives its place to another one. It keeps no
signals in memory, only where it stopped. When too many fail to remember even that, the rest is
found again on disk by looking through all that is stored.
"""

from __future__ import annotations

import logging
import math
import random
from collections.abc import Mapping
from typing import Any

import msgpack  # type: ignore[import-untyped]
import trio

from actors import (
    ActorCrashed,
    ActorError,
    ActorSystem,
    JournalBroken,
    JournalCorrupt,
    JournalError,
    Refused,
    SystemClosed,
    UnknownKind,
)
from collab.kind import Kind
from collab.limits import (
    SIGNAL_RETRY_MAX_S,
    SIGNAL_TARGETS_FAILING_MAX,
    SIGNAL_TARGETS_MAX,
    SIGNAL_TIMEOUT_S,
    SIGNALS_AT_ONCE_MAX,
    SIGNALS_PAGE,
    SIGNALS_RETRIED_AT_ONCE_MAX,
)
from collab.names import parse_target
from collab.requests import Receive
from collab.signal_line import Backoff, SignalLine
from collab.storage import MemoryStore, SqliteStore, StoredSignal
from protocol.errors import WireError
from protocol.structure import STORAGE, structure

_log = logging.getLogger("collab.signals")


class SignalRunner:
    """One task that reads what is stored, in order, and one task per target that has something."""

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
        self._lines: dict[str, SignalLine] = {}
        self._places = trio.Semaphore(SIGNAL_TARGETS_MAX, max_value=SIGNAL_TARGETS_MAX)
        self._failing = 0  # Lines that fail; they have given their places back.
        self._sending = trio.CapacityLimiter(SIGNALS_AT_ONCE_MAX)
        self._retrying = trio.CapacityLimiter(SIGNALS_RETRIED_AT_ONCE_MAX)
        self._look_again_at = math.inf
        self.sent = 0
        self.refused = 0
        self.retried = 0

    @property
    def failing_count(self) -> int:
        """How many targets take nothing at this moment."""
        return self._failing

    def wake(self) -> None:
        """Say that new signals are durable. Synchronous, cheap, may be called often."""
        self._stored.set()

    async def run(self) -> None:
        """Send what is stored, for ever.

        Where they cannot be read because they are damaged nothing more is sent: whoever follows
        a meeting or a chat sees it as it is, and only people's own lists stay as they are.

        Raises:
          JournalError: storage cannot be read at all.

        Cancelled: what was not forgotten is sent again after the next start.
        """
        after = 0
        async with trio.open_nursery() as nursery:
            while True:
                self._stored = trio.Event()
                try:
                    page = await self._store.pending_signals(after=after, limit=SIGNALS_PAGE)
                except JournalCorrupt as error:
                    _log.critical("signals are sent no more until they are mended: %s", error)
                    return
                for signal in page:
                    line = self._lines.get(signal.target)
                    if line is None:
                        await self._places.acquire()
                        line = SignalLine(signal.target, Backoff(self._rng))
                        self._lines[signal.target] = line
                        nursery.start_soon(self._serve, line)
                    line.offer(signal)
                    after = signal.id
                if not page:
                    with trio.move_on_at(self._look_again_at) as look_again:
                        await self._stored.wait()
                    if look_again.cancelled_caught:
                        self._look_again_at = math.inf
                        after = 0

    # ------------------------------------------------------------ one line

    async def _serve(self, line: SignalLine) -> None:
        """Send what waits in *line*, one after the other, until nothing does."""
        try:
            while await self._fill(line):
                await self._send(line, line.front.popleft())
                if line.is_failing and self._failing > SIGNAL_TARGETS_FAILING_MAX:
                    self._look_again_later()
                    return
        except JournalCorrupt as error:
            _log.critical("%s is sent no signals until they are mended: %s", line.target, error)
        except (SystemClosed, JournalBroken):
            pass  # Still stored: sent again after the next start.
        finally:
            # Nothing runs between the last look at the line and this: no offer is lost.
            del self._lines[line.target]
            self._failing -= line.is_failing
            if line.has_place:
                self._places.release()

    def _look_again_later(self) -> None:
        if self._look_again_at == math.inf:
            _log.error("too many targets take no signals; all stored ones are looked through again")
            self._look_again_at = trio.current_time() + SIGNAL_RETRY_MAX_S

    async def _fill(self, line: SignalLine) -> bool:
        """Wait until *line* has something in front. Return False if it will have nothing."""
        while not line.front:
            if line.must_rest:
                line.must_rest = False
                await trio.sleep(line.backoff.next_s())
            elif line.is_behind:
                limit, offers = line.page_len, line.offers
                page = await self._store.pending_signals(
                    after=line.newest, limit=limit, target=line.target
                )
                line.read(page, limit=limit, offers_before=offers)
            elif line.left_behind is None:
                return False
            else:
                line.news = trio.Event()
                with trio.move_on_after(line.backoff.next_s()) as pause:
                    await line.news.wait()
                if pause.cancelled_caught:
                    line.start_over()
        return True

    async def _send(self, line: SignalLine, signal: StoredSignal) -> None:
        """Try once. What cannot be sent now waits on disk.

        Raises:
          SystemClosed, JournalBroken: nothing can be sent any more.
        """
        try:
            async with self._retrying if line.is_failing else self._sending:
                kind, key, command = self._read(signal)
                message = Receive(signal.source, command)
                await self._system.ref(kind, key).ask(message, timeout_s=SIGNAL_TIMEOUT_S)
        except (SystemClosed, JournalBroken):
            raise
        except (Refused, UnknownKind, _UnreadableSignal) as error:
            why = type(error).__qualname__  # What it says may quote the signal.
            _log.error("signal %d to %s dropped: %s", signal.id, signal.target, why)
            self.refused += 1
        except Exception as error:  # noqa: BLE001 -- a fault of any kind must not end the app
            self._failed(line, signal, error)
            return
        else:
            self.sent += 1
        self._store.forget_signals_soon([signal.id])
        if line.is_failing and line.left_behind is None:
            line.is_failing = False
            line.backoff.reset()
            self._failing -= 1
            _log.warning("signals to %s go on", line.target)

    def _failed(self, line: SignalLine, signal: StoredSignal, error: Exception) -> None:
        """Have *signal* sent later.

        If its target takes nothing now, all of the line waits. Anything else is a fault of the
        code that handles this one: the others must not wait until somebody has mended it.
        """
        self.retried += 1
        if not line.is_failing:
            line.is_failing = True
            self._failing += 1
            _log.warning("signals to %s wait: %s", line.target, type(error).__qualname__)
        if line.has_place:
            line.has_place = False
            self._places.release()
        if isinstance(error, ActorError | JournalError) and not isinstance(error, ActorCrashed):
            line.put_back(signal)
        else:
            error_id = f"{self._rng.getrandbits(64):016x}"
            _log.error(
                "fault %s: signal %d to %s is kept for later",
                error_id,
                signal.id,
                signal.target,
                exc_info=error,
            )
            line.leave_behind(signal)

    def _read(self, signal: StoredSignal) -> tuple[str, str, Any]:
        """Return kind, key and command of *signal*.

        Raises:
          _UnreadableSignal: nobody has such a target or command any more.
        """
        try:
            kind, key = parse_target(signal.target)
            held = msgpack.unpackb(signal.payload, strict_map_key=False)
            shape = self._signals[kind][held["tag"]]
            return kind, key, structure(held["fields"], shape, encoding=STORAGE)
        except (KeyError, TypeError, ValueError, WireError, msgpack.UnpackException) as error:
            raise _UnreadableSignal(f"{type(error).__name__}: {error}") from error


class _UnreadableSignal(Exception):
    """A signal that no version of this program can send."""
