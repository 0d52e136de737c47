"""The door for Hocuspocus clients: many documents on one socket, each with a token of its own.

A document's first message is its token; what comes before it is dropped, because the client syncs
after it anyway. The answer to a token is ``authenticated`` with a scope, or ``permission denied``.
Every update is answered with a sync status when it is durable, or refused. When the server ends
one visit for good, that document is told (permission denied, then close) and the socket stays for
the others; what another attempt may cure closes the socket, and the client reconnects.

A provider with session awareness puts ``NUL session`` behind the name: each is a visit.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

import trio

from protocol.deadlines import Alarm
from protocol.errors import CLOSE_HANDSHAKE_TIMEOUT, CLOSE_TRY_AGAIN, WireError
from protocol.frames import server_frame
from protocol.server import WireServer
from protocol.socket import Socket
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
)
from protocol.yjs.hocuspocus import (
    SCOPE_READ_ONLY,
    SCOPE_READ_WRITE,
    Authenticated,
    Close,
    Envelope,
    HocuspocusBody,
    Ping,
    Pong,
    SyncReply,
    SyncStatus,
    Token,
    TokenRequest,
    decode_hocuspocus,
    encode_hocuspocus,
    split_name,
)
from protocol.yjs.limits import DOOR_VISITS_MAX


class HocuspocusDialect(Dialect):
    """Everything under the document's name, as the client writes it."""

    def __init__(self, name: str) -> None:
        is_shared = split_name(name)[1] is None
        self.form = f"hocuspocus:{name}" if is_shared else None
        self._name = name

    def write(self, said: Said) -> bytes:
        """See ``Dialect``."""
        return self._write(said)

    def welcome(self, *, may_write: bool) -> bytes:
        """See ``Dialect``."""
        return self._write(Authenticated(SCOPE_READ_WRITE if may_write else SCOPE_READ_ONLY))

    def accepted(self) -> bytes:
        """See ``Dialect``."""
        return self._write(SyncStatus(applied=True))

    def refused(self, reason: str) -> bytes:  # noqa: ARG002 -- it has no place for it
        """See ``Dialect``."""
        return self._write(SyncStatus(applied=False))

    def token_wanted(self) -> bytes:
        """See ``Dialect``. The provider answers with a token, which renews the visit."""
        return self._write(TokenRequest())

    def _write(self, body: HocuspocusBody) -> bytes:
        return encode_hocuspocus(Envelope(self._name, body))


class HocuspocusConnection(DoorConnection):
    """One Hocuspocus client."""

    def __init__(
        self,
        server: WireServer,
        socket: Socket,
        boards: Boards,
        words: Words,
        target_of: Callable[[str], str],
    ) -> None:
        super().__init__(server, socket, boards, words)
        self._target_of = target_of
        self._visits: dict[str, Visit] = {}  # By the name that the client uses.
        self._handshake = Alarm(server.wheel, self._handshake_due)

    async def begin(self) -> None:
        """Give the client some time to be let in somewhere."""
        self._handshake.set(trio.current_time() + self.server.handshake_timeout_s)
        await trio.lowlevel.checkpoint()

    def take(self, payload: bytes) -> Awaitable[None] | None:
        """Take one message. Raises FrameRefused."""
        match decode_hocuspocus(payload):
            case Envelope(name, Token(token)):
                return self._let_in(name, token)
            case Envelope(name, body):
                visit = self._visits.get(name)
                if visit is not None:
                    self._take_body(name, visit, body)
            case Ping():
                self._send(encode_hocuspocus(Pong()))
            case Pong():
                pass
        return None

    def _take_body(self, name: str, visit: Visit, body: HocuspocusBody) -> None:
        if isinstance(body, SyncReply):
            body = body.body
        match body:
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
            case Close():
                del self._visits[name]
                visit.leave()
            case _:
                pass  # Texts of applications (stateless) have no meaning here.

    async def _let_in(self, name: str, token: str) -> None:
        """Open a document, or go on with it under a fresh token. Cancelled: nothing happened."""
        try:
            identity = await self.authenticate(token)
            visit = self._visits.get(name)
            if visit is not None:
                visit.renew(identity)
                return
            if len(self._visits) >= DOOR_VISITS_MAX:
                raise WireError("limit_exceeded", f"at most {DOOR_VISITS_MAX} documents")  # noqa: TRY301
            target = self._target_of(split_name(name)[0])
            visit = Visit(self, HocuspocusDialect(name), target, identity)
        except WireError as error:
            self._refuse(name, error)
        except ValueError:
            self._refuse(name, WireError("unknown_target", "no document has such a name"))
        else:
            self._handshake.stop()
            self.server.metrics.sessions_opened += 1
            self._visits[name] = visit
            visit.open()

    def visits(self) -> Iterable[Visit]:
        """Return the visits that are going on."""
        return list(self._visits.values())

    def visit_over(self, visit: Visit, error: WireError) -> None:
        """Tell the client; for what may be cured, by having it come back."""
        name = next((name for name, other in self._visits.items() if other is visit), None)
        if name is not None:
            del self._visits[name]
            self._refuse(name, error)

    def keep_alive(self) -> None:
        """Say something on behalf of any document; without one, ask for a sign."""
        if self._visits:
            super().keep_alive()
        else:
            self._send(encode_hocuspocus(Ping()))

    def _refuse(self, name: str, error: WireError) -> None:
        if close_code_of(error) == CLOSE_TRY_AGAIN:
            self.close(CLOSE_TRY_AGAIN, reason_of(error))
            return
        reason = reason_of(error)
        self._send(encode_hocuspocus(Envelope(name, PermissionDenied(reason))))
        self._send(encode_hocuspocus(Envelope(name, Close(reason))))

    def _send(self, payload: bytes) -> None:
        self.outbox.send(server_frame(payload, is_text=False))

    def _handshake_due(self) -> None:
        self.close(CLOSE_HANDSHAKE_TIMEOUT, "no accepted token in time")

    def _release(self, *, has_client_left: bool = False) -> None:
        self._handshake.stop()
        super()._release(has_client_left=has_client_left)
        self._visits.clear()
