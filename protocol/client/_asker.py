"""Asking the server: a reference number, a payload, and patience until the answer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from random import Random
from types import MappingProxyType
from typing import Any, Final
from uuid import uuid4

import trio

from protocol.client._backoff import Backoff
from protocol.client._errors import LimitExceeded
from protocol.client._keeper import Keeper
from protocol.client._link import encode_payload
from protocol.client._queue import Answer, OpenCall, left_ms
from protocol.client._transport import Payload
from protocol.errors import CallAbandoned, CallFailed
from protocol.limits import FRAME_BYTES_MAX
from protocol.messages import Auth, Call, Cancel
from protocol.structure import unstructure

Args = Mapping[str, Any] | object | None


class NoKey:
    """The type of ``NO_KEY``."""

    def __repr__(self) -> str:
        return "NO_KEY"


NO_KEY: Final = NoKey()  # ``call(key=NO_KEY)``: send it at most once.

# Answers after which a call is tried again, and whether that needs it to be repeatable.
_TRY_AGAIN: Final[Mapping[str, bool]] = MappingProxyType(
    {
        "overloaded": False,  # Nothing was done.
        "rate_limited": False,
        "unavailable": True,  # It may have happened.
        "deadline_exceeded": True,
    }
)


class Asker:
    """Makes calls, waits for their answers, and tries again where that is right."""

    def __init__(self, keeper: Keeper, rng: Random) -> None:
        self._keeper = keeper
        self._queue = keeper.queue
        self._rng = rng

    async def ask(
        self, target: str, op: str, args: Args, *, key: str | NoKey | None, timeout_s: float
    ) -> Answer:
        """Do ``Client.ask``. *key* None: a read, repeatable without a key."""
        if math.isnan(timeout_s):
            raise ValueError("timeout_s is not a number")
        self._keeper.check_open()
        self._queue.check_room()
        call = self._open_call(target, op, args, key, timeout_s)
        self._queue.add(call)
        backoff = Backoff(self._rng)
        try:
            with trio.move_on_at(call.deadline):
                while True:
                    await call.answered.wait()
                    if isinstance(call.answer, Answer):
                        return call.answer
                    assert call.answer is not None
                    delay_s = self._retry_delay_s(call, backoff)
                    if delay_s is None:
                        raise call.answer
                    await self._keeper.sleep(delay_s)
                    self._queue.retry(call)
        finally:
            # Without an await, so that it also works in a scope that is cancelled.
            if self._queue.forget(call):
                self._keeper.post(Cancel(ref=call.ref))
        raise CallAbandoned(f"no answer of {target} to {op} within {timeout_s:g} s")

    async def authenticate(self, token: str, timeout_s: float) -> None:
        """Give the live session a fresh token.

        Raises:
          CallFailed: the server refused it; the session goes on with the old one.
          CallAbandoned: no answer in time.

        Cancelled: the server may have taken it.
        """
        subprotocol = self._keeper.subprotocol

        def encode(ref: int, _deadline_ms: int) -> Payload:
            return encode_payload(Auth(ref=ref, token=token), subprotocol)

        now, ref = trio.current_time(), self._keeper.new_ref()
        auth = OpenCall(ref, False, now + timeout_s, encode(ref, 1), now, encode)  # noqa: FBT003
        self._queue.add(auth)
        try:
            with trio.move_on_at(auth.deadline):
                await auth.answered.wait()
        finally:
            self._queue.forget(auth)
        if auth.answer is None:
            raise CallAbandoned("the server did not answer to the fresh token")
        # A lost connection says hello again with the newest token: there is nothing to repeat.
        if not isinstance(auth.answer, Answer | CallAbandoned):
            raise auth.answer

    def _open_call(
        self, target: str, op: str, args: Args, key: str | NoKey | None, timeout_s: float
    ) -> OpenCall:
        subprotocol = self._keeper.subprotocol
        wire_key = key if isinstance(key, str) else None
        fields = {} if args is None else args if isinstance(args, Mapping) else unstructure(args)

        def encode(ref: int, deadline_ms: int) -> Payload:
            call = Call(
                ref=ref, target=target, op=op, args=fields, key=wire_key, deadline_ms=deadline_ms
            )
            return encode_payload(call, subprotocol)

        now, ref = trio.current_time(), self._keeper.new_ref()
        deadline = now + timeout_s
        payload = encode(ref, left_ms(deadline, now))
        check_size(payload, "FRAME_BYTES_MAX", FRAME_BYTES_MAX)
        return OpenCall(
            ref=ref,
            is_repeatable=not isinstance(key, NoKey),
            deadline=deadline,
            payload=payload,
            encoded_at=now,
            encode=encode,
        )

    def _retry_delay_s(self, call: OpenCall, backoff: Backoff) -> float | None:
        """Return after how many seconds to try again; None: the answer stands."""
        failed = call.answer
        if not isinstance(failed, CallFailed):
            return None
        needs_repeatable = _TRY_AGAIN.get(failed.code)
        if needs_repeatable is None or (needs_repeatable and not call.is_repeatable):
            return None
        least_s = (failed.retry_after_ms or 0) / 1000
        if failed.code == "rate_limited":
            # It is the connection that is too busy: the other waiting calls hold back as well.
            self._queue.paused_until = trio.current_time() + least_s
        return least_s + backoff.next_s()


def new_key() -> str:
    """Return a key for one write."""
    return str(uuid4())


def check_size(payload: Payload, limit: str, bytes_max: int) -> None:
    """Refuse what the server would refuse.

    Raises:
      LimitExceeded: *payload* is larger than *bytes_max*.
    """
    size = len(payload.encode() if isinstance(payload, str) else payload)
    if size > bytes_max:
        raise LimitExceeded(limit, f"{size} bytes, at most {bytes_max}")
