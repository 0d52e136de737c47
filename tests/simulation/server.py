"""One life of the server: an app over the disk, its wire server, and how both end.

A crash is the end of everything at one moment: nothing leaves any more, nothing reaches the disk.
What Python still runs of the old server after that (its tasks have to end) touches neither.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from random import Random

import trio

from actors import JournalError
from collab.app import App, AppSettings, open_app
from collab.identity.claims import IS_DEV, ORG_ID, ORG_ROLE
from protocol.errors import WireError
from protocol.gateway import Identity, Peer
from protocol.limits import TOKEN_GRACE_S
from protocol.server import WireServer
from tests.simulation.agenda import Agenda
from tests.simulation.disk import Disk, DiskStore
from tests.simulation.ends import ServerEnd
from tests.simulation.judge import Judge, Wiretap
from tests.simulation.links import Link
from tests.simulation.script import DEVICES, ORG, Knobs

_DRAIN_S = 3.0


class Authenticator:
    """Takes ``USER:EXPIRES_MS:ORG_ROLE`` at its word; the clock may jump."""

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        self._clock_ms = clock_ms

    async def authenticate(self, token: str, peer: Peer) -> Identity:  # noqa: ARG002
        user, expires, org_role = token.split(":")
        if self._clock_ms() > int(expires) + TOKEN_GRACE_S * 1000:
            raise WireError("unauthenticated", "expired")
        claims = {ORG_ID: ORG, ORG_ROLE: org_role, IS_DEV: False}
        return Identity(user, expires_at_ms=int(expires), claims=claims)


class Server:
    """One life. ``live`` is its task."""

    def __init__(
        self,
        judge: Judge,
        agenda: Agenda,
        disk: Disk,
        knobs: Knobs,
        rng: Random,
        clock_ms: Callable[[], int],
        number: int,
    ) -> None:
        self.app: App | None = None
        self.wire: WireServer | None = None
        self._judge = judge
        self._agenda = agenda
        self._knobs = knobs
        self._rng = rng
        self._clock_ms = clock_ms
        self._number = number
        self._store = DiskStore(disk, rng, delay_s=knobs.disk_ms / 1000)
        self._ends: set[ServerEnd] = set()
        self._nursery: trio.Nursery | None = None
        self._scope = trio.CancelScope()
        self._is_gone = False
        self._must_drain = trio.Event()

    @property
    def is_up(self) -> bool:
        """It takes connections."""
        return self._nursery is not None

    async def live(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until it crashes, is drained, or its disk breaks."""
        ids, numbers = count(1), count(1)
        settings = AppSettings(
            clock_ms=self._clock_ms,
            new_id=lambda: f"id{self._number}-{next(ids)}",
            rng=self._rng,
            idle_timeout_s=self._knobs.idle_s,
            identity=Authenticator(self._clock_ms),
            store=self._store,
        )
        with self._scope, self._broken_off():
            async with open_app(None, settings) as app, trio.open_nursery() as nursery:
                wire = WireServer(
                    app.gateway,
                    clock_ms=self._clock_ms,
                    session_ids=lambda: f"s{self._number}-{next(numbers)}",
                    rng=self._rng,
                )
                app.use_cork(wire.cork)
                await nursery.start(wire.run)
                self.app, self.wire, self._nursery = app, wire, nursery
                nursery.start_soon(self._crash_when_failed, app)
                task_status.started()
                await self._must_drain.wait()
                await wire.drain("shutdown", timeout_s=_DRAIN_S)
                self._nursery = None
                await app.drain(timeout_s=_DRAIN_S)
                nursery.cancel_scope.cancel()
        self._nursery = None
        if self.wire is not None and self.wire.metrics.faults:
            self._judge.fault("S1.9", "the server met a fault of its own")

    @contextmanager
    def _broken_off(self) -> Iterator[None]:
        """Let nothing out that a server meets after its end: its disk is gone."""
        try:
            yield
        except* JournalError:
            if not self._is_gone:
                raise

    async def _crash_when_failed(self, app: App) -> None:
        """As ``collab serve`` does: when storage has failed, the process ends."""
        await app.wait_failed()
        self._judge.count("disks_broken")
        self.crash()

    def crash(self) -> None:
        """End it at this very moment."""
        self._nursery = None
        self._is_gone = True
        self._store.die()
        for end in list(self._ends):
            end.die()
        self._scope.cancel()

    def drain(self) -> None:
        """End it politely."""
        self._must_drain.set()

    # ------------------------------------------------------------ connections

    def accept(self, link: Link, device: int, subprotocol: str) -> None:
        """Serve a connection of *device*; whose it is, is only for the judge."""
        assert self._nursery is not None
        tap = self._judge.taps[device] = Wiretap(DEVICES[device], subprotocol)
        end = ServerEnd(
            link,
            self._agenda,
            subprotocol,
            f"192.0.2.{device}:1",
            sent=lambda frames, waiting: self._judge.sent(tap, frames, waiting),
            received=lambda payload: self._judge.received(tap, payload),
        )
        self._ends.add(end)
        self._nursery.start_soon(self._handle, end)

    async def _handle(self, end: ServerEnd) -> None:
        assert self.wire is not None
        try:
            await self.wire.handle(end)
        finally:
            self._ends.discard(end)
            end.hang_up()

    def check_bounds(self) -> None:
        """S1.6: look at the rings. What waits for connections is looked at with each write."""
        if not self.is_up or self.app is None:
            return
        for follower in self.app.followers:
            recent = sum(1 for _ in follower.hub.recent)
            if recent > self._knobs.ring_len:
                self._judge.fault("S1.6", f"{recent} recent events are held")
