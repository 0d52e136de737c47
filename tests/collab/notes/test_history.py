"""Versions by name, moments of editing, exports."""

from __future__ import annotations

from base64 import b64encode
from itertools import pairwise

import orjson
import pycrdt
import pytest

from collab.errors import BadRequest, Conflict, LimitExceeded
from collab.limits import (
    NOTES_BYTES_MAX,
    NOTES_MOMENT_PAUSE_MS,
    NOTES_MOMENT_SPAN_MS,
    NOTES_VERSIONS_MAX,
)
from collab.notes.commands import (
    EditNotes,
    ExportNotes,
    ListVersions,
    NameVersion,
    NotesAt,
    PageMoments,
    SyncNotes,
)
from protocol.limits import SERVER_FRAME_BYTES_MAX
from protocol.structure import pack
from tests.collab.notes.pad import Editor, PadStage, reader_of
from tests.protocol.yjs import building as b


@pytest.fixture
def pad() -> PadStage:
    return PadStage()


async def test_a_version_is_the_document_of_its_moment_under_a_name(pad: PadStage) -> None:
    """[N5.9] Named once, seen for ever; a name stands for one moment."""
    ann = Editor(1)
    pad.edit("ann", ann.write(0, "draft"))
    named = pad.do("ann", NameVersion(name="first draft"))
    assert named == pad.do("ben", NameVersion(name="first draft")) == {"seq": 1}
    pad.edit("ann", ann.write(5, " and more"))
    with pytest.raises(Conflict):
        pad.do("ann", NameVersion(name="first draft"))
    pad.crash()
    (version,) = (await pad.look("ben", ListVersions()))["versions"]
    assert version == {"seq": 1, "name": "first draft", "by": "ann", "at_ms": pad.now_ms}
    assert (await pad.look("ben", NotesAt(seq=version["seq"])))["text"] == {"t": "draft"}


def test_so_many_versions_have_names(pad: PadStage) -> None:
    """[N5.9] The list is in memory, so it is bounded."""
    for n in range(NOTES_VERSIONS_MAX):
        pad.do("ann", NameVersion(name=f"v{n}"))
    with pytest.raises(LimitExceeded):
        pad.do("ann", NameVersion(name="one more"))


async def test_editing_falls_into_moments_by_author_and_pause(pad: PadStage) -> None:
    """[N5.10] Concurrent authors have moments of their own; a pause or a long time ends one."""
    ann, ben = Editor(1), Editor(2)
    for _ in range(3):
        pad.edit("ann", ann.write(0, "a"))
        pad.edit("ben", ben.write(0, "b"))
        pad.now_ms += NOTES_MOMENT_PAUSE_MS
    pad.now_ms += 1
    pad.edit("ann", ann.write(0, "a"))
    page = await pad.look("eve", PageMoments(limit=2))
    assert [(m["by"], m["first_seq"], m["edits"]) for m in page["moments"]] == [
        ("ben", 2, 3),
        ("ann", 7, 1),
    ]
    assert page["more"]
    page = await pad.look("eve", PageMoments(before=2))
    assert [(m["by"], m["first_seq"], m["last_seq"]) for m in page["moments"]] == [("ann", 1, 5)]
    for _ in range(2 * NOTES_MOMENT_SPAN_MS // NOTES_MOMENT_PAUSE_MS):
        pad.now_ms += NOTES_MOMENT_PAUSE_MS
        pad.edit("ann", ann.write(0, "a"))
    moments = (await pad.look("eve", PageMoments()))["moments"]
    assert all(m["until_ms"] - m["from_ms"] <= NOTES_MOMENT_SPAN_MS for m in moments)
    mine = [m for m in moments if m["by"] == "ann"]
    assert all(one["last_seq"] < next_["first_seq"] for one, next_ in pairwise(mine))
    pad.crash()
    assert (await pad.look("eve", PageMoments()))["moments"] == moments


async def test_a_root_is_exported(pad: PadStage) -> None:
    """[N5.11] The only root by default; a plain one to the letter."""
    pad.edit("ann", Editor(1).write(0, "# 1 < 2\n"))
    assert await pad.look("ben", ExportNotes()) == {"content": "# 1 < 2\n"}
    shown = await pad.look("ben", ExportNotes(format="html", root="t"))
    assert "1 &lt; 2" in shown["content"]


async def test_a_malformed_state_vector_is_a_bad_request(pad: PadStage) -> None:
    """[N1.3] It never reaches the CRDT library."""
    with pytest.raises(BadRequest, match="state_vector"):
        await pad.look("ann", SyncNotes(state_vector=b"\xff\xff"))


async def test_what_is_too_long_for_a_message_is_shown_without_its_texts(pad: PadStage) -> None:
    """[N5.19] The longest documents can be looked at; a client reads them from the update."""
    words = "\x01 words" * (NOTES_BYTES_MAX // 7 - 10_000)
    await pad.act("ann", EditNotes(update=b.update(b.section(1, 0, b.text(words, parent="t")))))
    shown = await pad.look("ben", NotesAt(seq=1))
    assert (shown["text"], shown["is_long"]) == ({}, True)
    assert str(reader_of(shown["update"]).get("t", type=pycrdt.Text)) == words
    assert len(pack(shown)) < SERVER_FRAME_BYTES_MAX
    assert len(orjson.dumps(shown, default=lambda raw: b64encode(raw).decode())) < (
        SERVER_FRAME_BYTES_MAX
    )
    await pad.act("ann", EditNotes(update=b.update(deletes=[b.deletions(1, (0, len(words)))])))
    shown = await pad.look("ben", NotesAt(seq=2))
    assert (shown["text"], shown["is_long"]) == ({"t": ""}, False)
