"""Notes over real sockets: one document for everybody, durable, caught up with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pycrdt
import trio

from protocol.client import Event, SnapshotItem
from tests.collab.notes.pad import Editor
from tests.integration.served import Served, served

TARGET = "meeting:m1"


async def _write_and_follow(server: Served, number: int, count: int) -> str:
    """Open the document as one of *count* clients, write a mark, wait for all marks."""
    editor = Editor()
    marks = {f"<{n}>" for n in range(count)}
    async with server.client(f"user{number}") as client:
        async with client.follow(TARGET, ["notes"]) as follower:
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
    """[N4.1] Everybody's first words are in everybody's document, and in the server's."""
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
    """[N1.8] What was acknowledged is in the document that the next server opens."""
    editor = Editor()
    async with served(tmp_path) as server, server.client("ann") as ann:
        for n in range(20):
            await ann.call(TARGET, "notes.edit", {"update": editor.write(0, f"{n} ")})
    async with served(tmp_path) as server, server.client("ann") as ann:
        synced = await ann.call(TARGET, "notes.sync", {})
    other = Editor()
    other.take(synced["update"])
    assert str(other.text) == str(editor.text)
