"""A whole server, and clients of it that can be cut off."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
from attrs import define, field

from collab.client import CollabClient, connect
from protocol.client import Connector, Payload, Transport, TransportClosed, websocket_connector
from tests.integration.served import Served, served

Connecting = Callable[[str], AbstractAsyncContextManager[CollabClient]]


@define
class Cable:
    """Opens connections while it is plugged in; pulling it breaks the one that is open."""

    is_plugged: bool = True
    _open: list[PulledTransport] = field(factory=list)
    _connect: Connector = field(factory=websocket_connector)

    def __call__(self, url: str, subprotocol: str) -> AbstractAsyncContextManager[Transport]:
        return self._plugged(url, subprotocol)

    def pull(self) -> None:
        self.is_plugged = False
        for transport in self._open:
            transport.is_cut = True

    def plug(self) -> None:
        self.is_plugged = True

    @asynccontextmanager
    async def _plugged(self, url: str, subprotocol: str) -> AsyncIterator[Transport]:
        if not self.is_plugged:
            raise TransportClosed("the cable is out")
        async with self._connect(url, subprotocol) as transport:
            held = PulledTransport(transport)
            self._open.append(held)
            try:
                yield held
            finally:
                self._open.remove(held)


@define(eq=False)
class PulledTransport:
    """A connection that delivers nothing more once it is cut."""

    _inner: Transport
    is_cut: bool = False

    async def send(self, payload: Payload) -> None:
        if self.is_cut:
            raise TransportClosed("cut")
        await self._inner.send(payload)

    async def receive(self) -> Payload:
        payload = await self._inner.receive()
        if self.is_cut:
            raise TransportClosed("cut")
        return payload

    async def close(self) -> None:
        await self._inner.close()


@pytest.fixture
async def server() -> AsyncIterator[Served]:
    async with served() as running:
        yield running


@pytest.fixture
def connecting(server: Served) -> Connecting:
    def open_as(user: str) -> AbstractAsyncContextManager[CollabClient]:
        return connect(f"http://127.0.0.1:{server.port}", token=f"dev:{user}")

    return open_as


@pytest.fixture
async def ann(connecting: Connecting) -> AsyncIterator[CollabClient]:
    async with connecting("ann") as client:
        yield client


@pytest.fixture
async def ben(connecting: Connecting) -> AsyncIterator[CollabClient]:
    async with connecting("ben") as client:
        yield client
