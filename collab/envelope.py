"""How an event lies in the journal, and how it looks on the wire.

Journal: a MessagePack map ``{t: tag, b: by, a: at_ms, d: fields}``; the last event of a write with
a client key also has ``k: key`` and ``r: reply``. Tags and fields are read back for ever: fields
may be added with a default, never renamed or reused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgpack  # type: ignore[import-untyped]

from collab.kind import Kind, Stamp
from protocol.structure import STORAGE, structure, unstructure


class Entry:
    """One event with who, when, and the answer that it settles."""

    __slots__ = ("at_ms", "by", "event", "fields", "key", "reply")

    def __init__(
        self, event: Any, by: str, at_ms: int, *, key: str | None = None, reply: object = None
    ) -> None:
        self.event = event
        self.by = by
        self.at_ms = at_ms
        self.key = key  # Set on the last event of a write with a client key.
        self.reply = reply
        self.fields: Any = None  # The event as a plain structure, made once.

    def stamp(self, seq: int) -> Stamp:
        """Return what an evolve function may know beside the event."""
        return Stamp(seq, self.at_ms, self.by)


class EventCodec:
    """Entries of one kind to and from bytes and wire bodies."""

    def __init__(self, kind: Kind[Any]) -> None:
        self._class_by_tag = {cls.TAG: cls for cls in kind.events}
        self._topic_by_class = {
            cls: name for name, topic in kind.topics.items() for cls in topic.events
        }

    def topic_of(self, entry: Entry) -> str | None:
        """Return the topic that carries *entry*; None: it is not for subscribers."""
        return self._topic_by_class.get(type(entry.event))

    def encode(self, entry: Entry) -> bytes:
        """Return *entry* as journaled bytes."""
        fields = entry.fields = unstructure(entry.event)
        envelope = {"t": entry.event.TAG, "b": entry.by, "a": entry.at_ms, "d": fields}
        if entry.key is not None:
            envelope["k"] = entry.key
            envelope["r"] = entry.reply = unstructure(entry.reply)
        packed: bytes = msgpack.packb(envelope)
        return packed

    def decode(self, payload: bytes) -> Entry:
        """Inverse of :meth:`encode`.

        Raises:
          KeyError, WireError: the journal holds what this version of the kind cannot read.
        """
        envelope = msgpack.unpackb(payload, strict_map_key=False)
        event = structure(envelope["d"], self._class_by_tag[envelope["t"]], encoding=STORAGE)
        entry = Entry(
            event, envelope["b"], envelope["a"], key=envelope.get("k"), reply=envelope.get("r")
        )
        entry.fields = envelope["d"]
        return entry

    def body(self, seq: int, entry: Entry) -> Mapping[str, Any]:
        """Return *entry* as subscribers see it."""
        return {
            "seq": seq,
            "topic": self._topic_by_class[type(entry.event)],
            "type": entry.event.TAG,
            "at_ms": entry.at_ms,
            "by": entry.by,
            "data": entry.fields if entry.fields is not None else unstructure(entry.event),
        }
