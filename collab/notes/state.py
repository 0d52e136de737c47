"""What an actor with a shared document keeps of it, beside the document itself."""

from __future__ import annotations

from typing import Protocol

from attrs import define, field

from collab.limits import NOTES_UNDO_DEPTH
from collab.notes.document import SharedDoc


@define
class Version:
    """A named moment of the document."""

    seq: int
    name: str
    by: str
    at_ms: int


@define
class Branch:
    """History that the document did not know. Its bytes are a row, at its id."""

    id: int
    by: str
    at_ms: int
    size: int
    digest: bytes  # Of its bytes: the same history sent again is the same branch.


@define
class Moment:
    """A stretch of one author's editing, without a long pause."""

    by: str
    first_seq: int
    last_seq: int
    from_ms: int
    until_ms: int
    edits: int = 1


@define
class Burst:
    """Edits that one undo takes back together."""

    seqs: list[int]
    until_ms: int
    is_closed: bool = False  # Nothing joins it: an undo, a restore, an import.


@define
class UndoStacks:
    """What one user can take back, and take back again; the newest last."""

    undo: list[Burst] = field(factory=list)
    redo: list[Burst] = field(factory=list)

    def push(self, burst: Burst) -> None:
        """Add what can be undone next; the oldest falls off."""
        self.undo.append(burst)
        if len(self.undo) > NOTES_UNDO_DEPTH:
            del self.undo[0]


@define
class NotesLog:
    """The shared document of one actor. Untouched it costs nothing but this."""

    doc: SharedDoc = field(factory=SharedDoc)
    clients: dict[int, str] = field(factory=dict)  # Client id to the user who first used it.
    pens: dict[str, int] = field(factory=dict)  # User to the client id of server-made edits.
    roots: dict[str, str] = field(factory=dict)  # Name to kind, as the first use says.
    seq: int = 0  # Of the newest event that changed the document: its version.
    edits: int = 0  # Such events, ever.
    stored_seq: int = 0  # Of the newest state stored as a row.
    edits_since: int = 0  # Such events, and their bytes, since it was stored.
    bytes_since: int = 0
    bytes_before: int = 0
    versions: list[Version] = field(factory=list)
    branches: dict[int, Branch] = field(factory=dict)
    moments: dict[str, Moment] = field(factory=dict)  # By author, those that are not over.
    stacks: dict[str, UndoStacks] = field(factory=dict)  # By user, who edited last at the end.
    # What the newest event ended, for its rows.
    closed: list[Moment] = field(init=False, factory=list, eq=False, repr=False)


class HasNotes(Protocol):
    """The state of a kind with notes."""

    notes: NotesLog
