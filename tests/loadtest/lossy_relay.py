"""A Yjs server as it must not be: it relays updates and loses, doubles or delays some of them."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from websockets.sync.server import Server, ServerConnection, serve

STEP_1 = b"\x00\x00"
EMPTY_STEP_2 = b"\x00\x01\x02\x00\x00"
UPDATE = b"\x00\x02"


class Relay:
    """Sends every update to all of its document, except: see the three periods (0: never)."""

    def __init__(self, *, lose_every: int = 0, double_every: int = 0, delay_every: int = 0) -> None:
        self._lose_every = lose_every
        self._double_every = double_every
        self._delay_every = delay_every
        self._lock = threading.Lock()
        self._rooms: defaultdict[str, list[ServerConnection]] = defaultdict(list)
        self._delayed: dict[int, bytes] = {}
        self._sent = 0

    def serve_client(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        room = self._rooms[connection.request.path]
        with self._lock:
            room.append(connection)
        for message in connection:
            assert isinstance(message, bytes)
            if message.startswith(STEP_1):
                connection.send(EMPTY_STEP_2)
            elif message.startswith(UPDATE):
                with self._lock:
                    for other in room:
                        if other is not connection:
                            self._relay(other, message)

    def _relay(self, other: ServerConnection, message: bytes) -> None:
        self._sent += 1
        if self._lose_every and self._sent % self._lose_every == 0:
            return
        if self._delay_every and self._sent % self._delay_every == 0:
            self._delayed[id(other)] = message
            return
        other.send(message)
        if self._double_every and self._sent % self._double_every == 0:
            other.send(message)
        if (late := self._delayed.pop(id(other), None)) is not None:
            other.send(late)


@contextmanager
def relaying(relay: Relay) -> Iterator[int]:
    """Run it on a port of loopback for a block; yield the port."""
    with serve(relay.serve_client, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield _port(server)
        finally:
            server.shutdown()
            thread.join()


def _port(server: Server) -> int:
    port: int = server.socket.getsockname()[1]
    return port
