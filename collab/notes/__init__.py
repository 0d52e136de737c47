"""A shared document, for any kind: real editors, hostile bytes, no lost word.

A kind with an attribute ``notes: NotesLog`` in its state takes these mappings and functions into
its declaration; each takes the kind's whole state and touches only ``notes``::

    Kind(
        commands={**MINE, **notes.COMMANDS},
        queries={**..., **notes.QUERIES},
        events={**..., **notes.EVENTS},
        topics={..., "notes": Topic(events=notes.TOPIC_EVENTS, snapshot=notes.snapshot)},
        rows=notes.rows, study=notes.study, settle=notes.settle, ...
    )

``rows`` and ``study`` return nothing for what is not theirs, so they compose.

==============  ==============================================================
document        the one place around the CRDT library's live document
admission       which updates are let in (``repeating``: would their words be there twice?)
editing         ``notes.edit``
fitting         edits that cut characters in two (``halving`` does it, on bytes)
writing         the way of every change into the document, and its evolve
branches        history that the document does not know
undoing         what one can take back
drafts          undo, redo, restore, merge, import: what the server writes for a user
desk            where it is written, beside the actor
rewriting       one document made like another; ``likeness`` does it to one shared type
taking_back     undo; ``deletions`` are sets of clocks
misplaced       what no editor put where it is, and no reader can read
playing         documents of one's own from bytes, piece by piece
past            the document as it was
authors         who wrote which passage (``blocks`` reads the state)
moments         stretches of editing
preparing       what is found out before deciding, in slices
view            what readers see
==============  ==============================================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from collab.kind import Answer, Context, Outcome, Put, Remove, Stamp, Tagged
from collab.notes import authors, branches, drafts, editing, moments, past, view, writing
from collab.notes.commands import (
    BranchDiscarded,
    BranchKept,
    BranchMerged,
    BranchOpened,
    DiscardBranch,
    EditNotes,
    ExportNotes,
    GetBranch,
    ImportNotes,
    ListBranches,
    ListVersions,
    MergeBranch,
    NameVersion,
    NotesAt,
    NotesAuthors,
    NotesHalved,
    NotesImported,
    NotesRestored,
    NotesUndone,
    NotesUpdated,
    PageMoments,
    RedoNotes,
    RestoreNotes,
    SyncNotes,
    UndoNotes,
    VersionNamed,
)
from collab.notes.preparing import study
from collab.notes.state import HasNotes, NotesLog
from collab.notes.view import snapshot

COMMANDS: Final[Mapping[type[Tagged], Callable[[HasNotes, Any, Context], Outcome]]] = (
    MappingProxyType(
        {
            EditNotes: editing.edit,
            UndoNotes: drafts.undo,
            RedoNotes: drafts.redo,
            NameVersion: view.name_version,
            RestoreNotes: drafts.restore,
            MergeBranch: drafts.merge_branch,
            DiscardBranch: branches.discard,
            ImportNotes: drafts.import_notes,
        }
    )
)

QUERIES: Final[Mapping[type[Tagged], Callable[[HasNotes, Any, Context], Answer]]] = (
    MappingProxyType(
        {
            SyncNotes: view.sync,
            ListVersions: view.list_versions,
            ListBranches: view.list_branches,
            PageMoments: moments.page,
            NotesAt: past.at,
            NotesAuthors: authors.authors,
            GetBranch: view.get_branch,
            ExportNotes: view.export,
        }
    )
)

EVENTS: Final[Mapping[type[Tagged], Callable[[HasNotes, Any, Stamp], None]]] = MappingProxyType(
    {
        NotesUpdated: writing.written,
        NotesHalved: writing.halved,
        NotesUndone: writing.written,
        NotesRestored: writing.written,
        NotesImported: writing.written,
        VersionNamed: view.version_named,
        BranchKept: branches.kept,
        BranchOpened: branches.opened,
        BranchMerged: branches.merged,
        BranchDiscarded: branches.discarded,
    }
)

# What a branch holds is for whoever asks for it, not for everybody.
TOPIC_EVENTS: Final[tuple[type[Tagged], ...]] = tuple(
    event for event in EVENTS if event is not BranchKept
)

_WRITTEN: Final = frozenset(
    {NotesUpdated, NotesHalved, NotesUndone, NotesRestored, NotesImported, BranchMerged}
)


def rows(state: HasNotes, event: Any, stamp: Stamp) -> Sequence[Put | Remove]:
    """Return what an event stores beside itself; nothing for events of others."""
    if type(event) in _WRITTEN:
        return [*writing.rows(state, stamp), *branches.rows(event, stamp)]
    return branches.rows(event, stamp)


def settle(state: HasNotes) -> None:
    """Bring the saved bytes up to date before a snapshot."""
    state.notes.doc.settle()


__all__ = [
    "COMMANDS",
    "EVENTS",
    "QUERIES",
    "TOPIC_EVENTS",
    "EditNotes",
    "HasNotes",
    "NotesLog",
    "rows",
    "settle",
    "snapshot",
    "study",
]
