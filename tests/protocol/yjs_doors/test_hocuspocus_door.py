"""What is particular to the Hocuspocus door."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from protocol.errors import WireError
from protocol.limits import HANDSHAKE_TIMEOUT_S
from protocol.yjs import PermissionDenied, SyncStep1, SyncStep2, SyncUpdate
from protocol.yjs.door_visit import NO_STATE, NO_UPDATE
from protocol.yjs.hocuspocus import (
    Authenticated,
    Close,
    Envelope,
    Ping,
    Pong,
    Stateless,
    SyncReply,
    SyncStatus,
    Token,
    TokenRequest,
    encode_hocuspocus,
)
from protocol.yjs.limits import DOOR_VISITS_MAX
from tests.protocol.fakes import NOW_MS
from tests.protocol.yjs_doors.room import HocuspocusClient, open_doors

DENIED = "permission_denied: not for you"


async def statuses(client: HocuspocusClient) -> list[bool]:
    messages = [message for message in await client.heard() if isinstance(message, Envelope)]
    return [m.body.applied for m in messages if isinstance(m.body, SyncStatus)]


async def test_a_token_is_answered_with_a_scope_and_then_the_document() -> None:
    """[D5.1] Writers are asked for what they have, readers are told that all is well."""
    async with open_doors() as doors:
        doors.gateway.readers.add("scribe")
        ann = await doors.hocuspocus().enter()
        assert ann == [Authenticated("read-write"), SyncStep2(b"whole:"), SyncStep1(NO_STATE)]
        scribe = await doors.hocuspocus().enter(token="user:scribe")
        expected = [Authenticated("readonly"), SyncStep2(b"whole:"), SyncStatus(applied=True)]
        assert scribe == expected


async def test_an_update_is_acknowledged_when_it_is_durable_and_not_before() -> None:
    """[D5.2] One sync status for each update; an empty answer counts as one."""
    async with open_doors() as doors:
        client = doors.hocuspocus()
        await client.enter()
        client.send("m1", SyncReply(SyncStep2(NO_UPDATE)))
        assert await statuses(client) == [True]
        doors.gateway.holds = True
        client.send("m1", SyncUpdate(b"u1"), SyncUpdate(b"u2"))
        assert await statuses(client) == []
        doors.gateway.accept(doors.gateway.held.pop(0))
        assert await statuses(client) == [True]


async def test_a_refused_update_is_answered_so() -> None:
    """[D5.2] Status 0, and the client stays."""
    async with open_doors() as doors:
        doors.gateway.readers.add("scribe")
        client = doors.hocuspocus()
        await client.enter(token="user:scribe")
        client.send("m1", SyncUpdate(b"u1"))
        assert await statuses(client) == [False]
        assert client.socket.closed_with is None


async def test_updates_made_up_by_a_resync_are_all_acknowledged() -> None:
    """[D5.2] A client counts its unsynced changes: each is answered in the end."""
    async with open_doors() as doors:
        client = doors.hocuspocus()
        await client.enter()
        doors.gateway.refusal = WireError("notes_missing_history", "send all you have")
        client.send("m1", SyncUpdate(b"u2"), SyncUpdate(b"u3"))
        assert await statuses(client) == []
        client.send("m1", SyncStep2(NO_UPDATE))
        assert await statuses(client) == [True]  # The answer to the question of its first sync.
        doors.gateway.refusal = None
        client.send("m1", SyncStep2(b"u1u2u3"))
        assert await statuses(client) == [True] * 3


async def test_documents_on_one_socket_are_visits_of_their_own() -> None:
    """[D5.3] A refused name, a session of the same name, a close: each for itself."""
    async with open_doors() as doors:
        client = doors.hocuspocus()
        assert (await client.enter("m1"))[0] == Authenticated("read-write")
        assert (await client.enter("m1\0s2", "user:bob"))[0] == Authenticated("read-write")
        [denied, closed] = await client.enter("m2")
        assert denied == PermissionDenied("not_found: no such meeting")
        assert closed == Close("not_found: no such meeting")
        client.send("m1", SyncUpdate(b"u1"))
        heard = [m for m in await client.heard() if isinstance(m, Envelope)]
        assert Envelope("m1\0s2", SyncUpdate(b"u1")) in heard
        assert Envelope("m1", SyncUpdate(b"u1")) not in heard
        client.send("m1", Close(), SyncUpdate(b"u2"))
        await client.heard()
        assert doors.gateway.updates == [b"u1"]
        assert len(doors.gateway.subscriptions) == 1


async def test_a_bad_token_is_denied_and_another_try_is_possible() -> None:
    """[D5.1] The socket stays open for it."""
    async with open_doors() as doors:
        client = doors.hocuspocus()
        refused = await client.enter(token="nobody")
        assert [type(body) for body in refused] == [PermissionDenied, Close]
        assert (await client.enter())[0] == Authenticated("read-write")


async def test_a_token_is_asked_for_again_before_it_ends(autojump_clock: MockClock) -> None:  # noqa: ARG001
    """[D5.4] A fresh one of the same user goes on; without it the client has to come back."""
    async with open_doors() as doors:
        client = doors.hocuspocus()
        await client.enter(token=f"user:ann:{NOW_MS + 120_000}")
        client.socket.received_bytes += 1
        await trio.sleep(61)
        client.socket.received_bytes += 1
        assert Envelope("m1", TokenRequest()) in await client.heard()
        client.send("m1", Token(f"user:ann:{NOW_MS + 200_000}"))
        await client.heard()
        assert [i.expires_at_ms for i in doors.gateway.renewed] == [NOW_MS + 200_000]
        for _ in range(11):
            await trio.sleep(10)
            client.socket.received_bytes += 1
        assert client.socket.closed_with is None
        for _ in range(7):
            await trio.sleep(10)
            client.socket.received_bytes += 1
        assert client.socket.closed_with is not None
        assert client.socket.closed_with[0] == 1013


async def test_a_fresh_token_must_speak_for_the_same_user() -> None:
    """[D5.4] Otherwise the visit ends."""
    async with open_doors() as doors:
        client = doors.hocuspocus()
        await client.enter()
        client.send("m1", Token("user:eve"))
        bodies = [m.body for m in await client.heard() if isinstance(m, Envelope)]
        assert [type(body) for body in bodies] == [PermissionDenied, Close]
        assert doors.gateway.subscriptions == []


async def test_what_may_be_cured_closes_the_socket() -> None:
    """[D5.3] The provider reconnects and syncs all its documents."""
    async with open_doors() as doors:
        client = doors.hocuspocus()
        await client.enter()
        doors.gateway.refusal = WireError("overloaded", "busy")
        client.send("m1", SyncUpdate(b"u1"))
        await client.heard()
        assert client.socket.closed_with == (1013, "overloaded: busy")


async def test_who_is_let_in_nowhere_is_closed(autojump_clock: MockClock) -> None:  # noqa: ARG001
    """[D5.5] Sockets without any document do not stay for ever."""
    async with open_doors() as doors:
        client = doors.hocuspocus()
        await client.enter(token="nobody")
        await trio.sleep(HANDSHAKE_TIMEOUT_S + 1)
        assert client.socket.closed_with == (4408, "no accepted token in time")


async def test_documents_on_one_socket_are_bounded() -> None:
    """[D5.5] Beyond the bound a document is denied."""
    async with open_doors() as doors:
        client = doors.hocuspocus()
        for number in range(DOOR_VISITS_MAX):
            client.send(f"m1\0{number}", Token("user:ann"))
        await client.heard()
        refused = await client.enter("m1\0more")
        assert refused[0] == PermissionDenied(
            f"limit_exceeded: at most {DOOR_VISITS_MAX} documents"
        )


@pytest.mark.parametrize("body", [Stateless("hi"), SyncStatus(applied=True), Authenticated("x")])
async def test_messages_without_meaning_here_are_passed_over(body: object) -> None:
    """[D5.5] Texts of applications, and what only servers say."""
    async with open_doors() as doors:
        client = doors.hocuspocus()
        client.send("m1", SyncUpdate(b"before the token"))
        await client.enter()
        client.send("m1", body)  # type: ignore[arg-type]
        client.socket.push(encode_hocuspocus(Ping()), is_text=False)
        client.socket.push(encode_hocuspocus(Pong()), is_text=False)
        assert await client.heard() == [Pong()]
        assert doors.gateway.updates == []


async def test_an_idle_client_hears_something(autojump_clock: MockClock) -> None:  # noqa: ARG001
    """[D6.3] With a document or without one."""
    async with open_doors() as doors:
        client = doors.hocuspocus()
        await client.enter()
        client.send("m1", Close())
        for _ in range(4):
            await trio.sleep(9)
            client.socket.received_bytes += 1
        assert Ping() in await client.heard()
