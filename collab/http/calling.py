"""Operations over plain HTTP: one request is one call through the gateway, as its caller.

Nothing is decided here: sign-in, permission and every refusal are those of the wire. The token
stands in the ``Authorization`` header only, where no log and no history of a browser keeps it.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, TypeVar

import trio
from attrs import define, field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from collab.limits import HTTP_CALL_TIMEOUT_S, HTTP_WAIT_MAX_MS
from protocol.errors import WireError
from protocol.gateway import Gateway, Identity, Peer
from protocol.limits import CLIENT_KEY_LEN_MAX, TOKEN_LEN_MAX
from protocol.structure import MSGPACK, structure

T = TypeVar("T")

_STATUS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "bad_request": 400,
        "unauthenticated": 401,
        "permission_denied": 403,
        "not_found": 404,
        "unknown_target": 404,
        "unknown_op": 404,
        "conflict": 409,
        "limit_exceeded": 413,
        "notes_too_large": 413,
        "notes_malformed": 400,
        "rate_limited": 429,
        "overloaded": 503,
        "unavailable": 503,
        "deadline_exceeded": 504,
    }
)


@define(eq=False)
class Visitor:
    """The connection of one request, as the gateway sees it."""

    identity: Identity
    peer: Peer
    session_id: str = field(factory=lambda: secrets.token_urlsafe(12))
    memo: Any = None

    def flush(self) -> None:
        """Nothing is queued: the answer goes out whole."""


@define(eq=False)
class _HttpCall:
    """One call, from request to answer. Implements ``protocol.gateway.IncomingCall``."""

    connection: Visitor
    target: str
    op: str
    args: Mapping[str, Any]
    key: str | None
    abandoned: bool = False
    value: object = None
    error: WireError | None = None
    answered: trio.Event = field(factory=trio.Event)

    @property
    def withdrawn(self) -> bool:
        """A request that nobody waits for is not wanted."""
        return self.abandoned

    def args_as(self, shape: type[T]) -> T:
        """Structure the arguments strictly. Raises: WireError."""
        structured: T = structure(self.args, shape, encoding=MSGPACK)
        return structured

    def reply(self, value: object, *, seq: int | None = None) -> None:  # noqa: ARG002
        """Answer it. Later answers are dropped."""
        if not self.answered.is_set():
            self.value = value
            self.answered.set()

    def fail(self, error: WireError) -> None:
        """Answer it with an error."""
        if not self.answered.is_set():
            self.error = error
            self.answered.set()


async def call(
    gateway: Gateway,
    visitor: Visitor,
    target: str,
    op: str,
    args: Mapping[str, Any],
    *,
    key: str | None = None,
) -> Any:
    """Do *op* on *target* as *visitor*; return its value. With *key* it is safe to do again.

    Raises:
      WireError: refused, or no answer within ``HTTP_CALL_TIMEOUT_S``.

    Cancelled: the client has gone; it may have happened.
    """
    with trio.move_on_after(HTTP_CALL_TIMEOUT_S):
        while True:
            one = _HttpCall(visitor, target, op, args, key)
            try:
                gateway.call(one)
                await one.answered.wait()
            finally:
                one.abandoned = not one.answered.is_set()
            if one.error is None:
                return one.value
            wait_ms = one.error.retry_after_ms
            if one.error.code != "rate_limited" or wait_ms is None or wait_ms > HTTP_WAIT_MAX_MS:
                raise one.error
            # Nothing was done, and those who wait for a whole request can wait a moment longer.
            await trio.sleep(wait_ms / 1000)
    raise WireError("deadline_exceeded", "no answer in time; it may have happened")


async def sign_in(gateway: Gateway, request: Request) -> Visitor:
    """Return who sends *request*, by its ``Authorization`` header.

    Raises:
      WireError: there is no token, or it is not good.

    Cancelled: nothing happened.
    """
    peer = peer_of(request)
    return Visitor(await gateway.authenticate(token_of(request), peer), peer)


def key_of(request: Request) -> str | None:
    """Return the header ``Idempotency-Key``: the call's key. Raises: WireError, it is too long."""
    key = request.headers.get("idempotency-key")
    if key is not None and len(key) > CLIENT_KEY_LEN_MAX:
        limit = f"{CLIENT_KEY_LEN_MAX} characters"
        raise WireError("bad_request", f"Idempotency-Key: has at most {limit}")
    return key


def peer_of(request: Request) -> Peer:
    """Return where *request* comes from."""
    client = request.client
    if client is None:
        return Peer("", "http")
    host = f"[{client.host}]" if ":" in client.host else client.host
    return Peer(f"{host}:{client.port}", "http")


def token_of(request: Request) -> str:
    """Return the token of *request*. Raises: WireError, there is none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token or len(token) > TOKEN_LEN_MAX:
        raise WireError("unauthenticated", "give a token: Authorization: Bearer TOKEN")
    return token


def refusal(error: WireError) -> Response:
    """Return *error* as an answer: the same code and message as on the wire."""
    body = {"code": error.code, "message": error.message}
    if error.error_id is not None:
        body["error_id"] = error.error_id
    headers = {}
    if error.code == "unauthenticated":
        headers["www-authenticate"] = "Bearer"
    if error.retry_after_ms is not None:
        headers["retry-after"] = str(-(-error.retry_after_ms // 1000))
    return JSONResponse(body, status_code=_STATUS.get(error.code, 500), headers=headers)
