"""Large documents, slow lines: nobody is closed for taking their time."""

from __future__ import annotations

from typing import Final

from protocol.limits import OUTBOX_HARD_BYTES, OUTBOX_SOFT_BYTES
from protocol.yjs import SyncStep1, SyncUpdate
from protocol.yjs.door_visit import NO_STATE
from protocol.yjs.hocuspocus import Close, Envelope, SyncStatus, Token, encode_hocuspocus
from protocol.yjs.limits import DOCUMENT_NAME_BYTES_MAX, DOOR_PAGED_EVENTS_MAX
from protocol.yjs.reader import Reader
from tests.protocol.yjs_doors.room import HocuspocusClient, open_doors, payloads_of, updates_in

LARGE: Final = b"w" * (2 * OUTBOX_HARD_BYTES)
STEP_2: Final = b"\0\1"  # A sync message, and which.


async def documents(client: HocuspocusClient) -> list[str]:
    """Return the names of the documents that have come, which are larger than what clients send."""
    names = []
    for payload in await payloads_of(client.socket):
        name = Reader(payload).varstring(DOCUMENT_NAME_BYTES_MAX)
        if payload.startswith(STEP_2, 1 + len(name)):
            names.append(name)
    return names


async def test_documents_of_one_socket_are_sent_one_after_the_other() -> None:
    """[D6.6] Asked for all at once, each is sent when the client has taken the one before."""
    names = [f"m1\0{n}" for n in range(8)]
    async with open_doors() as doors:
        doors.gateway.write(LARGE)
        client = doors.hocuspocus()
        client.socket.window = 0
        for name in names:
            client.send(name, Token("user:ann"), SyncStep1(NO_STATE))
        got: list[str] = []
        for _ in names:
            got += await documents(client)
            assert client.socket.backlog_bytes < len(LARGE) + OUTBOX_SOFT_BYTES
            client.socket.open_window(len(LARGE) + 2_000)
        client.socket.open_window(None)
        got += await documents(client)
        assert got == names
        assert client.socket.closed_with is None


async def test_who_leaves_while_waiting_holds_nobody_up() -> None:
    """[D6.6] Nor does one whose document is on its way."""
    async with open_doors() as doors:
        doors.gateway.write(LARGE)
        client = doors.hocuspocus()
        client.socket.window = 0
        for name in ("m1\0a", "m1\0b", "m1\0c"):
            client.send(name, Token("user:ann"), SyncStep1(NO_STATE))
        client.send("m1\0a", Close())
        client.send("m1\0b", Close())
        await client.heard()
        client.socket.open_window(None)
        assert await documents(client) == ["m1\0a", "m1\0c"]


async def test_small_answers_beside_a_large_document_are_not_held_against_its_reader() -> None:
    """[D6.6] While it is taken in, its client goes on editing and is answered."""
    async with open_doors() as doors:
        doors.gateway.write(LARGE)
        client = doors.hocuspocus()
        client.socket.window = 0
        client.send("m1", Token("user:ann"), SyncStep1(NO_STATE))
        await client.heard()
        assert client.socket.backlog_bytes > OUTBOX_HARD_BYTES
        client.send("m1", SyncUpdate(b"u1"), SyncUpdate(b"u2"))
        await client.heard()
        client.socket.open_window(None)
        applied = encode_hocuspocus(Envelope("m1", SyncStatus(applied=True)))
        assert (await payloads_of(client.socket)).count(applied) == 2
        assert client.socket.closed_with is None
        assert doors.gateway.updates[1:] == [b"u1", b"u2"]


async def test_much_that_a_slow_reader_missed_comes_as_one_update() -> None:
    """[D6.1] What it lacks since it was answered last; then it is live again."""
    async with open_doors() as doors:
        doors.gateway.clocks = {1: 5}
        client = await doors.synced()
        doors.gateway.clocks = {1: 6}
        client.socket.window = 0
        missed = [b"x" * OUTBOX_SOFT_BYTES, b"y"] + [b"k"] * (DOOR_PAGED_EVENTS_MAX + 2)
        for update in missed:
            doors.gateway.write(update)
        client.socket.open_window(None)
        first, *caught_up = updates_in(await client.heard())
        assert first == missed[0]
        assert caught_up == [doors.gateway.whole], "what the document's owner says it lacks"
        assert doors.gateway.syncs[-1] == b"\x01\x01\x05"
        doors.gateway.write(b"live again")
        assert updates_in(await client.heard()) == [b"live again"]


async def test_who_leaves_while_caught_up_with_leaves_nothing_behind() -> None:
    """[D6.1] [D6.5] Its connection goes on for the other documents."""
    async with open_doors() as doors:
        client = doors.hocuspocus()
        await client.enter("m1\0a")
        await client.enter("m1\0b")
        doors.gateway.holds_syncs = True
        client.socket.window = 0
        for update in [b"x" * OUTBOX_SOFT_BYTES, b"y"] + [b"k"] * (DOOR_PAGED_EVENTS_MAX + 2):
            doors.gateway.write(update)
        client.socket.open_window(None)
        await client.heard()
        assert len(doors.gateway.held) == 2
        client.send("m1\0a", Close())
        await client.heard()
        for call in doors.gateway.held:
            call.reply(doors.gateway.document, seq=doors.gateway.seq)
        heard = [message for message in await client.heard() if isinstance(message, Envelope)]
        assert {message.name for message in heard} == {"m1\0b"}
