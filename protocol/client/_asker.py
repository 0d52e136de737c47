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
from protocol.client._queue import Answer, OpenCall
from protocol.client._transport import Payload
from protocol.errors import CallAbandoned, CallFailed
from protocol.limits import CALL_DEADLINE_MAX_MS, FRAME_BYTES_MAX
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
        # The token ran out before the fresh one was through. The call may be a retry of one that
        # has happened: to pass this on as a refusal could be untrue.
        "unauthenticated": False,
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
        deadline = trio.current_time() + timeout_s
        self._queue.add(call)
        backoff = Backoff(self._rng)
        try:
            with trio.move_on_at(deadline):
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
        ref = self._keeper.new_ref()
        payload = encode_payload(Auth(ref=ref, token=token), self._keeper.subprotocol)
        auth = OpenCall(ref, payload, is_repeatable=False)
        self._queue.add(auth)
        try:
            with trio.move_on_after(timeout_s):
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
        call = Call(
            ref=self._keeper.new_ref(),
            target=target,
            op=op,
            args=_fields(args),
            key=key if isinstance(key, str) else None,
            deadline_ms=_deadline_ms(timeout_s),
        )
        payload = encode_payload(call, self._keeper.subprotocol)
        check_size(payload, "FRAME_BYTES_MAX", FRAME_BYTES_MAX)
        return OpenCall(call.ref, payload, is_repeatable=not isinstance(key, NoKey))

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
            now = trio.current_time()
            self._queue.pace.slow_down(now, sent_at=call.sent_at, wait_s=least_s)
        return least_s + backoff.next_s()


def new_key() -> str:
    """Return a key for one write."""
    return str(uuid4())


def _deadline_ms(timeout_s: float) -> int:
    """Return *timeout_s* as a wire deadline: 1 ms to its maximum."""
    bounded_s = min(max(timeout_s, 0.0), CALL_DEADLINE_MAX_MS / 1000)
    return max(1, math.ceil(bounded_s * 1000))


def _fields(args: Args) -> Mapping[str, Any]:
    """Return *args* as the map that is sent.

    Raises:
      TypeError: it is no map with texts as keys. MessagePack could write it, but nobody read it.
    """
    fields = {} if args is None else args if isinstance(args, Mapping) else unstructure(args)
    if not isinstance(fields, Mapping):
        raise TypeError("arguments are a mapping or an attrs object")
    _check_keys(fields)
    return fields


def _check_keys(value: object) -> None:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if not isinstance(name, str):
                raise TypeError(f"a key of the arguments is no text: {name!r}")
            _check_keys(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            _check_keys(inner)


def check_size(payload: Payload, limit: str, bytes_max: int) -> None:
    """Refuse what the server would refuse.

    Raises:
      LimitExceeded: *payload* is larger than *bytes_max*.
    """
    size = len(payload.encode() if isinstance(payload, str) else payload)
    if size > bytes_max:
        raise LimitExceeded(limit, f"{size} bytes, at most {bytes_max}")
