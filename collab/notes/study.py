"""What is found out about a command before it is decided, because it takes long or needs storage.

``decide`` is synchronous and holds everybody up, so what may take more than a moment happens before
(in slices, in ``prepare`` of the actor) or beside it (drafts), and leaves its result here.
Whether it still fits is for ``decide`` to say.
"""

from __future__ import annotations

from attrs import define, frozen

from collab.errors import CollabError
from collab.notes.fitting import Fitted
from collab.notes.readying import Readied
from protocol.yjs import UpdateRefused, UpdateReport


@frozen(kw_only=True)
class Draft:
    """An update of our own making, under the client id ``pen`` from its clock ``clock`` on."""

    update: bytes
    report: UpdateReport
    pen: int
    clock: int
    seqs: tuple[int, ...] = ()  # Whose edits it takes back.
    root: str = ""  # Where it imports to.


@define
class Study:
    """One command's findings; empty if it was not studied, as it was not permitted at that time."""

    report: UpdateReport | None = None  # What the update says,
    refusal: UpdateRefused | None = None  # or why it cannot be read.
    fitted: Fitted | None = None  # What the document is to be first, if it cuts characters.
    tries: int = 0  # Drafts that were written for the command,
    readied: Readied | None = None  # The document with it, if that takes long to build.
    draft: Draft | None = None  # the newest of them,
    trouble: CollabError | None = None  # or why nothing can be written.
