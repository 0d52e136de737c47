"""An open call, as the gateway holds it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from protocol.codec import encode, encode_reply, encoding_of, error_fields
from protocol.errors import WireError
from protocol.limits import ANSWER_SMALL_BYTES
from protocol.messages import Call, Error
from protocol.outbox import NO_ROOM
from protocol.structure import structure

if TYPE_CHECKING:
    from protocol.connection import WireConnection

T = TypeVar("T")


class WireCall:
    """One call from request to answer. Implements ``gateway.IncomingCall``.

    It is settled once: by a reply, a failure, its deadline, a cancel, or the connection's end.
    """

    __slots__ = ("_args", "_is_abandoned", "_is_settled", "_is_withdrawn", "connection", "key",
                 "op", "ref", "started_s", "target", "tick")  # fmt: skip

    def __init__(self, connection: WireConnection, call: Call, started_s: float) -> None:
        self.connection = connection
        self.ref = call.ref
        self.target = call.target
        self.op = call.op
        self.key = call.key
        self.started_s = started_s
        self.tick = 0  # Of its deadline; the connection's.
        self._args = call.args
        self._is_abandoned = False
        self._is_settled = False
        self._is_withdrawn = False

    @property
    def abandoned(self) -> bool:
        """True once the client cancelled it, its deadline passed or its connection ended."""
        return self._is_abandoned

    @property
    def withdrawn(self) -> bool:
        """True once abandoned for another reason than that the client has gone."""
        return self._is_withdrawn

    def args_as(self, shape: type[T]) -> T:
        """Structure the arguments strictly.

        Raises:
          WireError: ``bad_request``, naming the field.
        """
        return structure(self._args, shape, encoding=encoding_of(self.connection.subprotocol))

    def reply(self, value: object, *, seq: int | None = None) -> None:
        """Answer. *value* is a plain structure or an attrs object."""
        if self._is_settled:
            return
        connection = self.connection
        try:
            frame = encode_reply(self.ref, value, seq, connection.subprotocol)
        except Exception as error:  # noqa: BLE001 -- whatever the owner's value does when written
            self.fail(connection.server.fault(f"reply to {self.op}", error))
            return
        if len(frame) > ANSWER_SMALL_BYTES and not connection.has_room:
            self.fail(NO_ROOM)
            return
        self._is_settled = True
        connection.server.metrics.calls_replied += 1
        connection.answer(self, frame)

    def fail(self, error: WireError) -> None:
        """Answer with an error."""
        if self._is_settled:
            return
        self._is_settled = True
        connection = self.connection
        connection.server.metrics.calls_failed += 1
        message = Error(ref=self.ref, **error_fields(error))
        connection.note(message)
        connection.answer(self, encode(message, connection.subprotocol))

    def expired(self) -> None:
        """Its deadline has passed. Called by the deadline wheel."""
        self.connection.server.metrics.calls_expired += 1
        self._is_abandoned = self._is_withdrawn = True
        self.fail(WireError("deadline_exceeded", "no answer in time; it may have happened"))

    def abandon(self) -> None:
        """It is not wanted any more. Called by the connection."""
        self._is_abandoned = self._is_settled = self._is_withdrawn = True

    def orphan(self) -> None:
        """The client has gone: nobody waits, but a write is still wanted."""
        self._is_abandoned = self._is_settled = True
