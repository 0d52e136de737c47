"""Who may have the server hold a body, for how long, and how much of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
import trio
import trio.testing
from starlette.requests import Request

from collab.app import AppSettings
from collab.http import Bodies
from collab.http.bodies import Share
from collab.limits import (
    HTTP_BODIES_HOLDER_BYTES_MAX,
    HTTP_BODY_TIMEOUT_S,
    NOTES_MARKDOWN_BYTES_MAX,
)
from protocol.errors import WireError
from protocol.limits import CLIENT_KEY_LEN_MAX
from tests.collab.http.test_http_notes import ask
from tests.collab.standing.deliveries import NOW_MS, RECEIVERS
from tests.integration.served import Served, served

SOON_S = 5.0  # An answer that waits for nothing; the machine of a test may be busy.


@pytest.fixture
async def server() -> AsyncIterator[Served]:
    settings = AppSettings(dev=True, guests=True, webhooks=RECEIVERS, clock_ms=lambda: NOW_MS)
    async with served(settings=settings) as running:
        yield running


async def begin(server: Served, path: str, *, user: str | None, sent: int = 1_000) -> bytes:
    """Send all of a request but the body's last byte; return what is answered until it closes."""
    bearer = "" if user is None else f"authorization: Bearer dev:{user}\r\n"
    head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\n{bearer}content-length: {sent + 1}\r\n\r\n"
    async with await trio.open_tcp_stream("127.0.0.1", server.port) as stream:
        await stream.send_all(head.encode() + b"x" * sent)
        return b"".join([part async for part in stream])


async def test_who_has_not_signed_in_is_answered_before_the_body(server: Served) -> None:
    """[N7.9] The refusal comes, and the connection ends, while the body is still to come."""
    for path in ("/v1/notes/chat:x.md", "/v1/guests/claim", "/v1/tickets"):
        with trio.fail_after(SOON_S):
            answer = await begin(server, path, user=None)
        assert answer.startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize(
    ("path", "user", "status"),
    [
        ("/v1/notes/meeting:m1.md", "ann", b"504"),
        ("/v1/guests/claim", "ann", b"504"),
        ("/v1/webhooks/workos", None, b"401"),
        ("/v1/webhooks/nobody", None, b"401"),
    ],
)
async def test_a_body_that_does_not_come_is_given_up(
    server: Served, monkeypatch: pytest.MonkeyPatch, path: str, user: str | None, status: bytes
) -> None:
    """[N7.9] After ``HTTP_BODY_TIMEOUT_S``, whoever sends it; the connection ends."""
    monkeypatch.setattr("collab.http.bodies.HTTP_BODY_TIMEOUT_S", 0.1)
    with trio.fail_after(SOON_S):
        answer = await begin(server, path, user=user)
    assert answer.startswith(b"HTTP/1.1 " + status)


async def test_a_body_that_says_it_is_too_large_is_not_read(server: Served) -> None:
    """[N7.9] Its length is believed when it is too much."""
    with trio.fail_after(SOON_S):
        answer = await begin(
            server, "/v1/notes/meeting:m1.md", user="ann", sent=NOTES_MARKDOWN_BYTES_MAX
        )
    assert answer.startswith(b"HTTP/1.1 413 ")


async def test_a_key_is_as_long_as_on_the_wire(server: Served) -> None:
    """[N7.10] A longer one is refused, and nothing is imported."""
    path = "/v1/notes/meeting:m1.md"
    for size, status in ((CLIENT_KEY_LEN_MAX + 1, 400), (CLIENT_KEY_LEN_MAX, 200)):
        key = {"idempotency-key": "k" * size}
        answer = await ask(server, path, method="POST", body=b"kept", headers=key)
        assert answer.status == status
        if status == 400:
            assert json.loads(answer.body)["code"] == "bad_request"
            assert (await ask(server, path)).body == b""


# ---------------------------------------------------------------- shares


def request_of(*parts: bytes, then_s: float = 0.0) -> Request:
    """A request whose body comes in *parts*, the last one after *then_s*."""
    left = list(parts)

    async def receive() -> dict[str, object]:
        part = left.pop(0)
        if not left:
            await trio.sleep(then_s)
        return {"type": "http.request", "body": part, "more_body": bool(left)}

    return Request({"type": "http", "method": "POST", "path": "/", "headers": []}, receive)


async def code_of(share: Share, holder: str, *parts: bytes, bytes_max: int = 1_000_000) -> str:
    try:
        async with share.body_of(request_of(*parts), holder, bytes_max=bytes_max) as body:
            assert body == b"".join(parts)
    except WireError as error:
        return error.code
    return "ok"


async def test_bodies_share_what_may_be_held(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001 - works by being asked for
) -> None:
    """[N7.9] One sender a part, all together the whole; what was answered counts no more."""
    share = Share(HTTP_BODIES_HOLDER_BYTES_MAX + 10)
    big = b"x" * HTTP_BODIES_HOLDER_BYTES_MAX
    async with share.body_of(request_of(big), "ann", bytes_max=len(big)):
        assert await code_of(share, "ann", b"x") == "rate_limited"
        assert await code_of(share, "ben", b"x" * 10) == "ok"
        assert await code_of(share, "ben", b"x" * 5, b"x" * 6) == "overloaded"
        assert await code_of(share, "ben", b"x" * 10, bytes_max=9) == "limit_exceeded"
        assert share.held == len(big)
    assert share.held == 0
    assert await code_of(share, "ann", b"x") == "ok"
    slow = request_of(b"x", b"y", then_s=HTTP_BODY_TIMEOUT_S + 1)
    with pytest.raises(WireError, match="in time"):
        async with share.body_of(slow, "ann", bytes_max=9):
            pytest.fail("it came in time")
    assert share.held == 0


def test_strangers_share_is_not_peoples() -> None:
    """[N7.9] Guests and webhooks cannot keep those from sending who have signed in."""
    bodies = Bodies()
    assert bodies.of_user("ann") is bodies.people
    assert bodies.of_user("guest:x") is bodies.strangers is not bodies.people
