"""Notes over real sockets: one document for everybody, durable, caught up with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pycrdt
import pytest
import trio

from protocol.client import Event, SnapshotItem
from protocol.errors import CallFailed
from tests.collab.notes.pad import Editor
from tests.integration.served import Served, served

TARGET = "meeting:m1"


async def _write_and_follow(server: Served, number: int, count: int) -> str:
    """Open the document as one of *count* clients, write a mark, wait for all marks."""
    editor = Editor()
    marks = {f"<{n}>" for n in range(count)}
    async with (
        server.client(f"user{number}") as client,
        client.follow(TARGET, ["notes"]) as follower,
    ):
        await client.call(TARGET, "notes.edit", {"update": editor.write(0, f"<{number}>")})
        async for item in follower:
            if isinstance(item, SnapshotItem):
                editor.take(item.topics["notes"]["update"])
            elif isinstance(item, Event) and "update" in item.data:
                editor.take(item.data["update"])
            if all(mark in str(editor.text) for mark in marks):
                return str(editor.text)
    raise AssertionError("the follower ended")


async def test_opening_one_document_from_many_clients_at_once_makes_one_document() -> None:
    """[N1.5] Everybody's first words are in everybody's document, and in the server's."""
    count = 12
    texts: list[str] = []

    async def one(server: Served, number: int) -> None:
        texts.append(await _write_and_follow(server, number, count))

    async with served() as server:
        with trio.fail_after(10):
            async with trio.open_nursery() as nursery:
                for number in range(count):
                    nursery.start_soon(one, server, number)
        async with server.client("late") as late:
            synced: dict[str, Any] = await late.call(TARGET, "notes.sync", {})
    doc: pycrdt.Doc[Any] = pycrdt.Doc()
    doc.apply_update(synced["update"])
    assert set(texts) == {str(doc.get("t", type=pycrdt.Text))}
    assert len(texts) == count


async def test_the_document_is_there_after_a_restart(tmp_path: Path) -> None:
    """[N1.6] What was acknowledged is in the document that the next server opens."""
    editor = Editor()
    async with served(tmp_path) as server, server.client("ann") as ann:
        for n in range(20):
            await ann.call(TARGET, "notes.edit", {"update": editor.write(0, f"{n} ")})
    async with served(tmp_path) as server, server.client("ann") as ann:
        synced = await ann.call(TARGET, "notes.sync", {})
    other = Editor()
    other.take(synced["update"])
    assert str(other.text) == str(editor.text)


async def test_a_reader_sees_edits_and_may_not_make_any() -> None:
    """[N6.1] A viewer of a chat follows its notes; their own edits are refused."""
    chat = "chat:c1"
    async with served() as server, server.client("ann") as ann, server.client("ben") as ben:
        await ann.call(chat, "chat.create", {})
        await ann.call(chat, "members.add", {"user_id": "ben", "role": "viewer"})
        async with ben.follow(chat, ["notes"]) as follower:
            await anext(follower)
            update = Editor(1).write(0, "hello")
            await ann.call(chat, "notes.edit", {"update": update})
            event = await anext(follower)
            assert isinstance(event, Event)
            assert (event.type, event.data["update"]) == ("notes.updated", update)
            with pytest.raises(CallFailed, match="permission_denied"):
                await ben.call(chat, "notes.edit", {"update": Editor(2).write(0, "no")})
            with pytest.raises(CallFailed, match="permission_denied"):
                await ben.call(chat, "notes.restore", {"seq": 0})


async def test_a_branch_is_durable_and_its_sender_is_refused(tmp_path: Path) -> None:
    """[N4.5] The refusal names it, followers are told of it, and a restart keeps it."""
    ours, theirs = Editor(1), Editor(1)
    async with served(tmp_path) as server, server.client("ann") as ann, server.client("eve") as eve:
        await ann.call(TARGET, "notes.edit", {"update": ours.write(0, "hello")})
        await eve.call(TARGET, "meeting.get")
        theirs.take(ours.whole())
        async with ann.follow(TARGET, ["notes"]) as follower:
            await anext(follower)
            with pytest.raises(CallFailed, match="notes_foreign_client"):
                await eve.call(TARGET, "notes.edit", {"update": theirs.write(0, "EVIL ")}, key="k")
            with pytest.raises(CallFailed, match="notes_foreign_client"):
                await eve.call(TARGET, "notes.edit", {"update": theirs.whole()}, key="k2")
            event = await anext(follower)
        assert isinstance(event, Event)
        assert event.type == "notes.branch_opened"
        assert "content" not in event.data
    async with served(tmp_path) as server, server.client("ann") as ann:
        listed = await ann.call(TARGET, "notes.branches")
        branch_id = listed["branches"][0]["id"]
        shown = await ann.call(TARGET, "notes.branch", {"id": branch_id})
        assert (shown["now"], shown["text"]) == ({"t": "hello"}, {"t": "EVIL hello"})
        await ann.call(TARGET, "notes.merge_branch", {"id": branch_id})
        content = await ann.call(TARGET, "notes.export", {"format": "text"})
    assert content == {"content": "EVIL hello"}


async def test_undo_works_over_the_wire_and_across_a_restart(tmp_path: Path) -> None:
    """[N5.6] The event carries the update; other clients apply it like any edit."""
    ann_doc, ben_doc = Editor(1), Editor(2)
    async with served(tmp_path) as server, server.client("ann") as ann:
        await ann.call(TARGET, "notes.edit", {"update": ann_doc.write(0, "hello")})
    async with served(tmp_path) as server, server.client("ann") as ann, server.client("ben") as ben:
        await ben.call(TARGET, "meeting.get")
        async with ben.follow(TARGET, ["notes"]) as follower:
            first = await anext(follower)
            assert isinstance(first, SnapshotItem)
            ben_doc.take(first.topics["notes"]["update"])
            await ann.call(TARGET, "notes.undo")
            event = await anext(follower)
            assert isinstance(event, Event)
            assert event.type == "notes.undone"
            ben_doc.take(event.data["update"])
            assert str(ben_doc.text) == ""
            await ann.call(TARGET, "notes.redo")
            event = await anext(follower)
            assert isinstance(event, Event)
            ben_doc.take(event.data["update"])
    assert str(ben_doc.text) == "hello"


async def test_the_notes_of_a_meeting_that_is_over_can_be_read(tmp_path: Path) -> None:
    """[N6.2] Nothing is written after the end; everything can be seen."""
    async with served(tmp_path) as server, server.client("ann") as ann:
        await ann.call(TARGET, "notes.edit", {"update": Editor(1).write(0, "minutes")})
        await ann.call(TARGET, "meeting.end")
        with pytest.raises(CallFailed, match="conflict"):
            await ann.call(TARGET, "notes.edit", {"update": Editor(2).write(0, "late")})
        content = await ann.call(TARGET, "notes.export", {"format": "text"})
    assert content == {"content": "minutes"}
