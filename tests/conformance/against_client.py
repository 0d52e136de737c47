"""Plays a case against the Python client, in memory and in virtual time: we are the server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, get_args

import msgpack  # type: ignore[import-untyped]
import orjson
import trio
import trio.testing
from attrs import NOTHING, asdict, define, field, fields

from protocol.client import (
    CALL_TIMEOUT_S,
    Client,
    ConnectionState,
    Event,
    Follower,
    Item,
    Payload,
    PresenceItem,
    SnapshotItem,
    SubscriptionEnded,
    Transport,
)
from protocol.errors import CallAbandoned, CallFailed
from protocol.messages import SUBPROTOCOL_JSON, Cursor, ServerMessage
from tests.conformance.case import (
    OUR_USER,
    Bindings,
    Case,
    Mismatch,
    connection_of,
    in_json,
)
from tests.protocol.client.wire import ClientEnd, Wire

STEP_TIMEOUT_S: Final = 60.0  # Of virtual time: reconnects included.
ABANDONED: Final = "abandoned"  # No code of the wire: the client gave up.


@define(eq=False)
class _Call:
    """A call that the application waits for."""

    scope: trio.CancelScope = field(factory=trio.CancelScope)
    is_over: trio.Event = field(factory=trio.Event)
    value: Any = None
    seq: int | None = None
    code: str | None = None


@define(eq=False)
class _Following:
    """A follower that the application reads, in a task of its own."""

    follower: Follower
    scope: trio.CancelScope


@define(eq=False)
class ClientPlay:
    """One run of one case. ``connect`` is the client's connector."""

    case: Case
    subprotocol: str
    nursery: trio.Nursery
    seen: Callable[..., None]  # (side, message as JSON has it, wrong=), of what is to be checked.
    _wires: dict[str, Wire] = field(factory=dict)
    _arriving: list[Wire] = field(factory=list)
    _arrived: trio.lowlevel.ParkingLot = field(factory=trio.lowlevel.ParkingLot)
    _newest: str = ""
    _calls: dict[str, _Call] = field(factory=dict)
    _following: dict[str, _Following] = field(factory=dict)

    @asynccontextmanager
    async def connect(self, _url: str, _subprotocol: str) -> AsyncIterator[Transport]:
        """Open a connection, in memory."""
        await trio.lowlevel.checkpoint()
        wire = Wire()
        self._arriving.append(wire)
        self._arrived.unpark_all()
        try:
            yield ClientEnd(wire)
        finally:
            wire.close("client gone", None)

    async def run(self, client: Client) -> None:
        """Play all steps, then see that the client has nothing else to say.

        Raises:
          Mismatch: the client did something else than the case says.
        """
        users = self.case.users()
        bindings = Bindings(self.case.values)
        for number, step in enumerate(self.case.steps, 1):
            name = connection_of(step, self._newest)
            if users.get(name, OUR_USER) != OUR_USER:
                continue
            try:
                with trio.fail_after(STEP_TIMEOUT_S):
                    await self._step(step, name, client, bindings)
            except (Mismatch, trio.TooSlowError) as error:
                raise Mismatch(f"step {number}, {step}: {error!r}") from error
        await trio.testing.wait_all_tasks_blocked()
        for wire in self._wires.values():
            rest = [self._read(payload) for payload in wire.up.messages]
            if unexpected := [message for message in rest if message["t"] != "ping"]:
                raise Mismatch(f"nothing was expected any more, but {unexpected} came")

    async def _step(
        self, step: Mapping[str, Any], name: str, client: Client, bindings: Bindings
    ) -> None:
        if "connect" in step:
            self._newest = step["connect"]
            self._wires[self._newest] = await self._next_wire()
        elif "client" in step:
            message = await self._receive(name, wants_ping=step["client"]["t"] == "ping")
            self.seen("client", message, name, wrong=step.get("wrong", False))
            bindings.match_message(step["client"], message)
        elif "server" in step:
            message = completed(bindings.fill(step["server"], has_bytes=not self._is_text))
            if "server" not in self.case.play:  # Else the real one was seen.
                self.seen("server", in_json(message), name)
            self._send(name, message)
        elif "drop" in step:
            self._wires.pop(step["drop"]).cut()
        elif "closed" in step:
            self._wires.pop(step["closed"]).close("closed", step["code"])
        elif "app" in step:
            filled = bindings.fill(step, has_bytes=True)
            await _APPLICATION[step["app"]](self, client, filled)
        elif "sees" in step:
            await _SIGHTS[step["sees"]](self, client, step, bindings)

    # ------------------------------------------------------------ the wire

    @property
    def _is_text(self) -> bool:
        return self.subprotocol == SUBPROTOCOL_JSON

    async def _next_wire(self) -> Wire:
        while not self._arriving:
            await self._arrived.park()
        return self._arriving.pop(0)

    def _read(self, payload: Payload) -> Mapping[str, Any]:
        held = orjson.loads(payload) if self._is_text else msgpack.unpackb(payload)
        message: Mapping[str, Any] = in_json(held)
        return message

    async def _receive(self, name: str, *, wants_ping: bool) -> Mapping[str, Any]:
        """Return the next message; pings are answered on the way."""
        while True:
            message = self._read(await self._wires[name].up.get())
            if message["t"] != "ping" or wants_ping:
                return message
            self._send(name, {"t": "pong", "n": message["n"]})

    def _send(self, name: str, message: Mapping[str, Any]) -> None:
        payload = orjson.dumps(message).decode() if self._is_text else msgpack.packb(message)
        self._wires[name].write(payload)

    # ------------------------------------------------------------ what the application does

    async def _call(self, client: Client, step: Mapping[str, Any]) -> None:
        async def ask(call: _Call) -> None:
            answer = await client.ask(
                step["target"],
                step["op"],
                step.get("args"),
                key=step.get("key"),
                timeout_s=step.get("timeout_ms", CALL_TIMEOUT_S * 1000) / 1000,
            )
            call.value, call.seq = answer.value, answer.seq

        await self._begin(step["as"], ask)

    async def _refresh(self, client: Client, step: Mapping[str, Any]) -> None:
        async def refresh(_call: _Call) -> None:
            await client.refresh(step["token"])

        await self._begin(step["as"], refresh)

    async def _begin(self, name: str, work: Callable[[_Call], Awaitable[None]]) -> None:
        """Begin something that goes on beside the steps; return when it waits for the server."""
        call = self._calls[name] = _Call()

        async def run() -> None:
            with call.scope:
                try:
                    await work(call)
                except CallFailed as failed:
                    call.code = failed.code
                except CallAbandoned:
                    call.code = ABANDONED
                call.is_over.set()

        self.nursery.start_soon(run)
        await trio.testing.wait_all_tasks_blocked()

    async def _cancel(self, _client: Client, step: Mapping[str, Any]) -> None:
        self._calls[step["call"]].scope.cancel()

    async def _follow(self, client: Client, step: Mapping[str, Any]) -> None:
        cursor = Cursor(**step["cursor"]) if "cursor" in step else None
        following = client.follow(
            step["target"], step["topics"], cursor=cursor, lasting=step.get("lasting", False)
        )

        async def read(task_status: trio.TaskStatus[_Following]) -> None:
            with trio.CancelScope() as scope:
                async with following as follower:
                    task_status.started(_Following(follower, scope))
                    await trio.sleep_forever()

        self._following[step["as"]] = await self.nursery.start(read)

    async def _unfollow(self, _client: Client, step: Mapping[str, Any]) -> None:
        self._following.pop(step["follow"]).scope.cancel()

    async def _presence(self, client: Client, step: Mapping[str, Any]) -> None:
        await client.presence(step["target"], step["state"])

    # ------------------------------------------------------------ what the application sees

    async def _answer(self, _client: Client, step: Mapping[str, Any], bindings: Bindings) -> None:
        call = self._calls[step["call"]]
        await call.is_over.wait()
        if call.code is not None:
            raise Mismatch(f"the call failed with {call.code}")
        bindings.match(step["value"], in_json(call.value), "value")
        if "seq" in step:
            bindings.match(step["seq"], call.seq, "seq")

    async def _failure(self, _client: Client, step: Mapping[str, Any], bindings: Bindings) -> None:
        call = self._calls[step["call"]]
        await call.is_over.wait()
        bindings.match(step["code"], call.code, "code")

    async def _abandoned(self, client: Client, step: Mapping[str, Any], bindings: Bindings) -> None:
        await self._failure(client, {**step, "code": ABANDONED}, bindings)

    async def _item(self, _client: Client, step: Mapping[str, Any], bindings: Bindings) -> None:
        item = await anext(self._following[step["follow"]].follower)
        expected = {name: step[name] for name in step if name not in ("sees", "follow")}
        bindings.match({"item": step["sees"], **expected}, _shown(item), "item")

    async def _end(self, _client: Client, step: Mapping[str, Any], bindings: Bindings) -> None:
        try:
            item = await anext(self._following[step["follow"]].follower)
        except SubscriptionEnded as ended:
            bindings.match(step["code"], ended.code, "code")
        else:
            raise Mismatch(f"no end, but {item}")

    async def _state(self, client: Client, step: Mapping[str, Any], _bindings: Bindings) -> None:
        await client.wait_state(ConnectionState[step["state"].upper()])


def completed(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return *message* with the fields that cases leave out, as a server sends it."""
    (cls,) = (cls for cls in get_args(ServerMessage) if message["t"] == cls.TAG)
    defaults = {known.name: known.default for known in fields(cls) if known.default is not NOTHING}
    return {**defaults, **message}


def _shown(item: Item) -> dict[str, Any]:
    if isinstance(item, SnapshotItem):
        held = asdict(item)
        return {"item": "snapshot", "reset": held.pop("reset_reason"), **in_json(held)}
    name = "event" if isinstance(item, Event) else "presence"
    assert isinstance(item, Event | PresenceItem)
    shown: dict[str, Any] = {"item": name, **in_json(asdict(item))}
    return shown


_APPLICATION: Final[Mapping[str, Callable[..., Any]]] = {
    "call": ClientPlay._call,
    "cancel": ClientPlay._cancel,
    "follow": ClientPlay._follow,
    "unfollow": ClientPlay._unfollow,
    "presence": ClientPlay._presence,
    "refresh": ClientPlay._refresh,
}
_SIGHTS: Final[Mapping[str, Callable[..., Any]]] = {
    "answer": ClientPlay._answer,
    "failure": ClientPlay._failure,
    "abandoned": ClientPlay._abandoned,
    "snapshot": ClientPlay._item,
    "event": ClientPlay._item,
    "presence": ClientPlay._item,
    "end": ClientPlay._end,
    "state": ClientPlay._state,
}
