"""Why an edit of a shared document is refused. Codes are stable: editors and doors act on them.

::

    CollabError
    ├── NotesMalformed        the bytes are no update that a document can bear
    ├── NotesMissingHistory   it builds on what we do not have: send everything you have
    ├── NotesForeignClient    it writes under a client id that is another user's
    ├── NotesBranched         it holds history unknown to us, kept as a recovery branch: reload
    └── NotesTooLarge         a bound of the document would be passed
"""

from __future__ import annotations

from collab.errors import CollabError


class NotesMalformed(CollabError):
    """The bytes are no update that a document can bear. Sending them again cannot help."""

    code = "notes_malformed"


class NotesMissingHistory(CollabError):
    """The update builds on changes that the document does not have.

    The sender resyncs by sending everything it has (the update since an empty state vector).
    """

    code = "notes_missing_history"


class NotesForeignClient(CollabError):
    """The update writes under a client id that was first used by another user."""

    code = "notes_foreign_client"


class NotesBranched(CollabError):
    """The update holds history that the document does not know. It was kept as a branch.

    The sender reloads the document; a participant merges or discards the branch.
    """

    code = "notes_branched"

    def __init__(self, branch_id: int) -> None:
        super().__init__(f"unknown history was kept as branch {branch_id}; reload the document")
        self.branch_id = branch_id


class NotesTooLarge(CollabError):
    """A bound of the document would be passed; its message names the bound."""

    code = "notes_too_large"


class DocumentFault(Exception):
    """The CRDT library failed, or did not do what it was asked: a crash of this document's actor.

    Not a refusal: nobody can tell what the document holds now, so it is dropped and replayed.
    """
