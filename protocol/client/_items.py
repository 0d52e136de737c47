"""What a follower is handed, in the order of the target's history."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import frozen

from protocol.errors import WireError

PRESENCE_TOPIC: Final = "presence"  # Who asks for it among the topics is told who is here.


@frozen
class SnapshotItem:
    """The state of the followed topics at ``(epoch, seq)``; every later event follows.

    ``reset_reason`` says why an earlier cursor could not be continued: forget what you hold.
    None: this is the first thing seen of the target.
    """

    epoch: str
    seq: int
    topics: Mapping[str, Any]
    reset_reason: str | None = None


@frozen
class Event:
    """One event of one followed topic. ``at_ms`` is Unix time, ``by`` who caused it."""

    seq: int
    topic: str
    type: str
    at_ms: int
    by: str
    data: Any  # The fields of the event, as its kind declares them.

    @classmethod
    def from_wire(cls, fields: Mapping[str, Any]) -> Event:
        """Take an event out of an ``events`` frame; fields that we do not know are ignored.

        Raises:
          WireError: ``bad_request``, a field is missing.
        """
        try:
            return cls(
                fields["seq"],
                fields["topic"],
                fields["type"],
                fields["at_ms"],
                fields["by"],
                fields["data"],
            )
        except KeyError as missing:
            raise WireError("bad_request", f"an event has no {missing}") from None


@frozen
class PresenceItem:
    """Who is here, by session: ``{"user", "state"}``, or None for gone. ``full`` replaces all.

    Presence is not part of the history: changes are merged until they are read, and come before
    events that wait, but after the first snapshot.
    """

    sessions: Mapping[str, Mapping[str, Any] | None]
    full: bool


Item = SnapshotItem | Event | PresenceItem
