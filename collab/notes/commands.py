"""What one can ask of a shared document, and what happens in it.

Tags are on the wire and in the journal: they never change. Every event that changes the document
has ``update``, which any Yjs document can apply; ``new_clients``, the client ids in it that were
never used before and belong to the event's ``by`` from now on; and ``new_roots``, name to kind.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from attrs import field, frozen
from attrs.validators import in_

from collab.limits import (
    NOTES_MARKDOWN_LEN_MAX,
    NOTES_NAME_LEN_MAX,
    NOTES_ROOT_LEN_MAX,
    PAGE_LIMIT_DEFAULT,
    PAGE_LIMIT_MAX,
)
from collab.messages.checks import number, place, words
from collab.notes.study import Study

# ---------------------------------------------------------------- commands


@frozen(kw_only=True)
class EditNotes:
    """Apply a Yjs update (v1). Safe to send again: what is known already changes nothing."""

    TAG: ClassVar[str] = "notes.edit"

    update: bytes
    study: Study = field(init=False, factory=Study, eq=False, repr=False)


@frozen(kw_only=True)
class UndoNotes:
    """Take back the newest of one's own edits that was not taken back yet."""

    TAG: ClassVar[str] = "notes.undo"

    study: Study = field(init=False, factory=Study, eq=False, repr=False)


@frozen(kw_only=True)
class RedoNotes:
    """Take back the newest of one's own undos, as long as one has not edited since."""

    TAG: ClassVar[str] = "notes.redo"

    study: Study = field(init=False, factory=Study, eq=False, repr=False)


@frozen(kw_only=True)
class NameVersion:
    """Give the document as it is now a name. Answered with ``{"seq"}``."""

    TAG: ClassVar[str] = "notes.name_version"

    name: str = words(NOTES_NAME_LEN_MAX, len_min=1)


@frozen(kw_only=True)
class RestoreNotes:
    """Make the document look as it did after event *seq*: an edit forward, which can be undone."""

    TAG: ClassVar[str] = "notes.restore"

    seq: int = place(low=0)
    study: Study = field(init=False, factory=Study, eq=False, repr=False)


@frozen(kw_only=True)
class MergeBranch:
    """Bring what a recovery branch holds into the document, under one's own name."""

    TAG: ClassVar[str] = "notes.merge_branch"

    id: int = place()
    study: Study = field(init=False, factory=Study, eq=False, repr=False)


@frozen(kw_only=True)
class DiscardBranch:
    """Let a recovery branch go. Its bytes stay in the journal."""

    TAG: ClassVar[str] = "notes.discard_branch"

    id: int = place()


@frozen(kw_only=True)
class ImportNotes:
    """Replace a root's content by Markdown."""

    TAG: ClassVar[str] = "notes.import"

    markdown: str = words(NOTES_MARKDOWN_LEN_MAX)
    root: str | None = words(NOTES_ROOT_LEN_MAX, default=None)
    study: Study = field(init=False, factory=Study, eq=False, repr=False)


# ---------------------------------------------------------------- queries


@frozen(kw_only=True)
class SyncNotes:
    """What the asker lacks, and what the document has: ``{"update", "state_vector"}``.

    An empty ``state_vector`` (or none) asks for everything.
    """

    TAG: ClassVar[str] = "notes.sync"

    state_vector: bytes = b""


@frozen(kw_only=True)
class ListVersions:
    """The named versions, oldest first: ``{"versions": [{"seq", "name", "by", "at_ms"}]}``."""

    TAG: ClassVar[str] = "notes.versions"


@frozen(kw_only=True)
class PageMoments:
    """Stretches of editing, ascending: ``{"moments", "more"}``; page back with ``before``."""

    TAG: ClassVar[str] = "notes.moments"

    before: int | None = place(default=None)
    limit: int = number(1, PAGE_LIMIT_MAX, default=PAGE_LIMIT_DEFAULT)


@frozen(kw_only=True)
class NotesAt:
    """The document after event *seq*: ``{"seq", "update", "text": {root: str}}``."""

    TAG: ClassVar[str] = "notes.at"

    seq: int = place(low=0)


@frozen(kw_only=True)
class NotesAuthors:
    """Who wrote which passage of a root: ``{"passages": [{"start", "end", "user"}]}``.

    In code points of the root's text, as ``notes.at`` and ``notes.export`` (``text``) show it.
    """

    TAG: ClassVar[str] = "notes.authors"

    root: str = words(NOTES_ROOT_LEN_MAX)


@frozen(kw_only=True)
class ListBranches:
    """The recovery branches, oldest first: ``{"branches": [{"id", "by", "at_ms", "size"}]}``."""

    TAG: ClassVar[str] = "notes.branches"


@frozen(kw_only=True)
class GetBranch:
    """What merging a branch would bring: ``{"id", "by", "at_ms", "update", "text", "now"}``.

    ``text`` is what every root would read, ``now`` what it reads; ``update`` is the branch as it
    was sent.
    """

    TAG: ClassVar[str] = "notes.branch"

    id: int = place()


@frozen(kw_only=True)
class ExportNotes:
    """A root as a text in some format: ``{"content"}``. Without a root: the only or first one."""

    TAG: ClassVar[str] = "notes.export"

    format: Literal["markdown", "html", "text"] = field(
        default="markdown", validator=in_(("markdown", "html", "text"))
    )
    root: str | None = words(NOTES_ROOT_LEN_MAX, default=None)


# ---------------------------------------------------------------- events


@frozen(kw_only=True)
class NotesUpdated:
    """Somebody edited. ``update`` are the sender's bytes, unchanged."""

    TAG: ClassVar[str] = "notes.updated"

    update: bytes
    new_clients: list[int] = field(factory=list)
    new_roots: dict[str, str] = field(factory=dict)


@frozen(kw_only=True)
class NotesHalved:
    """Somebody edited, and cut characters in two: those whose second halves are at ``cuts``.

    Both halves read U+FFFD from now on, as Yjs has it. Yjs documents apply ``update`` as it is;
    the CRDT library of this server needs ``collab.notes.halving`` first.
    """

    TAG: ClassVar[str] = "notes.halved"

    update: bytes
    cuts: list[tuple[int, int]]  # Client, clock.
    new_clients: list[int] = field(factory=list)
    new_roots: dict[str, str] = field(factory=dict)


@frozen(kw_only=True)
class NotesUndone:
    """Somebody's own edits, those of ``seqs``, were taken back; ``redo``: they were undos."""

    TAG: ClassVar[str] = "notes.undone"

    update: bytes
    seqs: list[int]
    redo: bool = False
    new_clients: list[int] = field(factory=list)
    new_roots: dict[str, str] = field(factory=dict)


@frozen(kw_only=True)
class NotesRestored:
    """The document looks as it did after event ``seq``."""

    TAG: ClassVar[str] = "notes.restored"

    update: bytes
    seq: int
    new_clients: list[int] = field(factory=list)
    new_roots: dict[str, str] = field(factory=dict)


@frozen(kw_only=True)
class NotesImported:
    """A root's content was replaced by an imported one."""

    TAG: ClassVar[str] = "notes.imported"

    update: bytes
    root: str
    new_clients: list[int] = field(factory=list)
    new_roots: dict[str, str] = field(factory=dict)


@frozen(kw_only=True)
class VersionNamed:
    """The document after event ``seq`` has a name."""

    TAG: ClassVar[str] = "notes.version_named"

    name: str
    seq: int


@frozen(kw_only=True)
class BranchKept:
    """History that the document did not know, as it was sent. Not shown to subscribers."""

    TAG: ClassVar[str] = "notes.branch_kept"

    content: bytes


@frozen(kw_only=True)
class BranchOpened:
    """There is a recovery branch; its id is the seq of the event that kept it."""

    TAG: ClassVar[str] = "notes.branch_opened"

    id: int
    size: int


@frozen(kw_only=True)
class BranchMerged:
    """A branch was brought into the document."""

    TAG: ClassVar[str] = "notes.branch_merged"

    id: int
    update: bytes
    new_clients: list[int] = field(factory=list)
    new_roots: dict[str, str] = field(factory=dict)


@frozen(kw_only=True)
class BranchDiscarded:
    """A branch was let go."""

    TAG: ClassVar[str] = "notes.branch_discarded"

    id: int
