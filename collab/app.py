"""Puts the server together, without a socket: the face for people who embed it.

::

    async with open_app(Path("data")) as app:
        await app.do("chat:c1", CreateChat(title="Plans"), user_id="ann")
        await app.do("chat:c1", PostMessage(text="hello"), user_id="ann", key="k1")
        page = await app.look("chat:c1", MessagesPage(limit=10), user_id="ann")

Order of closing: no new calls, what is in mailboxes is finished, snapshots, signals stop, storage.
"""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    AsyncExitStack,
    asynccontextmanager,
    nullcontext,
)
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import trio
from attrs import field, frozen

from actors import ActorKind, ActorSystem, open_system
from collab.alarms import AlarmClock
from collab.allowances import DEFAULTS as DEFAULT_ALLOWANCES
from collab.allowances import Allowance, Allowances
from collab.audit import Recorder
from collab.drafting import Drafts
from collab.envelope import EventCodec
from collab.errors import PermissionDenied
from collab.following import Followers
from collab.gateway import CollabGateway
from collab.history import HistoryReader
from collab.identity import Authenticator, Issuer, open_authenticator, open_doorkeeper
from collab.kind import Caller, Kind
from collab.kinds import BUILT_IN
from collab.limits import ASK_TIMEOUT_S, BATCH_INTERVAL_S, BLANK_TIMEOUT_S, IDLE_TIMEOUT_S
from collab.live import LiveActor
from collab.names import parse_target
from collab.pacing import Pacing
from collab.requests import Asking, Declined, Do, Done, Drafting, Look, Reading, Receive
from collab.signals import SignalRunner
from collab.standing import Receiver, Standings
from collab.standing.desk import StandingDesk
from collab.storage import MemoryStore, SqliteStore, open_store
from collab.surroundings import Surroundings
from collab.timers import SHARDS, TIMERS
from protocol.port import PortConfig

if TYPE_CHECKING:
    from collab.listening import Listening


def system_clock_ms() -> int:
    """Return Unix time in milliseconds."""
    return time.time_ns() // 1_000_000


def new_random_id() -> str:
    """Return a fresh id that nobody can guess: 96 random bits."""
    return secrets.token_urlsafe(12)


@frozen(kw_only=True)
class AppSettings:
    """What an app may be given from outside. Times in seconds."""

    dev: bool = False
    kinds: Iterable[Kind[Any]] = BUILT_IN
    clock_ms: Callable[[], int] = system_clock_ms
    new_id: Callable[[], str] = new_random_id
    rng: random.Random = field(factory=random.Random)
    batch_interval_s: float = BATCH_INTERVAL_S
    idle_timeout_s: float = IDLE_TIMEOUT_S
    allowances: Mapping[str, Allowance] = DEFAULT_ALLOWANCES
    webhooks: Mapping[str, Receiver] = field(factory=dict)  # Of issuers, by name.
    issuers: Sequence[Issuer] = ()  # Who signs people in, beside the own key.
    guests: bool = False  # People may come without signing in.
    identity: Authenticator | None = None  # None: a doorkeeper for all of these.
    store: MemoryStore | None = None  # Without a directory: where history is; None: a fresh one.


class App:
    """The running actors, and the gateway that makes them reachable."""

    def __init__(
        self,
        *,
        store: SqliteStore | MemoryStore,
        reader: HistoryReader,
        system: ActorSystem,
        gateway: CollabGateway,
        followers: Followers,
        signals: SignalRunner,
        alarms: AlarmClock,
        drafts: Drafts,
        identity: Authenticator,
        standing: StandingDesk,
        settings: AppSettings,
    ) -> None:
        self.store = store
        self.reader = reader
        self.system = system
        self.gateway = gateway
        self.followers = followers
        self.signals = signals
        self.alarms = alarms
        self._drafts = drafts
        self.identity = identity
        self.standing = standing
        self.settings = settings
        self.pacing = Pacing(settings.batch_interval_s)
        self._cork: Callable[[], AbstractContextManager[None]] = nullcontext

    def use_cork(self, cork: Callable[[], AbstractContextManager[None]]) -> None:
        """Have a wire server collect what each actor's batch sends into one write per socket."""
        self._cork = cork

    def cork(self) -> AbstractContextManager[None]:
        """Return a context in which sends are collected."""
        return self._cork()

    async def do(
        self, target: str, command: object, *, user_id: str, key: str | None = None
    ) -> object:
        """Perform *command* as *user_id*; return its value when it is durable.

        Raises:
          CollabError: refused; nothing changed.
          ActorError, JournalError: it could not be handled; see their docstrings.

        Cancelled: it may still happen. Give a *key* to be able to send it again.
        """
        answer = await self._ask(target, Do(Caller(user_id), command, key))
        while isinstance(answer, Drafting | Asking):
            if isinstance(answer, Drafting):
                await self._drafts.write(answer, is_wanted=lambda: True)
            else:
                question = Receive(target, answer.ask.question)
                answered = cast("Done", await self._ask(answer.ask.target, question))
                answer.message.answer = answered.value
            answer = await self._ask(target, answer.message)
        if isinstance(answer, Declined):
            raise answer.refusal
        return cast("Done", answer).value

    async def look(self, target: str, query: object, *, user_id: str) -> object:
        """Ask *query* as *user_id*; return its value.

        Raises:
          CollabError: refused.

        Cancelled: nothing happened.
        """
        answer = await self._ask(target, Look(Caller(user_id), query))
        if isinstance(answer, Reading):
            value = await answer.read(self.reader)
            if not answer.is_permitted():
                raise PermissionDenied("read", target)
            return value
        return cast("Done", answer).value

    async def _ask(self, target: str, message: Do | Look | Receive) -> object:
        kind, key = parse_target(target)
        answer: object = await self.system.ref(kind, key).ask(message, timeout_s=ASK_TIMEOUT_S)
        return answer

    def listen(
        self, host: str = "127.0.0.1", port: int = 0
    ) -> AbstractAsyncContextManager[Listening]:
        """Serve this app on a port while the block runs; see ``collab.listening.listen``."""
        from collab.listening import listen  # It builds on this module.

        return listen(self, PortConfig(host=host, port=port))

    async def wait_failed(self) -> BaseException:
        """Wait until storage has failed for good; return why. The program must end then.

        Cancelled: nothing happened.
        """
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._watch_store, nursery.cancel_scope)
            await self.system.wait_failed()
            nursery.cancel_scope.cancel()
        failure = self.system.failed or self.store.failed
        assert failure is not None
        return failure

    async def _watch_store(self, scope: trio.CancelScope) -> None:
        """A device may also fail where no actor is waiting: at a checkpoint, say."""
        await self.store.broken.wait()
        scope.cancel()

    async def drain(self, *, timeout_s: float) -> None:
        """Finish what has been sent, snapshot, and take nothing more.

        Cancelled: the rest is dropped; nothing acknowledged is lost.
        """
        await self.system.drain(timeout_s=timeout_s)


@asynccontextmanager
async def open_app(
    directory: Path | str | None, settings: AppSettings | None = None
) -> AsyncIterator[App]:
    """Run the actors over *directory* (None: in memory, gone at the end).

    Raises:
      StoreUnusable: the directory is in use, of a newer version, damaged, full or unwritable.

    Cancelled inside the block: drained as at its end.
    """
    settings = settings or AppSettings()
    kinds = {kind.name: kind for kind in settings.kinds}
    async with AsyncExitStack() as stack:
        path = None if directory is None else Path(directory)
        store = await stack.enter_async_context(_store_at(path, settings))
        local = open_authenticator(path, dev=settings.dev, clock_ms=settings.clock_ms)
        recorder = Recorder(store, settings.clock_ms)
        stack.callback(recorder.close)  # When nobody can do anything any more.
        nursery = await stack.enter_async_context(trio.open_nursery())
        stack.callback(nursery.cancel_scope.cancel)
        nursery.start_soon(recorder.run)
        identity = settings.identity or open_doorkeeper(local, settings.issuers, nursery)
        followers = Followers()
        standings = Standings()
        reader = HistoryReader(store, store, store, kinds)
        drafts = Drafts(reader)
        around: list[Surroundings] = []  # Filled below, before the first message comes.
        system = await stack.enter_async_context(
            open_system(_actor_kinds(kinds, settings, around), store)
        )
        gateway = CollabGateway(
            system,
            kinds,
            identity,
            journal=store,
            reader=reader,
            followers=followers,
            drafts=drafts,
            recorder=recorder,
            standings=standings,
            allowances=Allowances(trio.current_time, settings.allowances),
            nursery=nursery,
        )
        signals = SignalRunner(store, system, kinds, settings.rng)
        alarms = AlarmClock(settings.clock_ms)
        app = App(
            store=store,
            reader=reader,
            system=system,
            gateway=gateway,
            followers=followers,
            signals=signals,
            alarms=alarms,
            drafts=drafts,
            identity=identity,
            standing=StandingDesk(system, gateway, standings, settings.webhooks),
            settings=settings,
        )
        around.append(_surroundings_of(app, recorder))
        await app.standing.load()
        nursery.start_soon(signals.run)
        nursery.start_soon(alarms.run, system, store, SHARDS if TIMERS.name in kinds else ())
        yield app


def _surroundings_of(app: App, recorder: Recorder) -> Surroundings:
    settings = app.settings
    return Surroundings(
        timers=app.system.timers,
        reader=app.reader,
        followers=app.followers,
        recorder=recorder,
        alarms=app.alarms,
        clock_ms=settings.clock_ms,
        new_id=settings.new_id,
        cork=app.cork,
        signals_stored=app.signals.wake,
        pacing=app.pacing,
    )


def _store_at(
    path: Path | None, settings: AppSettings
) -> AbstractAsyncContextManager[SqliteStore | MemoryStore]:
    if path is not None:
        return open_store(path, clock_ms=settings.clock_ms)
    return nullcontext(MemoryStore() if settings.store is None else settings.store)


def _actor_kinds(
    kinds: Mapping[str, Kind[Any]], settings: AppSettings, around: Sequence[Surroundings]
) -> list[ActorKind]:
    def maker(kind: Kind[Any]) -> Callable[[str], LiveActor]:
        codec = EventCodec(kind)
        return lambda key: LiveActor(kind, codec, key, around[0])

    return [
        ActorKind(
            name=kind.name,
            make=maker(kind),
            idle_timeout_s=settings.idle_timeout_s,
            blank_timeout_s=BLANK_TIMEOUT_S,
        )
        for kind in kinds.values()
    ]
