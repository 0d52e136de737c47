"""What readers see of the document as it is now: the topic's snapshot, syncing, lists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import trio
from attrs import asdict

from collab.errors import BadRequest, Conflict, LimitExceeded
from collab.kind import Answer, Caller, Context, Outcome, Reader, Stamp
from collab.limits import NOTES_VERSIONS_MAX
from collab.notes.branches import find, read_branch
from collab.notes.commands import (
    ExportNotes,
    GetBranch,
    ListBranches,
    ListVersions,
    NameVersion,
    SyncNotes,
    VersionNamed,
)
from collab.notes.document import no_panic
from collab.notes.markdown import export_state
from collab.notes.past import texts_of, with_texts
from collab.notes.rewriting import joined
from collab.notes.state import HasNotes, Version
from protocol.yjs import FrameRefused, decode_state_vector


def snapshot(state: HasNotes, _caller: Caller) -> Mapping[str, Any]:
    """Return the whole document."""
    doc = state.notes.doc
    return {"update": doc.whole(), "state_vector": doc.state_vector()}


def sync(state: HasNotes, query: SyncNotes, _context: Context) -> Answer:
    """Return what the asker lacks, and the document's own state vector.

    Raises:
      BadRequest: ``state_vector`` is none.
    """
    doc, theirs = state.notes.doc, query.state_vector
    if theirs:
        try:
            decode_state_vector(theirs)
        except FrameRefused as refusal:
            raise BadRequest(f"state_vector: {refusal}") from None
    return Answer({"update": doc.since(theirs), "state_vector": doc.state_vector()})


def list_versions(state: HasNotes, _query: ListVersions, _context: Context) -> Answer:
    """Return the named versions, oldest first."""
    return Answer({"versions": [asdict(version) for version in state.notes.versions]})


def list_branches(state: HasNotes, _query: ListBranches, _context: Context) -> Answer:
    """Return the branches that wait, oldest first."""
    branches = [
        {"id": branch.id, "by": branch.by, "at_ms": branch.at_ms, "size": branch.size}
        for branch in state.notes.branches.values()
    ]
    return Answer({"branches": branches})


def get_branch(state: HasNotes, query: GetBranch, context: Context) -> Answer:
    """Return a branch, and what every root reads and would read with it.

    Raises:
      NotFound: there is no such branch.
    """
    log, owner = state.notes, context.target
    branch, whole = find(log, query.id), log.doc.whole()

    async def read(reader: Reader) -> object:
        content = await read_branch(log, branch.id, reader, owner)
        now, text = await trio.to_thread.run_sync(
            lambda: (texts_of(whole), texts_of(joined(whole, content)))
        )
        shown = {"id": branch.id, "by": branch.by, "at_ms": branch.at_ms}
        return with_texts({**shown, "update": content}, text=text, now=now)

    return Answer(read=read)


def export(state: HasNotes, query: ExportNotes, _context: Context) -> Answer:
    """Return a root in some format; made in a thread, as a long one takes long."""
    whole, root, form = state.notes.doc.whole(), query.root, query.format

    def work() -> str:
        with no_panic():
            return export_state(whole, root, form)

    async def read(_reader: Reader) -> object:
        return {"content": await trio.to_thread.run_sync(work)}

    return Answer(read=read)


# ---------------------------------------------------------------- named versions


def name_version(state: HasNotes, command: NameVersion, _context: Context) -> Outcome:
    """Name the document as it is now; the same name for the same document changes nothing.

    Raises:
      Conflict: another moment has this name.
      LimitExceeded: there are too many versions.
    """
    log = state.notes
    for version in log.versions:
        if version.name == command.name:
            if version.seq == log.seq:
                return Outcome(value={"seq": log.seq})
            raise Conflict(f"there is a version of this name, at {version.seq}")
    if len(log.versions) >= NOTES_VERSIONS_MAX:
        raise LimitExceeded(f"a document has at most {NOTES_VERSIONS_MAX} named versions")
    return Outcome([VersionNamed(name=command.name, seq=log.seq)], {"seq": log.seq})


def version_named(state: HasNotes, event: VersionNamed, stamp: Stamp) -> None:
    """Remember it."""
    state.notes.versions.append(Version(event.seq, event.name, stamp.by, stamp.at_ms))
