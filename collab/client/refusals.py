"""What becomes of edits that the server did not take."""

from __future__ import annotations

from typing import Final

from attrs import define, frozen
from pycrdt import Doc, Text

from protocol.errors import ClientError

UNSAVED: Final = "unsaved"  # Code of edits that were not refused, but not acknowledged either.


@frozen
class RefusedEdits:
    """Edits that are not in the server's document. ``code`` is stable; see ``collab.notes.errors``.

    ``update`` is what was refused, ``state`` the whole local document with it: a Yjs document of
    their own can take either.
    """

    code: str
    message: str
    update: bytes
    state: bytes

    def text(self, root: str) -> str:
        """Return what a text root said here, with the refused edits."""
        doc = Doc[Text]()
        doc.apply_update(self.state)
        return str(doc.get(root, type=Text))


@define(eq=False)
class EditsRefused(ClientError):
    """Local edits were refused for good; the document is the server's again. Nothing is lost."""

    edits: RefusedEdits

    def __str__(self) -> str:
        return f"{self.edits.code}: {self.edits.message}"


class NotesEnded(ClientError):
    """The document is not followed, or not written to, any more; ``__cause__`` says why."""
