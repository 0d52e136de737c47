"""What is found out about a command before it is decided, because it takes long or needs storage.

``decide`` is synchronous and holds everybody up, so what may take more than a moment happens in
``prepare`` of the actor, in slices or with reads, and leaves its result here. A command that was
not studied (it was not permitted then, or nothing was found) is decided without.
"""

from __future__ import annotations

from attrs import define

from protocol.yjs import UpdateRefused, UpdateReport


@define
class Study:
    """One command's findings. Written once, by ``collab.notes.preparing``."""

    report: UpdateReport | None = None  # What the update says.
    refusal: UpdateRefused | None = None  # Or why it cannot be read.
    before: bytes | None = None  # The document's whole state at some moment.
    updates: tuple[tuple[int, str, bytes], ...] = ()  # What happened after it: seq, by, update.
    content: bytes | None = None  # A branch.
