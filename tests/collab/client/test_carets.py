"""Carets: those of this client and of every Yjs editor, seen by each other."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from typing import Any, cast

import pytest
import trio
import trio.testing
from pycrdt import Doc

from collab.client import Caret, CollabClient, LiveNotes, connect
from collab.client.carets import CARET_RENEW_S, Carets
from collab.client.shared_text import SharedText
from protocol.client import Client, NotFollowing
from protocol.yjs import AwarenessUpdate, Presence, decode_awareness, encode_awareness
from tests.collab.client.conftest import Cable
from tests.crash.yjs_client import ROOT, YjsClient, yjs_client
from tests.integration.served import Served

NAMELESS = {"anchor": {"tname": "nowhere"}, "head": {"tname": "nowhere"}}
# "😀 héllo" as Yjs writes it, and where it says that characters 0, 2, 5 and the end are.
WRITTEN_BY_YJS = b64decode("AQEHAAQBCmNvZGVtaXJyb3IL8J+YgCBow6lsbG8A")
PLACES_OF_YJS = (
    (0, {"tname": "codemirror", "item": {"client": 7, "clock": 0}, "assoc": 0}),
    (2, {"tname": "codemirror", "item": {"client": 7, "clock": 3}, "assoc": 0}),
    (5, {"tname": "codemirror", "item": {"client": 7, "clock": 6}, "assoc": 0}),
    (7, {"tname": "codemirror", "assoc": 0}),
)


async def sees(notes: LiveNotes, *carets: Caret) -> None:
    with trio.fail_after(10):
        await notes.wait_for(lambda: list(notes.carets.values()) == [*carets])


async def seen_by(door: YjsClient, user: str) -> Presence:
    """Return the next state that the editor is told of *user*."""
    with trio.fail_after(10):
        while True:
            for entry in await told(door):
                if entry.state is not None and entry.state["userId"] == user:
                    return entry


async def told(door: YjsClient) -> list[Presence]:
    message = await door.receive()
    return decode_awareness(message.update) if isinstance(message, AwarenessUpdate) else []


async def gone(door: YjsClient, client: int) -> None:
    with trio.fail_after(10):
        while all(entry.client != client or entry.state for entry in await told(door)):
            pass


async def test_carets_stay_with_their_words(ann: CollabClient, ben: CollabClient) -> None:
    """[L6.8] Shown to the others in their own text, moved by what is written before them."""
    await ann.meeting("m1").get()
    async with ann.meeting("m1").notes.open() as anns, ben.meeting("m1").notes.open() as bens:
        anns.text(ROOT).append("😀 hello")
        await anns.show_caret(ROOT, 2, 7, state={"colour": "red"})
        await sees(bens, Caret("ann", ROOT, 2, 7))
        bens.text(ROOT).insert(0, "é😀")
        await sees(bens, Caret("ann", ROOT, 4, 9))
        with pytest.raises(IndexError):
            await anns.show_caret(ROOT, 0, 100)
        await ann.meeting("m1").presence({"typing": True})
        await sees(bens, Caret("ann", ROOT, 4, 9))
        await anns.hide_caret()
        await sees(bens)
        nowhere = {"yjs": {"5": {"clock": 1, "state": {"cursor": NAMELESS}}}}
        await ann.meeting("m1").presence(nowhere)
        await anns.show_caret(ROOT, 0, 0)
        await sees(bens, Caret("ann", ROOT, 0, 0))
        assert list(bens.doc.keys()) == [ROOT]
    with pytest.raises(IndexError):
        anns.text(ROOT).insert(100, "x")


async def test_editors_at_a_door_and_this_client_see_each_other(
    server: Served, ann: CollabClient, ben: CollabClient
) -> None:
    """[L6.8] In the same shape, at the same words, under the server's word for who it is."""
    await ann.meeting("m1").get()
    await ben.meeting("m1").get()
    async with ann.meeting("m1").notes.open() as notes:
        notes.text(ROOT).append("😀 hello")
        await notes.saved()
        async with yjs_client(server.port, "m1", "ben") as door:
            theirs = SharedText(lambda: door.words.doc, ROOT)
            cursor = {"anchor": {"type": None, **theirs.place_of(2)}, "head": theirs.place_of(7)}
            state = {"user": {"name": "Ann"}, "userId": "ann", "cursor": cursor}
            await door.send(AwarenessUpdate(encode_awareness([Presence(77, 1, state)])))
            await sees(notes, Caret("ben", ROOT, 2, 7))
            await notes.show_caret(ROOT, 3, 5)
            entry = await seen_by(door, "ann")
            assert entry.state is not None
            assert entry.state["user"] == {"name": "ann"}
            places = [entry.state["cursor"][end] for end in ("anchor", "head")]
            assert [theirs.index_of(place) for place in places] == [3, 5]
            await notes.hide_caret()
            await gone(door, entry.client)
        await sees(notes)


async def test_a_caret_comes_back_with_its_connection(
    server: Served, ann: CollabClient, ben: CollabClient
) -> None:
    """[L6.8] Under a higher clock: Yjs editors do not believe again what has gone."""
    cable, url = Cable(), f"http://127.0.0.1:{server.port}"
    await ben.meeting("m1").get()
    await ann.meeting("m1").get()
    async with (
        connect(url, token="dev:ann", connector=cable) as roaming,
        roaming.meeting("m1").notes.open() as notes,
        yjs_client(server.port, "m1", "ben") as door,
    ):
        notes.text(ROOT).append("hello")
        await notes.show_caret(ROOT, 1, 1)
        first = await seen_by(door, "ann")
        cable.pull()
        notes.text(ROOT).append("!")  # What is sent finds that the cable is out.
        await gone(door, first.client)
        cable.plug()
        again = await seen_by(door, "ann")
        assert (again.client, again.state) == (first.client, first.state)
        assert again.clock > first.clock


async def test_a_caret_goes_with_its_document(ann: CollabClient, ben: CollabClient) -> None:
    """[L6.8] Also while its target is followed on, and beside what else is shown there."""
    await ann.meeting("m1").get()
    async with (
        ben.meeting("m1").notes.open() as bens,
        ann.meeting("m1").follow(topics=["state", "presence"]),
    ):
        await ann.meeting("m1").presence({"typing": True})
        async with ann.meeting("m1").notes.open() as anns:
            anns.text(ROOT).append("hello")
            await anns.show_caret(ROOT, 1, 1)
            await sees(bens, Caret("ann", ROOT, 1, 1))
        await sees(bens)
    with pytest.raises(NotFollowing):
        await anns.show_caret(ROOT, 1, 1)


class _Wire:
    """A client that remembers what it was asked to show."""

    user_id = "ann"

    def __init__(self) -> None:
        self.clocks: list[int] = []

    async def presence(self, _target: str, state: Mapping[str, Any] | None, *, part: str) -> None:
        await trio.lowlevel.checkpoint()
        if len(self.clocks) == 3:
            raise NotFollowing("meeting:m1")
        assert (part, state is not None and list(state["yjs"])) == ("yjs:7", ["7"])
        self.clocks.append(state["yjs"]["7"]["clock"] if state else 0)


async def test_a_caret_that_stays_is_shown_again_and_again(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001 - works by being asked for
) -> None:
    """[L6.8] Yjs editors forget whom they have not heard of for 30 s; a refusal stops nothing."""
    wire = _Wire()
    carets = Carets(cast("Client", wire), "meeting:m1", 7)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(carets.keep)
        await trio.sleep(3.5 * CARET_RENEW_S)
        assert wire.clocks == []
        await carets.show({"cursor": None})
        await trio.sleep(4 * CARET_RENEW_S)
        assert wire.clocks == [1, 2, 3]
        nursery.cancel_scope.cancel()


def test_places_are_those_of_yjs() -> None:
    """[L6.8] Its clocks count UTF-16 units; each place names its root."""
    doc = Doc[Any]()
    doc.apply_update(WRITTEN_BY_YJS)
    text = SharedText(lambda: doc, "codemirror")
    assert str(text) == "😀 héllo"
    for index, place in PLACES_OF_YJS:
        assert text.index_of(place) == index
        assert text.place_of(index) == place


@pytest.mark.parametrize(
    "place",
    [
        None,
        "here",
        {},
        {"item": 1},
        {"item": {"client": 1, "clock": 5}},
        {"item": {"client": -1, "clock": 0}},
        {"item": {"client": 1.5, "clock": None}},
        {"item": {"client": 7, "clock": 0}, "assoc": 9},
        {"item": {"client": 7, "clock": 10**30}},
        {"item": {"client": 7, "clock": 0}, "tname": "elsewhere"},
        {"item": {"client": 7, "clock": 0}, "tname": ["codemirror"]},
        {"item": {"client": 7, "clock": 0}, "type": {"client": 7, "clock": 0}},
        {"tname": "elsewhere"},
    ],
)
def test_a_place_that_makes_no_sense_is_nowhere(place: object) -> None:
    """[L6.8] Others' presence is others' words: it is not believed, and harms nobody."""
    doc = Doc[Any]()
    doc.apply_update(WRITTEN_BY_YJS)
    assert SharedText(lambda: doc, "codemirror").index_of(place) is None
