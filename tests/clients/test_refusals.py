from __future__ import annotations

import logging

import pytest
import trio

from collab.app import App
from collab.meeting.commands import Dismiss, End, Invite, Join, SetRole
from protocol.yjs import (
    AwarenessUpdate,
    Presence,
    SyncUpdate,
    decode_message,
    encode_awareness,
    encode_message,
)
from tests.clients.editors import EditorFailed, open_editors, require_node
from tests.integration.served import served

require_node()

FAMILIES = ("yjs", "hocuspocus")
MEETING = "meeting:m1"


async def let_in(app: App, user: str, role: str) -> None:
    """Make *user* a participant of the meeting that ann has opened."""
    await app.do(MEETING, Invite(user_id=user, role=role), user_id="ann")  # type: ignore[arg-type]
    await app.do(MEETING, Join(), user_id=user)


@pytest.mark.parametrize("family", FAMILIES)
async def test_a_reader_sees_edits_and_its_own_are_refused(family: str) -> None:
    """[D4.1] A read-only client is told so, keeps reading, and changes nothing."""
    async with served() as server, open_editors(server.port) as editors:
        ann = await editors.open("ann", "m1", family=family)
        await ann.type("agenda.")
        await ann.until(synced=True)
        await let_in(server.app, "scribe", "transcriber")
        scribe = await editors.open("scribe", "m1", family=family)
        await scribe.until(text="agenda.", synced=True)
        await scribe.type("graffiti", at=0)
        if family == "yjs":
            await scribe.until(denied=["permission_denied: your role does not allow notes.edit"
                                       f" on {MEETING}"])  # fmt: skip
        else:
            await scribe.until(scope="readonly", unsynced=1)
        await ann.type(" more")
        await scribe.until(text="graffitiagenda. more", connected=True)
        assert (await ann.look())["text"] == "agenda. more"


async def test_a_reader_with_offline_edits_is_told_that_they_are_refused() -> None:
    """[D4.2] What a reader brings from offline is compared, not asked for, and refused."""
    async with served() as server, open_editors(server.port) as editors:
        ann = await editors.open("ann", "m1")
        await ann.type("agenda.")
        await ann.until(synced=True)
        await let_in(server.app, "scribe", "transcriber")
        scribe = await editors.open("scribe", "m1")
        await scribe.until(text="agenda.", denied=[])
        await scribe.do("offline")
        await scribe.type("mine")
        await scribe.do("online")
        await scribe.until(denied=["read-only"])
        assert (await ann.look())["text"] == "agenda."


async def test_a_new_role_counts_for_the_next_edit() -> None:
    """[D4.1] Permission is asked for each edit, not once at the door."""
    async with served() as server, open_editors(server.port) as editors:
        ann = await editors.open("ann", "m1")
        bob = await editors.open("bob", "m1")
        await bob.type("as speaker.")
        await ann.until(text="as speaker.")
        await server.app.do(MEETING, SetRole(user_id="bob", role="transcriber"), user_id="ann")
        await bob.type("as transcriber.")
        await bob.until(denied=[{"starts": "permission_denied"}])
        assert (await ann.look())["text"] == "as speaker."
        await ann.type("seen", at=0)
        await bob.until(text="seenas speaker.as transcriber.", connected=True)


async def test_edits_after_the_end_of_the_meeting_are_refused() -> None:
    """[D4.1] An ended meeting is read."""
    async with served() as server, open_editors(server.port) as editors:
        ann = await editors.open("ann", "m1")
        await ann.type("minutes")
        bob = await editors.open("bob", "m1")
        await bob.until(text="minutes")
        await server.app.do(MEETING, End(), user_id="ann")
        await bob.type("!")
        denied: list[str] = []
        with trio.fail_after(10):
            while not denied:  # Twice if the end comes first: the editor offers its words again.
                await trio.sleep(0.02)
                denied = (await bob.look())["denied"]
        assert all(reason.startswith("conflict") for reason in denied)
        await bob.until(text="minutes!", connected=True)


async def test_a_participant_removed_while_editing_is_closed_out_for_good() -> None:
    """[D4.3] y-websocket is closed with 4403 and does not come back."""
    async with served() as server, open_editors(server.port) as editors:
        ann = await editors.open("ann", "m1")
        bob = await editors.open("bob", "m1")
        await bob.type("hello")
        await ann.until(text="hello")
        await server.app.do(MEETING, Dismiss(user_id="bob"), user_id="ann")
        closed = [{"starts": "4403 permission_denied"}]
        await bob.until(closed=closed, connected=False, coming_back=False)
        await bob.type(" is anybody there?")
        await ann.type(" only me")
        assert (await ann.look())["text"] == "hello only me"
        await bob.do("online")
        await bob.until(closed=[{"starts": "4403"}] * 2, connected=False, coming_back=False)
        assert (await ann.look())["text"] == "hello only me"


async def test_a_hocuspocus_client_that_is_removed_loses_that_document_only() -> None:
    """[D5.3] One socket: the document of a removed participant closes, the others go on."""
    async with served() as server, open_editors(server.port) as editors:
        ann = await editors.open("ann", "m1")
        await ann.type("hello")
        bob = await editors.open("bob", "m1", family="hocuspocus", socket="s")
        other = await editors.open("bob", "m2", family="hocuspocus", socket="s")
        await bob.until(text="hello")
        await other.until(synced=True)
        await server.app.do(MEETING, Dismiss(user_id="bob"), user_id="ann")
        denied, closed = [{"starts": "permission_denied"}], [{"starts": "1000 permission_denied"}]
        await bob.until(denied=denied, closed=closed, synced=False)
        await bob.type(" still me")
        await other.type("private")
        await other.until(unsynced=0, connected=True, denied=[], text="private")
        assert (await ann.look())["text"] == "hello"


@pytest.mark.parametrize("token", ["nonsense", "x" * 8192, "dev:"])
async def test_a_bad_token_closes_with_4401_and_is_in_no_log(
    token: str, caplog: pytest.LogCaptureFixture
) -> None:
    """[D1.4] Whoever cannot be identified is told so for good; tokens reach no log."""
    caplog.set_level(logging.DEBUG)
    async with served() as server, open_editors(server.port) as editors:
        ann = await editors.open("ann", "m1", token=token)
        await ann.until(closed=[{"starts": "4401 unauthenticated"}], coming_back=False)
        bob = await editors.open("bob", "m1", token=token, family="hocuspocus")
        await bob.until(denied=[{"starts": "unauthenticated"}], scope=None)
    assert token not in caplog.text


async def test_a_stranger_and_a_name_without_sense_are_turned_away() -> None:
    """[D1.5] Documents that cannot be are 4404."""
    async with served() as server, open_editors(server.port) as editors:
        for name in ("nosuchkind:x", "user:ann", "x" * 200, "a%20b"):
            ann = await editors.open("ann", name)
            await ann.until(closed=[{"starts": "4404"}], coming_back=False)


async def test_a_client_cannot_speak_for_another_or_evict_it() -> None:
    """[D3.2] States of others cannot be set or removed; one's own carry one's own name."""
    async with served() as server, open_editors(server.port) as editors:
        ann = await editors.open("ann", "m1")
        bob = await editors.open("bob", "m1")
        await ann.do("aware", state={"cursor": 1})
        client = (await ann.look())["client"]
        await bob.until(users=["ann", "bob"], states={str(client): {"cursor": 1}})
        eve = await editors.open("eve", "m1", family="raw")
        await eve.until(opened=1)

        async def say(*entries: Presence) -> None:
            update = AwarenessUpdate(encode_awareness(entries))
            await eve.do("send", hex=encode_message(update).hex())

        await say(Presence(client, 100, {"cursor": 666}))
        await say(Presence(client, 101, None))
        await say(Presence(7, 1, {"userId": "ann", "name": "Ann"}))
        seen = await bob.until(states={"7": {"userId": "eve", "name": "Ann"}})
        assert seen["states"][str(client)] == {"cursor": 1, "userId": "ann"}
        await eve.do("close")
        await bob.until(users=["ann", "bob"])


async def test_hostile_bytes_close_their_sender_and_harm_nobody() -> None:
    """[D4.4] What cannot be read, or would poison the document, ends in 4400."""
    crash = bytes.fromhex("01020700c101010102ffffffff0f44010202414100")
    async with served() as server, open_editors(server.port) as editors:
        ann = await editors.open("ann", "m1")
        await ann.type("hello")
        messages = [b"\xff" * 20, b"", b"\x00\x02\x05\x01", encode_message(SyncUpdate(crash))]
        for message in messages:
            eve = await editors.open("eve", "m1", family="raw")
            await eve.until(opened=1)
            await eve.do("send", hex=message.hex())
            seen = await eve.until(closed=[{"starts": "44"}])
            for payload in map(bytes.fromhex, seen["received"]):
                decode_message(payload)
        await ann.type("!")
        bob = await editors.open("bob", "m1")
        await bob.until(text="hello!")


async def test_the_driver_says_what_an_editor_did_not_see() -> None:
    """The tests' own tool fails loudly."""
    async with served() as server, open_editors(server.port) as editors:
        ann = await editors.open("ann", "m1")
        with pytest.raises(EditorFailed, match="not in 20 ms"):
            await ann.until(text="never", within_s=0.02)
