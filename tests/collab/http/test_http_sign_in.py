"""Tickets and guests over a real port: what each request gets, and what it may not get."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import partial
from typing import Any

import pytest
import trio
import websockets.exceptions
import websockets.sync.client

from collab.app import AppSettings, open_app
from collab.chat.commands import AddMember, CreateChat, GetChat
from collab.errors import NotFound, PermissionDenied
from collab.identity import Doorkeeper, new_guest_id
from collab.identity.limits import GUESTS_BURST
from collab.messages import EditMessage, PostMessage
from collab.messages.parts import Text
from collab.storage import MemoryStore
from collab.user.claiming import claim
from collab.user.commands import PageList
from protocol.client import open_client
from tests.collab.http.test_http_notes import Answer, ask
from tests.integration.served import Served, served


@pytest.fixture
async def server() -> AsyncIterator[Served]:
    async with served(None, AppSettings(guests=True)) as running:
        yield running


def token(server: Served, user: str, **more: Any) -> str:
    assert isinstance(server.app.identity, Doorkeeper)
    return server.app.identity.local.signer.sign(user, ttl_s=60, **more)


async def post(
    server: Served, path: str, bearer: str | None = None, *, body: object = None
) -> tuple[Answer, Mapping[str, Any]]:
    headers = {} if bearer is None else {"authorization": f"Bearer {bearer}"}
    content = b"" if body is None else json.dumps(body).encode()
    answer = await ask(server, path, method="POST", user=None, body=content, headers=headers)
    return answer, json.loads(answer.body)


async def new_guest(server: Served) -> tuple[str, str]:
    answer, guest = await post(server, "/v1/guests")
    assert answer.status == 201
    return guest["user"], guest["token"]


def posted(text: str) -> PostMessage:
    return PostMessage(parts=(Text(text=text),))


# ---------------------------------------------------------------- tickets


async def test_a_ticket_opens_one_connection(server: Served) -> None:
    """[I6.4] A ticket from ``POST /v1/tickets`` stands in for its token, once, on every door."""
    answer, given = await post(server, "/v1/tickets", token(server, "ann"))
    assert (answer.status, given["user"], given["expires_in_ms"]) == (201, "ann", 30_000)
    assert answer.headers["cache-control"] == "no-store"
    async with open_client(server.url, token=given["ticket"]) as client:
        await client.call("user:ann", "user.list", {})
    again, _ = await post(server, "/v1/tickets", given["ticket"])
    assert (again.status, again.code) == (401, "unauthenticated")

    _, given = await post(server, "/v1/tickets", token(server, "ann"))
    address = f"ws://127.0.0.1:{server.port}/yjs/chat:c1?token={given['ticket']}"
    await server.app.do("chat:c1", CreateChat(), user_id="ann")

    def visit() -> int | None:
        with websockets.sync.client.connect(address) as socket:
            try:
                socket.send(b"\x00\x00\x01\x00")  # Sync, step 1: I have nothing.
                socket.recv(timeout=5)
            except websockets.exceptions.ConnectionClosed as closed:
                return closed.rcvd.code if closed.rcvd else 1006
            return None

    assert await trio.to_thread.run_sync(visit) is None
    assert await trio.to_thread.run_sync(visit) == 4401


async def test_nobody_gets_a_ticket_without_a_token(server: Served) -> None:
    """[I6.4] Only who has signed in gets a ticket, and a ticket gets none."""
    for bearer in (None, "nonsense", "ticket_" + "A" * 32):
        answer, _ = await post(server, "/v1/tickets", bearer)
        assert (answer.status, answer.code) == (401, "unauthenticated")


# ---------------------------------------------------------------- guests


async def test_a_guest_has_chats_of_its_own(server: Served) -> None:
    """[I5.2] A guest's token works like any other; its holder can renew it."""
    guest, bearer = await new_guest(server)
    async with open_client(server.url, token=bearer) as client:
        await client.call("chat:g1", "chat.create", {"title": "Mine"})
    answer, renewed = await post(server, "/v1/guests", bearer)
    assert (answer.status, renewed["user"]) == (201, guest)
    answer, _ = await post(server, "/v1/guests", token(server, "ann"))
    assert answer.code == "bad_request"


async def test_guests_are_let_in_only_where_the_settings_say() -> None:
    """[I5.2] Without ``guests`` nobody becomes one; who is one already may renew."""
    async with served(None, AppSettings()) as server:
        answer, _ = await post(server, "/v1/guests")
        assert (answer.status, answer.code) == (403, "permission_denied")


async def test_an_address_makes_so_many_guests(server: Served) -> None:
    """[I5.3] ``GUESTS_BURST`` new guests from one address at once; then later, with a time."""
    for _ in range(GUESTS_BURST):
        await new_guest(server)
    answer, _ = await post(server, "/v1/guests")
    assert (answer.status, answer.code) == (429, "rate_limited")
    assert int(answer.headers["retry-after"]) > 0


# ---------------------------------------------------------------- claiming


async def owns(server: Served, user: str, chat: str) -> bool:
    try:
        shown: Any = await server.app.look(f"chat:{chat}", GetChat(), user_id=user)
    except (PermissionDenied, NotFound):
        return False
    return bool(shown["role"] == "owner")


async def until(is_so: Callable[[], Awaitable[bool]]) -> None:
    """Wait for what follows by signals, which nobody announces."""
    with trio.fail_after(10):
        while not await is_so():  # noqa: ASYNC110
            await trio.sleep(0.01)


async def lists(server: Served, user: str, targets: set[str]) -> bool:
    page: Any = await server.app.look(f"user:{user}", PageList(), user_id=user)
    return {item["target"] for item in page["items"]} == targets


async def test_what_a_guest_has_is_the_users_after_sign_in(server: Served) -> None:
    """[I5.4] Claimed: chats, roles, lists and rights in messages are the user's; the guest is out.
    Again it changes nothing."""
    app = server.app
    guest, bearer = await new_guest(server)
    await app.do("chat:g1", CreateChat(title="Mine"), user_id=guest)
    message: Any = await app.do("chat:g1", posted("hello"), user_id=guest)
    await app.do("chat:b1", CreateChat(), user_id="bob")
    await app.do("chat:b1", AddMember(user_id=guest, role="editor"), user_id="bob")
    await app.do("chat:b1", AddMember(user_id="ann", role="viewer"), user_id="bob")
    both = {"chat:g1", "chat:b1"}
    await until(lambda: lists(server, guest, both))
    ann = token(server, "ann")
    for _ in range(3):
        answer, said = await post(server, "/v1/guests/claim", ann, body={"token": bearer})
        assert (answer.status, said) == (200, {"guest": guest, "user": "ann"})
    await until(lambda: owns(server, "ann", "g1"))
    edit = EditMessage(id=message["id"], parts=posted("hello again").parts)
    await app.do("chat:g1", edit, user_id="ann")
    with pytest.raises(PermissionDenied):
        await app.do("chat:g1", edit, user_id=guest)
    await until(lambda: lists(server, "ann", both))
    await until(lambda: lists(server, guest, set()))
    shown: Any = await app.look("chat:b1", GetChat(), user_id="ann")
    assert shown["role"] == "editor"  # The higher one of both.


async def test_a_claim_goes_on_after_a_restart() -> None:
    """[I5.6] A server that ends right after a claim finishes it when it is back."""
    store, guest = MemoryStore(), new_guest_id()
    chats = [f"c{n}" for n in range(20)]
    async with open_app(None, AppSettings(store=store)) as app:
        for chat in chats:
            await app.do(f"chat:{chat}", CreateChat(), user_id=guest)
        await claim(app.system, guest_id=guest, user_id="ann")
    async with served(None, AppSettings(store=store)) as server:
        await claim(server.app.system, guest_id=guest, user_id="ann")
        for chat in chats:
            await until(partial(owns, server, "ann", chat))
        await until(lambda: lists(server, "ann", {f"chat:{chat}" for chat in chats}))


async def test_a_guest_is_claimed_by_one(server: Served) -> None:
    """[I5.5] The first who shows a guest's token has it; no guest, no service and no other token
    claims anything."""
    _, bearer = await new_guest(server)
    _, other = await new_guest(server)
    path = "/v1/guests/claim"
    ann, bob = token(server, "ann"), token(server, "bob")
    cases: list[tuple[str | None, object, str]] = [
        (None, {"token": bearer}, "unauthenticated"),
        (other, {"token": bearer}, "permission_denied"),
        (token(server, "bot", scopes=["chat:*"]), {"token": bearer}, "permission_denied"),
        (ann, {"token": bob}, "bad_request"),
        (ann, {"token": bearer + "x"}, "bad_request"),
        (ann, {"guest": "guest:x"}, "bad_request"),
        (ann, [], "bad_request"),
        (ann, {"token": "x" * 20_000}, "limit_exceeded"),
    ]
    for who, body, code in cases:
        answer, _ = await post(server, path, who, body=body)
        assert answer.code == code
    assert (await post(server, path, ann, body={"token": bearer}))[0].status == 200
    answer, _ = await post(server, path, bob, body={"token": bearer})
    assert (answer.status, answer.code) == (409, "conflict")
    answer, _ = await post(server, "/v1/guests", bearer)
    assert (answer.status, answer.code) == (409, "conflict"), "a guest of old is not renewed"
