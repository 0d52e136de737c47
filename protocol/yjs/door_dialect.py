"""How a client family writes what a visit says."""

from __future__ import annotations

from abc import ABC, abstractmethod

from protocol.frames import server_frame
from protocol.gateway import EventFrame
from protocol.yjs.frames import AwarenessUpdate, SyncStep1, SyncStep2, SyncUpdate

Said = SyncStep1 | SyncStep2 | SyncUpdate | AwarenessUpdate


class Dialect(ABC):
    """One family's way of writing. What it has no word for is None: nothing is sent.

    ``form`` names the bytes that all clients of the same form share; None: they are for one alone.
    """

    form: str | None = None

    @abstractmethod
    def write(self, said: Said) -> bytes:
        """Return the message for what both families know."""

    @abstractmethod
    def refused(self, reason: str) -> bytes:
        """Return the message: an edit was refused, and you can go on reading."""

    def welcome(self, *, may_write: bool) -> bytes | None:  # noqa: ARG002 -- for those who say it
        """Return the message: you are in."""
        return None

    def accepted(self) -> bytes | None:
        """Return the message: one edit is durable."""
        return None

    def token_wanted(self) -> bytes | None:
        """Return the message: send a fresh token."""
        return None

    def events(self, frame: EventFrame) -> bytes:
        """Return whole WebSocket frames with the updates of *frame*; none if it has none."""
        if self.form is None:
            return self._frames(frame)
        return frame.bytes_as(self.form, self._frames)

    def _frames(self, frame: EventFrame) -> bytes:
        updates = [event["data"].get("update") for event in frame.events]
        messages = [self.write(SyncUpdate(u)) for u in updates if type(u) is bytes]
        return b"".join([server_frame(message, is_text=False) for message in messages])
