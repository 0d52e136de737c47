"""Joins the wire and the actors: names to kinds, arguments to commands, errors to codes.

Everything here is synchronous but authentication, catching up and the storage part of queries.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import trio
from attrs import evolve

from actors import ActorSystem, Journal, Ref
from collab.allowances import Allowances
from collab.asking import ask_first
from collab.audit import Recorder
from collab.drafting import Drafts
from collab.following import Followers
from collab.identity import Authenticator, caller_of
from collab.kind import Caller, Kind, Reader, Tagged
from collab.limits import ADMITTED_MAX, ASK_AGAIN_MS, READS_AT_ONCE_MAX, ROUTES_KEPT_MAX
from collab.names import parse_target
from collab.requests import Admit, Asking, Declined, Do, Done, Drafting, Follow, Look, Reading
from collab.standing import Standings
from collab.user.arrivals import Arrivals
from collab.wire_errors import to_wire
from protocol.errors import CODES, WireError
from protocol.gateway import Connection, Identity, IncomingCall, Peer, Subscription

_log = logging.getLogger("collab.gateway")


class CallDone:
    """Answers an open call when its actor has."""

    __slots__ = ("_call", "_gateway")

    def __init__(self, call: IncomingCall, gateway: CollabGateway) -> None:
        self._call = call
        self._gateway = gateway

    @property
    def abandoned(self) -> bool:
        """The actor skips a query that nobody waits for."""
        return self._call.abandoned

    def reply(self, value: object) -> None:
        """Pass the answer on; a query may still have to read storage."""
        if type(value) is Done:
            self._call.reply(value.value, seq=value.seq)
        elif type(value) is Reading:
            self._gateway.read_soon(self._call, value)
        elif type(value) is Drafting:
            self._gateway.draft_soon(self._call, value)
        elif type(value) is Asking:
            self._gateway.ask_first(value, self)
        elif type(value) is Declined:
            self._call.fail(to_wire(value.refusal))
        else:
            self._call.reply(value)

    def fail(self, error: Exception) -> None:
        """Pass a refusal or a fault on."""
        self._call.fail(to_wire(error))


class WriteDone(CallDone):
    """Answers a command. One that was received whole is done, also for whom it was the last."""

    __slots__ = ()

    @property
    def abandoned(self) -> bool:
        """The actor skips what its caller, or the server, has called off."""
        return self._call.withdrawn


class FollowDone:
    """Tells a subscription that it was refused. Success answers by itself."""

    __slots__ = ("_subscription",)

    def __init__(self, subscription: Subscription) -> None:
        self._subscription = subscription

    @property
    def abandoned(self) -> bool:
        """The actor skips a subscription that has ended meanwhile."""
        return self._subscription.over

    def reply(self, value: object) -> None:
        """Nothing to do: the attached follower has answered."""

    def fail(self, error: Exception) -> None:
        """Refused at first, or no fresh snapshot after falling behind."""
        self._subscription.fail(to_wire(error))


class NobodyWaits:
    """For messages whose outcome nobody needs."""

    abandoned = False

    def reply(self, value: object) -> None:
        """Ignored."""

    def fail(self, error: Exception) -> None:
        """Left to the log: what the caller does next will tell it."""
        _log.debug("unanswered message failed: %s", error)


class _Route(NamedTuple):
    """Where a target leads, and what can be asked there."""

    ref: Ref
    kind_name: str
    commands: Mapping[str, type[Tagged]]  # By op.
    queries: Mapping[str, type[Tagged]]


def _message_of(route: _Route, call: IncomingCall, caller: Caller) -> Do | Look:
    command = route.commands.get(call.op)
    if command is not None:
        return Do(caller, call.args_as(command), call.key)
    query = route.queries.get(call.op)
    if query is not None:
        return Look(caller, call.args_as(query))
    raise WireError("unknown_op", f"kind {route.kind_name} has no operation {call.op[:64]}")


def host_of(peer: Peer) -> str:
    """Return the address of *peer* without its port, which is another one each time."""
    host, _, port = peer.address.rpartition(":")
    return host.strip("[]") if port.isdecimal() else peer.address


def _caller_on(connection: Connection, standings: Standings) -> Caller:
    """Return who speaks on *connection*, as kinds see it; made once per identity and standing."""
    identity = connection.identity
    memo = connection.memo
    if memo is None or memo[0] is not identity:
        caller = caller_of(identity, session_id=connection.session_id)
        caller = evolve(caller, address=host_of(connection.peer))
        caller = standings.corrected(caller, identity.claims)
        connection.memo = (identity, caller)
        return caller
    known: Caller = memo[1]
    return known


class CollabGateway:
    """The ``protocol.gateway.Gateway`` of an app."""

    def __init__(
        self,
        system: ActorSystem,
        kinds: Mapping[str, Kind[Any]],
        identity: Authenticator,
        *,
        journal: Journal,
        reader: Reader,
        followers: Followers,
        drafts: Drafts,
        allowances: Allowances,
        recorder: Recorder,
        standings: Standings,
        nursery: trio.Nursery,
    ) -> None:
        self._system = system
        self._kinds = kinds
        self._commands = {
            name: {cls.TAG: cls for cls in kind.commands} for name, kind in kinds.items()
        }
        self._queries = {
            name: {cls.TAG: cls for cls in kind.queries} for name, kind in kinds.items()
        }
        self._routes: dict[str, _Route] = {}  # By target; where it leads never changes.
        self._identity = identity
        self._journal = journal
        self._reader = reader
        self._followers = followers
        self._drafts = drafts
        self._allowances = allowances
        self._recorder = recorder
        self._standings = standings
        self._arrivals = Arrivals(system)
        self._nursery = nursery
        self._reads = trio.CapacityLimiter(READS_AT_ONCE_MAX)
        # Development only: whom ``Admit`` was already sent for, until the connection is gone.
        self._admitted: WeakKeyDictionary[Connection, set[tuple[str, str]]] = WeakKeyDictionary()

    # ------------------------------------------------------------ protocol.gateway.Gateway

    async def authenticate(self, token: str, peer: Peer) -> Identity:
        """Ask the identity provider, and write down what it says. Cancelled: nothing happened."""
        host = host_of(peer)
        try:
            identity = await self._identity.authenticate(token, peer)
        except WireError as error:
            if error.code == "unauthenticated":
                self._recorder.not_signed_in(host)
            raise
        if self._standings.is_void(identity.user_id, identity.claims):
            self._recorder.not_signed_in(host)
            raise WireError("unauthenticated", CODES["unauthenticated"][1])
        caller = caller_of(identity)
        self._recorder.signed_in(evolve(caller, address=host))
        self._arrivals.note(self._standings.corrected(caller, identity.claims), identity.claims)
        return identity

    def call(self, call: IncomingCall) -> None:
        """Turn a call into a command or query and put it into its actor's mailbox."""
        try:
            connection = call.connection
            caller = _caller_on(connection, self._standings)
            if call.op in self._allowances.actions:
                address = connection.peer.address
                self._allowances.spend(call.op, user_id=caller.user_id, address=address)
            route = self._routes.get(call.target) or self._find_route(call.target)
            message = _message_of(route, call, caller)
            if caller.is_dev:
                self._admit(route.ref, caller, connection, call.op)
            done = WriteDone(call, self) if type(message) is Do else CallDone(call, self)
            route.ref.ask_nowait(message, done)
        except Exception as error:  # noqa: BLE001 - every fault is an answer; to_wire logs ours
            call.fail(to_wire(error))

    def subscribe(self, subscription: Subscription) -> None:
        """Have the actor answer a subscription in order with everything else."""
        self._follow(subscription, has_fallen_behind=False)

    def unsubscribe(self, subscription: Subscription) -> None:
        """Detach what the client has left."""
        follower = self._followers.of(subscription)
        if follower is not None:
            follower.detach()

    def identity_changed(self, connection: Connection) -> None:
        """Ask again for every stream of a connection whose token was refreshed."""
        caller = _caller_on(connection, self._standings)
        for follower in self._followers.on(connection):
            try:
                follower.speak_for(caller)
            except Exception as error:  # noqa: BLE001 - a kind's fault ends this stream only
                follower.end(to_wire(error))

    def standing_changed(self, user_id: str) -> None:
        """Have the next sign-in of *user_id* told to their actor, even if it says nothing new."""
        self._arrivals.forget(user_id)

    async def catch_up(self, subscription: Subscription) -> None:
        """Bring a lagging subscription to the present, or start it over.

        Cancelled: the connection is ending.
        """
        follower = self._followers.of(subscription)
        if follower is None:
            return
        try:
            is_live = await follower.catch_up(self._journal)
        except Exception as error:  # noqa: BLE001 - ends this subscription only; to_wire logs ours
            follower.end(to_wire(error))
            return
        if not is_live:
            self._follow(subscription, has_fallen_behind=True)

    def presence(self, subscription: Subscription, state: Mapping[str, Any] | None) -> None:
        """Show a client's ephemeral state to the others, under its own name."""
        follower = self._followers.of(subscription)
        if follower is not None:
            follower.set_presence(state)

    # ------------------------------------------------------------ inside

    def _find_route(self, target: str) -> _Route:
        kind_name, key = parse_target(target)
        if kind_name not in self._kinds:
            raise WireError("unknown_target", f"no kind {kind_name}")
        ref = self._system.ref(kind_name, key)
        route = _Route(ref, kind_name, self._commands[kind_name], self._queries[kind_name])
        if len(self._routes) >= ROUTES_KEPT_MAX:
            self._routes.clear()  # Found again: harmless.
        self._routes[target] = route
        return route

    def _follow(self, subscription: Subscription, *, has_fallen_behind: bool) -> None:
        try:
            connection = subscription.connection
            caller = _caller_on(connection, self._standings)
            target = subscription.target
            ref = (self._routes.get(target) or self._find_route(target)).ref
            if caller.is_dev:
                self._admit(ref, caller, connection, f"read:{min(subscription.topics)}")
            message = Follow(caller, subscription, has_fallen_behind)
            ref.ask_nowait(message, FollowDone(subscription))
        except Exception as error:  # noqa: BLE001 - every fault is an answer; to_wire logs ours
            subscription.fail(to_wire(error))

    def _admit(self, ref: Ref, caller: Caller, connection: Connection, action: str) -> None:
        """With a development token things come into being when first opened."""
        admitted = self._admitted.setdefault(connection, set())
        if (ref.actor_id, action) not in admitted:
            ref.ask_nowait(Admit(caller, action), NobodyWaits())
            if len(admitted) >= ADMITTED_MAX:
                admitted.clear()  # Asked again: harmless.
            admitted.add((ref.actor_id, action))

    def read_soon(self, call: IncomingCall, reading: Reading) -> None:
        """Finish a query outside the actor, so that storage never holds an actor up."""
        self._nursery.start_soon(self._read, call, reading)

    async def _read(self, call: IncomingCall, reading: Reading) -> None:
        try:
            await self._turn_to_read()
            try:
                if call.abandoned:
                    return
                value = await reading.read(self._reader)
            finally:
                self._reads.release()
            if reading.is_permitted():
                call.reply(value)
            else:
                # A role changed while storage was read, or the actor restarted: whoever may still
                # know gets the answer at the next try, and everybody else a refusal.
                call.fail(WireError("unavailable", "ask again", retry_after_ms=ASK_AGAIN_MS))
        except Exception as error:  # noqa: BLE001 - every fault is an answer; to_wire logs ours
            call.fail(to_wire(error))

    async def _turn_to_read(self) -> None:
        """Return when one more may read; at once if so: a turn of a busy loop is a long time."""
        try:
            self._reads.acquire_nowait()
        except trio.WouldBlock:
            await self._reads.acquire()

    def ask_first(self, asking: Asking, done: CallDone) -> None:
        """Have another target asked, then the command decided again."""
        ask_first(self._system, asking, done)

    def draft_soon(self, call: IncomingCall, drafting: Drafting) -> None:
        """Have a draft written beside the actor, then ask again."""
        self._nursery.start_soon(self._draft, call, drafting)

    async def _draft(self, call: IncomingCall, drafting: Drafting) -> None:
        try:
            if await self._drafts.write(drafting, is_wanted=lambda: not call.abandoned):
                ref = self._system.ref(*parse_target(drafting.target))
                ref.ask_nowait(drafting.message, CallDone(call, self))
        except Exception as error:  # noqa: BLE001 - every fault is an answer; to_wire logs ours
            call.fail(to_wire(error))
