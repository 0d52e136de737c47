"""A call that a door makes for its client."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import trio

from protocol.errors import WireError
from protocol.structure import MSGPACK, structure

if TYPE_CHECKING:
    from protocol.yjs.door_visit import Visit

T = TypeVar("T")

OnReply = Callable[[object, int | None], None]  # value, seq
OnFail = Callable[[WireError], None]


class DoorCall:
    """One call from message to outcome. Implements ``gateway.IncomingCall``.

    It is settled once: by a reply, a failure, its deadline or the end of the visit.
    """

    __slots__ = ("_args", "_is_abandoned", "_is_settled", "_is_withdrawn", "_on_fail", "_on_reply",
                 "connection", "key", "op", "started_s", "target", "tick")  # fmt: skip

    def __init__(
        self, visit: Visit, op: str, args: Mapping[str, Any], on_reply: OnReply, on_fail: OnFail
    ) -> None:
        self.connection = visit
        self.target = visit.target
        self.op = op
        self.key: str | None = None  # Updates are idempotent by nature.
        self.tick = 0  # Of its deadline; the visit's.
        self._args = args
        self._on_reply = on_reply
        self._on_fail = on_fail
        self.started_s = trio.current_time()
        self._is_abandoned = False
        self._is_settled = False
        self._is_withdrawn = False

    @property
    def abandoned(self) -> bool:
        """True once its deadline passed or its visit is over."""
        return self._is_abandoned

    @property
    def withdrawn(self) -> bool:
        """True once abandoned for another reason than that the client has left."""
        return self._is_withdrawn

    def args_as(self, shape: type[T]) -> T:
        """Structure the arguments strictly.

        Raises:
          WireError: ``bad_request``, naming the field.
        """
        return structure(self._args, shape, encoding=MSGPACK)

    def reply(self, value: object, *, seq: int | None = None) -> None:
        """It happened, and is durable."""
        if not self._is_settled:
            self._settle().calls_replied += 1
            try:
                self._on_reply(value, seq)
            except Exception as error:  # noqa: BLE001 -- a value of another shape than was agreed
                self.connection.end(self.connection.server.fault(f"reply to {self.op}", error))

    def fail(self, error: WireError) -> None:
        """It was refused, or it is not known whether it happened."""
        if not self._is_settled:
            self._settle().calls_failed += 1
            self._on_fail(error)

    def expired(self) -> None:
        """Its deadline has passed. Called by the deadline wheel."""
        self.connection.server.metrics.calls_expired += 1
        self._is_abandoned = self._is_withdrawn = True
        self.fail(WireError("deadline_exceeded", "no answer in time; it may have happened"))

    def abandon(self) -> None:
        """It is not wanted any more. Called by the visit."""
        self._is_abandoned = self._is_settled = self._is_withdrawn = True

    def orphan(self) -> None:
        """The client has left: nobody waits, but a write is still wanted."""
        self._is_abandoned = self._is_settled = True

    def _settle(self) -> Any:
        self._is_settled = True
        visit = self.connection
        visit.call_settled(self)
        metrics = visit.server.metrics
        metrics.call_latency.observe(trio.current_time() - self.started_s)
        return metrics
