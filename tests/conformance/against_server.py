"""Plays a case against our server, over a loopback socket: we are the client."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgpack  # type: ignore[import-untyped]
import orjson
import trio
from attrs import define, field

from protocol.client import Transport, TransportClosed, websocket_connector
from protocol.messages import SUBPROTOCOL_JSON
from tests.conformance.case import OUR_USER, Bindings, Case, Mismatch, connection_of, in_json
from tests.integration.served import Served

ANSWER_TIMEOUT_S: Final = 5.0
LAST_PING: Final = 987_654_321

# (side, message as JSON has it, wrong=), of every message that passed.
Seen = Callable[..., None]


@define(eq=False)
class _Connection:
    """One of ours, held open by a task of its own."""

    transport: Transport
    scope: trio.CancelScope


@define(eq=False)
class ServerPlay:
    """One run of one case."""

    case: Case
    served: Served
    subprotocol: str
    token_for: Callable[[str], str]
    seen: Seen
    drain: Callable[[], None]
    nursery: trio.Nursery
    _open: dict[str, _Connection] = field(factory=dict)
    _newest: str = ""

    async def run(self) -> None:
        """Play all steps, then see that nothing else came.

        Raises:
          Mismatch: the server did something else than the case says.
        """
        users = self.case.users()
        tokens = {name: self.token_for(user) for name, user in users.items()}
        bindings = Bindings(self.case.values)
        try:
            for number, step in enumerate(self.case.steps, 1):
                name = connection_of(step, self._newest)
                bindings.bound["$token"] = tokens.get(name)
                try:
                    with trio.fail_after(ANSWER_TIMEOUT_S):
                        await self._step(step, name, users, bindings)
                except (Mismatch, TransportClosed, trio.TooSlowError) as error:
                    raise Mismatch(f"step {number}, {step}: {error!r}") from error
            for name in list(self._open):
                await self._expect_nothing(name)
        finally:
            for connection in self._open.values():
                connection.scope.cancel()

    async def _step(
        self, step: Mapping[str, Any], name: str, users: Mapping[str, str], bindings: Bindings
    ) -> None:
        if "connect" in step:
            await self._connect(step["connect"])
            if users[step["connect"]] == OUR_USER:
                self._newest = step["connect"]
        elif "client" in step:
            message = bindings.fill(step["client"], has_bytes=not self._is_text)
            await self._send(name, message, wrong=step.get("wrong", False))
        elif "raw" in step:
            await self._open[name].transport.send(step["raw"])
        elif "server" in step:
            bindings.match_message(step["server"], await self._receive(name))
        elif "drop" in step:
            self._open.pop(step["drop"]).scope.cancel()
        elif "closed" in step:
            await self._expect_close(step["closed"], step["code"])
        elif "operator" in step:
            self.drain()

    # ------------------------------------------------------------ connections

    @property
    def _is_text(self) -> bool:
        return self.subprotocol == SUBPROTOCOL_JSON

    async def _connect(self, name: str) -> None:
        self._open[name] = await self.nursery.start(self._hold)

    async def _hold(self, task_status: trio.TaskStatus[_Connection]) -> None:
        connect = websocket_connector()
        with trio.CancelScope() as scope:
            async with connect(self.served.url, self.subprotocol) as transport:
                task_status.started(_Connection(transport, scope))
                await trio.sleep_forever()

    async def _send(self, name: str, message: Mapping[str, Any], *, wrong: bool = False) -> None:
        self.seen("client", in_json(message), name, wrong=wrong)
        payload = orjson.dumps(message).decode() if self._is_text else msgpack.packb(message)
        await self._open[name].transport.send(payload)

    async def _receive(self, name: str) -> Mapping[str, Any]:
        payload = await self._open[name].transport.receive()
        held = orjson.loads(payload) if isinstance(payload, str) else msgpack.unpackb(payload)
        message: Mapping[str, Any] = in_json(held)
        self.seen("server", message, name)
        return message

    async def _expect_close(self, name: str, code: int) -> None:
        try:
            message = await self._receive(name)
        except TransportClosed as closed:
            if closed.code != code:
                raise Mismatch(f"closed with {closed.code} instead of {code}") from None
        else:
            raise Mismatch(f"not closed, but {message}")
        self._open.pop(name).scope.cancel()

    async def _expect_nothing(self, name: str) -> None:
        """The next thing to come is the answer to our ping: everything else was expected."""
        await self._send(name, {"t": "ping", "n": LAST_PING})
        with trio.fail_after(ANSWER_TIMEOUT_S):
            message = await self._receive(name)
        if message != {"t": "pong", "n": LAST_PING}:
            raise Mismatch(f"nothing was expected any more, but {message} came")
