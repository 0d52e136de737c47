"""The doors of one server, as its port hands sockets over to them."""

from __future__ import annotations

from collections.abc import Callable

from protocol.server import WireServer
from protocol.transport import ServerSocket
from protocol.yjs.door_board import Boards
from protocol.yjs.door_faces import Words
from protocol.yjs.door_hocuspocus import HocuspocusConnection
from protocol.yjs.door_yjs import YjsConnection


class YjsDoors:
    """Both doors onto the gateway of *server*.

    Args:
      target_of: From a document's name, as clients write it, to a target. Names that make no
        sense become targets that do not exist: the gateway refuses those.
    """

    def __init__(
        self, server: WireServer, *, target_of: Callable[[str], str], words: Words | None = None
    ) -> None:
        self._server = server
        self._target_of = target_of
        self._words = words or Words()
        self.boards = Boards()

    async def handle_yjs(self, name: str, socket: ServerSocket) -> None:
        """Serve a y-websocket client of document *name* to its end. Raises nothing.

        Cancelled: as if the client had gone; closing the socket is its owner's business.
        """
        target = self._target_of(name)
        connection = YjsConnection(self._server, socket, self.boards, self._words, target)
        await self._server.host(connection)

    async def handle_hocuspocus(self, socket: ServerSocket) -> None:
        """Serve a Hocuspocus client to its end. Raises nothing. Cancelled: as above."""
        connection = HocuspocusConnection(
            self._server, socket, self.boards, self._words, self._target_of
        )
        await self._server.host(connection)
