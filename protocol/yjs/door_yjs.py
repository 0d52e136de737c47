"""The door for y-websocket clients: one document per socket, named by the path.

``/yjs/{document}?token=...``: the token is asked for once, at the beginning. When it ends, the
client is told to come back (it may have a fresh one by then).
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import parse_qs

from protocol.errors import WireError
from protocol.server import WireServer
from protocol.transport import ServerSocket
from protocol.yjs.door_board import Boards
from protocol.yjs.door_codes import close_code_of, reason_of
from protocol.yjs.door_connection import DoorConnection
from protocol.yjs.door_dialect import Dialect, Said
from protocol.yjs.door_faces import Words
from protocol.yjs.door_visit import Visit
from protocol.yjs.frames import (
    AwarenessUpdate,
    PermissionDenied,
    QueryAwareness,
    SyncStep1,
    SyncStep2,
    SyncUpdate,
    decode_message,
    encode_message,
)


class YjsDialect(Dialect):
    """y-protocols: no names, no acknowledgements, no welcome but the sync itself."""

    form = "yjs"

    def write(self, said: Said) -> bytes:
        """See ``Dialect``."""
        return encode_message(said)

    def refused(self, reason: str) -> bytes:
        """See ``Dialect``. y-websocket shows it on the console, and stays connected."""
        return encode_message(PermissionDenied(reason))


class YjsConnection(DoorConnection):
    """One y-websocket client."""

    def __init__(
        self, server: WireServer, socket: ServerSocket, boards: Boards, words: Words, target: str
    ) -> None:
        super().__init__(server, socket, boards, words)
        self._target = target
        self._query = socket.query
        self._visit: Visit | None = None

    async def begin(self) -> None:
        """Let the client in, or tell it why not."""
        token = parse_qs(self._query).get("token", [""])[0]
        self._query = ""
        try:
            identity = await self.authenticate(token)
            self._visit = Visit(self, YjsDialect(), self._target, identity)
        except WireError as error:
            self._refuse(error)
        except ValueError:
            self._refuse(WireError("unknown_target", "no document has such a name"))
        else:
            self.server.metrics.sessions_opened += 1
            self._visit.open()

    def take(self, payload: bytes) -> None:
        """Take one message of y-protocols. Raises FrameRefused."""
        message = decode_message(payload)
        visit = self._visit
        if visit is None:
            return
        match message:
            case SyncUpdate(update):
                visit.edit(update, is_answer=False)
            case AwarenessUpdate(update):
                visit.awareness(update)
            case SyncStep1(state_vector):
                visit.step1(state_vector)
            case SyncStep2(update):
                visit.edit(update, is_answer=True)
            case QueryAwareness():
                visit.query_awareness()
            case PermissionDenied():
                pass  # A client cannot deny us anything.

    def visits(self) -> Iterable[Visit]:
        """Return the one visit, if it is going on."""
        return () if self._visit is None or self._visit.is_over else (self._visit,)

    def visit_over(self, visit: Visit, error: WireError) -> None:  # noqa: ARG002 -- there is one
        """Close: the document is all that this socket is for."""
        self._refuse(error)

    def _refuse(self, error: WireError) -> None:
        self.close(close_code_of(error), reason_of(error))
