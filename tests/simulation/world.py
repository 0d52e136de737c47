"""One run: a server, six devices, a script; then everything heals, and everybody must agree."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from random import Random
from typing import Final

import trio
from attrs import field, frozen
from trio.testing import MockClock

from collab.chat.commands import AddMember, CreateChat
from collab.kind import Caller
from collab.meeting.commands import Invitee, Join, Schedule, Start
from collab.requests import Do
from protocol.client import Connector, Transport, TransportClosed
from tests.simulation.agenda import Agenda
from tests.simulation.device import Device
from tests.simulation.disk import Disk
from tests.simulation.doing import DO
from tests.simulation.ending import settle
from tests.simulation.ends import ClientEnd
from tests.simulation.judge import Judge
from tests.simulation.links import Link
from tests.simulation.script import CHAT, DEVICES, MEETING, MEMBER, ORG, USERS, Knobs, Script
from tests.simulation.server import Server
from tests.simulation.tuning import tuned

NOW_MS: Final = 1_800_000_000_000
_FOUNDED_S_MAX: Final = 10.0
RUN_S_MAX: Final = 3_600.0  # Of virtual time: more is a run that does not end.


@frozen
class Outcome:
    """What came of a run. No faults: it passed."""

    faults: tuple[str, ...]
    counts: Mapping[str, int]
    trace_hash: str
    virtual_s: float = field(default=0.0)


class World:
    """Everything there is in a run."""

    def __init__(self, script: Script) -> None:
        self.knobs: Knobs = script.knobs
        self.seed = script.seed
        self.agenda = Agenda()
        self.judge = Judge(script.knobs)
        self.disk = Disk(self.judge.stored, self.judge.known)
        self.jump_ms = 0
        self.org_roles = dict.fromkeys(USERS, MEMBER)  # What fresh tokens say.
        self.links: dict[int, Link] = {}  # The newest of each device.
        self.connections = [0] * len(DEVICES)  # Of each device, so far.
        self.refused_until_s = [0.0] * len(DEVICES)
        self.devices = [
            Device(n, user, self.judge, Random(f"{script.seed} {n}"), self.knobs, self._reach(n))
            for n, user in enumerate(DEVICES)
        ]
        self.lives = 0
        self.server = self._new_server()
        self.is_healed = False
        self.down_ms = 50  # How long the next downtime is.

    def clock_ms(self) -> int:
        """Return the server's wall clock, which jumps."""
        return NOW_MS + round(trio.current_time() * 1000) + self.jump_ms

    def draws(self, *purpose: object) -> Random:
        """Return random numbers for one purpose: one step less changes those of no other."""
        return Random(f"{self.seed} {purpose}")

    def token(self, user: str) -> str:
        """Return a fresh token of *user*."""
        expires_ms = self.clock_ms() + self.knobs.token_ttl_s * 1000
        return f"{user}:{expires_ms}:{self.org_roles[user]}"

    def _new_server(self) -> Server:
        self.lives += 1
        rng = self.draws("server", self.lives)
        return Server(
            self.judge, self.agenda, self.disk, self.knobs, rng, self.clock_ms, self.lives
        )

    async def keep_server(self, task_status: trio.TaskStatus[None]) -> None:
        """Run one server after the other."""
        while True:
            async with trio.open_nursery() as nursery:
                await nursery.start(self.server.live)
                if self.lives == 1:
                    task_status.started()
            self.judge.trace("server down")
            await trio.sleep(0.0 if self.is_healed else self.down_ms / 1000)
            self.server = self._new_server()

    # ------------------------------------------------------------ the network

    def _reach(self, device: int) -> Connector:
        return partial(self._connect, device)

    @asynccontextmanager
    async def _connect(self, device: int, _url: str, subprotocol: str) -> AsyncIterator[Transport]:
        delay_s = self.knobs.delay_ms / 1000
        self.connections[device] += 1
        rng = self.draws("link", device, self.connections[device])
        await trio.sleep(delay_s * rng.random())
        if not self.server.is_up or trio.current_time() < self.refused_until_s[device]:
            raise TransportClosed("connection refused")
        link = Link(self.agenda, rng, delay_s=delay_s, window_bytes=self.knobs.window_bytes)
        link.on_reset.append(lambda: self.judge.count("disconnects"))
        end = ClientEnd(link)
        self.links[device] = link
        self.judge.count("connections")
        self.judge.trace("connected", device)
        self.server.accept(link, device, subprotocol)
        try:
            yield end
        finally:
            link.up.finish()
            # Whatever became of the goodbye, the client's kernel forgets the connection.
            self.agenda.after(5.0, link.reset)

    def heal(self) -> None:
        """Undo every fault that lasts, and have no more."""
        self.is_healed = True
        self.refused_until_s = [0.0] * len(DEVICES)
        self.disk.faults.clear()
        for link in self.links.values():
            link.up.let_go()
            link.down.let_go()
            link.up.cut_at = link.down.cut_at = None


async def run_world(script: Script) -> Outcome:
    """Run *script* in the trio run of the caller, which must be in virtual time."""
    world = World(script)
    judge = world.judge
    with trio.move_on_after(RUN_S_MAX) as limit:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_end_at_first_fault, judge, nursery.cancel_scope)
            nursery.start_soon(world.agenda.run)
            await nursery.start(world.keep_server)
            await _found(world)
            for device in world.devices:
                nursery.start_soon(device.run, partial(world.token, device.user))
            await _play(world, script)
            world.heal()
            await settle(world)
            nursery.cancel_scope.cancel()
    if limit.cancelled_caught:
        judge.fault("S1.8", "the run does not end")
    judge.count("crashes", world.lives - 1)
    return Outcome(tuple(judge.faults), judge.counts, judge.trace_hash, trio.current_time())


async def _end_at_first_fault(judge: Judge, scope: trio.CancelScope) -> None:
    await judge.found.wait()
    scope.cancel()


async def _found(world: World) -> None:
    """Bring the meeting and the chat about, before anything can go wrong."""
    app = world.server.app
    assert app is not None
    people = [
        Invitee(user_id="ben", role="speaker"),
        Invitee(user_id="cyd", role="attendee"),
        Invitee(user_id="dan", role="transcriber"),
    ]
    founder = Caller("ann", org_id=ORG, org_role=MEMBER)
    schedule = Do(founder, Schedule(title="m", participants=people))
    await app.system.ref(*MEETING.split(":")).ask(schedule, timeout_s=_FOUNDED_S_MAX)
    await app.do(MEETING, Start(), user_id="ann")
    for person in people[:2]:
        await app.do(MEETING, Join(), user_id=person.user_id)
    await app.do(CHAT, CreateChat(title="c"), user_id="ann")
    await app.do(CHAT, AddMember(user_id="ben", role="editor"), user_id="ann")
    await app.do(CHAT, AddMember(user_id="dan", role="viewer"), user_id="ann")


async def _play(world: World, script: Script) -> None:
    await trio.sleep(world.draws("begin").random())
    for step in script.steps:
        if step.gap_ms:
            await trio.sleep(step.gap_ms / 1000)
        else:
            await trio.lowlevel.checkpoint()
        world.judge.trace(step.what, step.device)
        DO[step.what](world, world.devices[step.device], step.args)
        world.server.check_bounds()


# ---------------------------------------------------------------- determinism


@contextmanager
def _repeatable(seed: int) -> Iterator[None]:
    """Have trio schedule by *seed* alone, and nobody write a log."""
    internals = trio._core._run
    was_allowed, state = internals._ALLOW_DETERMINISTIC_SCHEDULING, internals._r.getstate()
    disabled = logging.root.manager.disable
    internals._ALLOW_DETERMINISTIC_SCHEDULING = True  # type: ignore[misc]
    internals._r.seed(seed)
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(disabled)
        internals._r.setstate(state)
        internals._ALLOW_DETERMINISTIC_SCHEDULING = was_allowed  # type: ignore[misc]


def run_script(script: Script) -> Outcome:
    """Run *script*: the same script, the same outcome, in any process."""
    with _repeatable(script.seed), tuned(script.knobs):
        try:
            return trio.run(run_world, script, clock=MockClock(autojump_threshold=0))
        except Exception as error:  # noqa: BLE001 -- what escapes is a finding of this very seed
            return Outcome((f"S1.9: {innermost(error)!r}",), {}, "")


def innermost(error: BaseException) -> BaseException:
    """Return the first exception of a group; nurseries wrap what their tasks raise."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
