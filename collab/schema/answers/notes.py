"""Answers about shared documents. Updates and state vectors are Yjs's (v1)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, TypedDict

from collab.kind import Tagged
from collab.notes import commands


class Nothing(TypedDict):
    """An empty map: it was done."""


class NotesSnapshot(TypedDict):
    """The whole document as one update, and its state vector."""

    update: bytes
    state_vector: bytes


class NotesSeq(TypedDict):
    """The event after which the document is as it is now."""

    seq: int


class NotesTakenBack(TypedDict):
    """Seqs of the edits (or undos) that were taken back together."""

    seqs: list[int]


class NotesRoot(TypedDict):
    """The root that was written."""

    root: str


class NotesVersion(TypedDict):
    """A named moment of the document."""

    seq: int
    name: str
    by: str
    at_ms: int


class NotesVersions(TypedDict):
    """The named versions, oldest first."""

    versions: list[NotesVersion]


class NotesMoment(TypedDict):
    """A stretch of one author's editing, without a long pause."""

    by: str
    first_seq: int
    last_seq: int
    from_ms: int
    until_ms: int
    edits: int


class NotesMoments(TypedDict):
    """Stretches of editing, ascending."""

    moments: list[NotesMoment]
    more: bool


class NotesThen(TypedDict):
    """The document after event ``seq``: as one update, and what its roots read.

    If it ``is_long``, ``text`` is empty: it would not fit a message, and can be read from the
    update.
    """

    seq: int
    update: bytes
    text: dict[str, str]
    is_long: bool


class NotesPassage(TypedDict):
    """Who wrote from ``start`` up to before ``end``, in code points of the text."""

    start: int
    end: int
    user: str | None


class NotesPassages(TypedDict):
    """A root's text, and who wrote which passage."""

    text: str
    passages: list[NotesPassage]


class NotesBranch(TypedDict):
    """History that the document did not know, kept beside it. ``size`` in bytes."""

    id: int
    by: str
    at_ms: int
    size: int


class NotesBranches(TypedDict):
    """The branches that wait, oldest first."""

    branches: list[NotesBranch]


class NotesBranchContent(TypedDict):
    """A branch as it was sent; what every root reads ``now``, and would read with it.

    If it ``is_long``, both are empty: they would not fit a message.
    """

    id: int
    by: str
    at_ms: int
    update: bytes
    text: dict[str, str]
    now: dict[str, str]
    is_long: bool


class NotesExported(TypedDict):
    """A root in the format that was asked for."""

    content: str


ANSWERS: Final[Mapping[type[Tagged], Any]] = MappingProxyType(
    {
        commands.EditNotes: Nothing,
        commands.UndoNotes: NotesTakenBack,
        commands.RedoNotes: NotesTakenBack,
        commands.NameVersion: NotesSeq,
        commands.RestoreNotes: Nothing,
        commands.MergeBranch: Nothing,
        commands.DiscardBranch: Nothing,
        commands.ImportNotes: NotesRoot,
        commands.SyncNotes: NotesSnapshot,
        commands.ListVersions: NotesVersions,
        commands.PageMoments: NotesMoments,
        commands.NotesAt: NotesThen,
        commands.NotesAuthors: NotesPassages,
        commands.ListBranches: NotesBranches,
        commands.GetBranch: NotesBranchContent,
        commands.ExportNotes: NotesExported,
    }
)
