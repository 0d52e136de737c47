"""Projection rows beyond ``collab.kind.Put`` and ``Remove``: signals, going in and coming out."""

from __future__ import annotations

from attrs import frozen


@frozen
class SignalRow:
    """A command for *target*, stored with the event that causes it.

    ``seq`` is the event's; 0 stands for the last of the batch. ``index`` tells several signals of
    one event apart. The source is the batch's actor. Of those from one source to one target with
    the same ``slot`` only the newest is kept; None: every one is.
    """

    target: str
    payload: bytes
    index: int
    seq: int = 0
    slot: str | None = None


@frozen
class StoredSignal:
    """A signal that has not been forgotten yet. ``id`` grows, and is never used twice in a run."""

    id: int
    source: str
    seq: int
    index: int
    target: str
    payload: bytes
