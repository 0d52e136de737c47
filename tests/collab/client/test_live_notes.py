"""A live document: converging, offline and back, refused edits, carets."""

from __future__ import annotations

import gc
import random
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
import trio
import trio.testing
from pycrdt import Doc, Text, XmlFragment

from collab.client import CollabClient, EditsRefused, LiveNotes, NotesEnded, connect
from protocol.client import Client, ConnectionState, Follower, SubscriptionEnded
from protocol.errors import CallFailed
from tests.collab.client.conftest import Cable, Connecting
from tests.integration.served import Served, served

ROOT = "codemirror"


def says(notes: LiveNotes, text: str) -> Callable[[], bool]:
    return lambda: str(notes.text(ROOT)) == text


async def test_what_one_writes_the_others_read(ann: CollabClient, ben: CollabClient) -> None:
    """[L6.5] Both ways, in code points, whatever the characters."""
    await ann.meeting("m1").get()
    async with ann.meeting("m1").notes.open() as anns, ben.meeting("m1").notes.open() as bens:
        anns.text(ROOT).insert(0, "hé😀llo")
        await bens.wait_for(says(bens, "hé😀llo"))
        bens.text(ROOT).replace(1, 3, "a")
        await anns.wait_for(says(anns, "hallo"))
        with anns.doc.transaction():
            anns.text(ROOT).append("!")
            anns.doc.get("default", type=XmlFragment).children.append("words")
        await anns.saved()
        assert anns.is_saved
        await bens.wait_for(says(bens, "hallo!"))
        assert str(bens.doc.get("default", type=XmlFragment)) == "words"


async def test_both_encodings_carry_the_same_document(server: Served, ben: CollabClient) -> None:
    """[L6.5] In JSON bytes travel as base64."""
    url = f"http://127.0.0.1:{server.port}"
    async with connect(url, token="dev:ann", encoding="json") as ann:
        await ann.meeting("m1").get()
        async with ann.meeting("m1").notes.open() as anns, ben.meeting("m1").notes.open() as bens:
            anns.text(ROOT).append("hé")
            await bens.wait_for(says(bens, "hé"))
            bens.text(ROOT).append("llo")
            await anns.wait_for(says(anns, "héllo"))
        async with ann.meeting("m1").notes.open() as again:
            assert str(again.text(ROOT)) == "héllo"


async def test_a_chat_has_notes_on_demand(ann: CollabClient) -> None:
    """[L6.5] The same calls and the same document, for chats."""
    await ann.chat("c1").create("Talk")
    async with ann.chat("c1").notes.open() as notes:
        notes.text(ROOT).append("here")
    assert await ann.chat("c1").notes.export("text") == "here"


async def test_many_who_open_a_new_document_at_once_share_it(connecting: Connecting) -> None:
    """[L6.5] One document, however many come in the same instant."""
    everybody = "".join(chr(ord("a") + n) for n in range(8))

    async def write(letter: str) -> None:
        async with connecting(letter) as client, client.meeting("new").notes.open() as notes:
            notes.text(ROOT).append(letter)
            await notes.wait_for(lambda: sorted(str(notes.text(ROOT))) == list(everybody))

    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            for letter in everybody:
                nursery.start_soon(write, letter)


async def test_edits_without_a_connection_merge_when_it_is_back(
    server: Served, ben: CollabClient
) -> None:
    """[L6.6] Nothing is lost and nothing comes twice, on either side."""
    cable = Cable()
    url = f"http://127.0.0.1:{server.port}"
    async with connect(url, token="dev:ann", connector=cable) as ann:
        await ann.meeting("m1").get()
        async with ann.meeting("m1").notes.open() as anns, ben.meeting("m1").notes.open() as bens:
            anns.text(ROOT).append("base ")
            await bens.wait_for(says(bens, "base "))
            cable.pull()
            bens.text(ROOT).append("ben ")
            await bens.saved()
            while ann.wire.state is ConnectionState.LIVE:
                anns.text(ROOT).append("")
                await trio.sleep(0.005)
            for word in ("far ", "away "):
                anns.text(ROOT).insert(0, word)
            assert not anns.is_saved
            cable.plug()
            with trio.fail_after(10):
                await anns.saved()
                await bens.wait_for(says(bens, "away far base ben "))
                await anns.wait_for(says(anns, "away far base ben "))


async def test_a_document_goes_on_from_an_earlier_session(server: Served) -> None:
    """[L6.6] State that was kept, with edits that were never saved, is brought along."""
    url, cable = f"http://127.0.0.1:{server.port}", Cable()
    async with connect(url, token="dev:ann", connector=cable) as ann:
        await ann.meeting("m1").get()
        with pytest.raises(EditsRefused) as ended:  # noqa: PT012 - raised at the block's end.
            async with ann.meeting("m1").notes.open(save_timeout_s=0.05) as notes:
                notes.text(ROOT).append("saved ")
                await notes.saved()
                cable.pull()
                notes.text(ROOT).append("unsaved")
                kept = notes.state()
    assert ended.value.edits.code == "unsaved"
    assert ended.value.edits.text(ROOT) == "saved unsaved"
    async with connect(url, token="dev:ann") as ann:
        async with ann.meeting("m1").notes.open(state=kept) as notes:
            assert str(notes.text(ROOT)) == "saved unsaved"
            await notes.wait_for(lambda: notes.is_saved)
        assert await ann.meeting("m1").notes.export("text") == "saved unsaved"


async def test_refused_edits_are_handed_back_and_the_document_is_the_servers(
    ann: CollabClient, ben: CollabClient
) -> None:
    """[L6.7] Who may not write any more gets a typed error and keeps the words."""
    await ann.meeting("m1").get()
    await ben.meeting("m1").get()
    async with ann.meeting("m1").notes.open() as anns, ben.meeting("m1").notes.open() as bens:
        anns.text(ROOT).append("shared ")
        await bens.wait_for(says(bens, "shared "))
        await ann.meeting("m1").people.set_role("ben", "attendee")
        await ann.meeting("m1").end()
        bens.text(ROOT).append("too late")
        with pytest.raises(EditsRefused) as refused:
            await bens.saved()
        edits = refused.value.edits
        assert edits.code in ("permission_denied", "conflict")
        assert edits.text(ROOT) == "shared too late"
        assert str(bens.text(ROOT)) == "shared "
        assert bens.rebuilds == 1
        copy = Doc[Text]()
        copy.apply_update(bens.state())
        copy.apply_update(edits.update)
        assert str(copy.get(ROOT, type=Text)) == "shared too late"
        await bens.saved()


async def test_an_edit_too_large_for_the_wire_is_refused_here(ann: CollabClient) -> None:
    """[L6.7] It is not sent again and again; what comes after it is written on the server's."""
    async with ann.meeting("m1").notes.open() as notes:
        notes.text(ROOT).append("x" * 2_000_000)
        with pytest.raises(EditsRefused, match="notes_too_large"):
            await notes.saved()
        notes.text(ROOT).append("small")
        await notes.saved()
    assert await ann.meeting("m1").notes.export("text") == "small"


async def test_who_is_shut_out_is_told(ann: CollabClient, ben: CollabClient) -> None:
    """[L6.7] Waiting ends with an error, and the words that were written are still there."""
    await ann.meeting("m1").get()
    await ben.meeting("m1").get()
    async with ben.meeting("m1").notes.open() as notes:
        await ann.meeting("m1").people.remove("ben")
        with pytest.raises(NotesEnded):
            await notes.wait_for(lambda: False)
        notes.text(ROOT).append("last words")
        with pytest.raises(EditsRefused, match="permission_denied") as ended:
            await notes.saved()
    assert ended.value.edits.text(ROOT) == "last words"


async def test_the_end_of_the_meeting_is_not_the_end_of_its_notes(
    ann: CollabClient, ben: CollabClient
) -> None:
    """[L6.11] Notes and messages are followed on: what is left can be read, and who is there."""
    await ann.meeting("m1").get()
    await ben.meeting("m1").get()
    async with (
        ann.meeting("m1").notes.open() as anns,
        ben.meeting("m1").notes.open() as bens,
        ben.meeting("m1").messages.view() as messages,
        ben.meeting("m1").follow(topics=["state"]) as plain,
    ):
        anns.text(ROOT).append("shared")
        await bens.wait_for(says(bens, "shared"))
        await ann.meeting("m1").end()
        with pytest.raises(SubscriptionEnded, match="concluded"):
            async for _ in plain:
                pass
        with trio.fail_after(10):
            await anns.show_caret(ROOT, 0, 0)
            await bens.wait_for(lambda: bool(bens.carets))
            await ann.meeting("m1").people.remove("ben")
            with pytest.raises(SubscriptionEnded, match="permission_denied"):
                await messages.wait_for(lambda _shown: False)
            with pytest.raises(NotesEnded):
                await bens.wait_for(lambda: False)
        assert bens.is_saved


async def test_writers_on_bad_lines_end_with_one_text(tmp_path: Path) -> None:
    """[L6.6] Cut at random while they write, all replicas end alike, with every word once."""
    rng = random.Random(5)
    async with served(tmp_path) as server:
        url = f"http://127.0.0.1:{server.port}"
        cables = [Cable(), Cable(), Cable()]
        texts: dict[int, str] = {}

        async def write(number: int) -> None:
            token = f"dev:w{number}"
            async with (
                connect(url, token=token, connector=cables[number]) as client,
                client.meeting("m1").notes.open(save_timeout_s=20) as notes,
            ):
                text = notes.text(ROOT)
                for step in range(30):
                    if rng.random() < 0.15:
                        cables[number].pull()
                    text.insert(rng.randint(0, len(text)), f"{number}.{step} ")
                    await trio.sleep(0.002)  # Writing takes time; nothing is lined up by it.
                    if rng.random() < 0.5:
                        cables[number].plug()
                cables[number].plug()
                await notes.saved()
                await notes.wait_for(lambda: str(text).count(".") == 90)
                texts[number] = str(text)

        with trio.fail_after(30):
            async with trio.open_nursery() as writing:
                for number in range(3):
                    writing.start_soon(write, number)
    assert len(set(texts.values())) == 1


class _Wire:
    """A client whose edits are refused, and who may not read for a while."""

    def __init__(self, tries: int) -> None:
        self.tries = tries

    async def wait_state(self, *states: ConnectionState) -> ConnectionState:
        await trio.lowlevel.checkpoint()
        return states[0]

    async def ask(self, *_what: object) -> object:
        await trio.lowlevel.checkpoint()
        raise CallFailed("permission_denied", "not yours to write")

    async def call(self, *_what: object, **_how: object) -> object:
        await trio.lowlevel.checkpoint()
        if self.tries:
            self.tries -= 1
            raise CallFailed("unauthenticated", "not now")
        theirs = Doc[Any]()
        theirs.get(ROOT, type=Text).insert(0, "theirs")
        return {"update": theirs.get_update()}


async def test_a_refused_replica_is_rebuilt_as_soon_as_it_may_read(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001 - works by being asked for
) -> None:
    """[L6.9] Until then nothing counts as saved; every refusal hands out what it took back."""
    notes = LiveNotes(cast("Client", _Wire(3)), "meeting:m", cast("Follower", None), None)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(notes.send)
        notes.text(ROOT).insert(0, "mine")
        with pytest.raises(EditsRefused):
            await notes.saved()
        assert (str(notes.text(ROOT)), notes.is_saved) == ("mine", False)
        notes.text(ROOT).append(" too")
        await trio.sleep(10)
        assert (str(notes.text(ROOT)), notes.is_saved) == ("theirs", True)
        assert [refused.code for refused in notes.refused] == ["permission_denied"]
        nursery.cancel_scope.cancel()


async def test_a_document_that_was_closed_or_rebuilt_is_forgotten(ann: CollabClient) -> None:
    """[L6.12] The library sees to it that none is freed that is observed by who holds it."""
    await ann.meeting("m1").get()
    kept: list[weakref.ref[object]] = []
    for _ in range(3):
        async with ann.meeting("m1").notes.open() as notes:
            notes.text(ROOT).append("a")
            await notes.saved()
            kept += [weakref.ref(notes), weakref.ref(notes.doc)]
    del notes
    gc.collect()
    assert not any(each() for each in kept)
