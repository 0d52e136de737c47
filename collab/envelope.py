"""How an event lies in the journal, and how it looks on the wire.

Journal: a MessagePack map ``{t: tag, b: by, a: at_ms, d: fields}``; the last event of a write with
a client key also has ``k: key``, ``o: operation`` and ``r: reply``. Tags and fields are read back
for ever: fields may be added with a default, never renamed or reused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import msgpack  # type: ignore[import-untyped]
from attrs import fields

from collab.audit import AuditEntry
from collab.kind import Kind, Stamp
from protocol.gateway import Subscription
from protocol.structure import STORAGE, structure, unstructure, unstructurer

_NOBODY: Final[frozenset[str]] = frozenset()


class Entry:
    """One event with who, when, and the answer that it settles."""

    __slots__ = (
        "at_ms",
        "audit",
        "by",
        "event",
        "fields",
        "key",
        "nbytes",
        "op",
        "payload",
        "placed",
        "reply",
        "shut_out",
        "shut_out_ids",
    )

    def __init__(
        self, event: Any, by: str, at_ms: int, *, key: str | None = None, reply: object = None
    ) -> None:
        self.event = event
        self.by = by
        self.at_ms = at_ms
        self.key = key  # Set on the last event of a write with a client key, with the next two.
        self.op: str | None = None
        self.reply = reply
        self.fields: Any = None  # The event as a plain structure, made once.
        self.payload = b""  # As journaled.
        self.nbytes = 0  # Of it.
        self.audit: AuditEntry | None = None  # Stored beside it, if it is noteworthy.
        self.placed: Stamp | None = None  # Set as it evolves.
        # Whose subscriptions end right before it: judged as it evolves, done as it is published.
        self.shut_out_ids: frozenset[str] = _NOBODY
        self.shut_out: Sequence[Subscription] = ()

    def stamp(self, seq: int) -> Stamp:
        """Return what an evolve function may know beside the event. Made once."""
        placed = self.placed
        if placed is None or placed.seq != seq:
            placed = self.placed = Stamp(seq, self.at_ms, self.by)
        return placed


class Shown:
    """An event as subscribers see it, and its size; shared by the ring and everybody's frames.

    At rest it holds its journaled bytes only, a quarter of the memory, and is read when asked for.
    """

    __slots__ = ("_codec", "_event", "_fields", "_payload", "_seq", "nbytes")

    def __init__(
        self, codec: EventCodec, seq: int, entry: Entry, fields: Mapping[str, Any]
    ) -> None:
        self._codec = codec
        self._seq = seq
        self._event = entry.event  # Of the entry nothing else: rings hold very many of these.
        self._payload: bytes | None = entry.payload  # None once it was redacted.
        self._fields: Mapping[str, Any] | None = fields
        self.nbytes = entry.nbytes

    @property
    def fields(self) -> Mapping[str, Any]:
        """The event's body on the wire."""
        return self._fields if self._fields is not None else self._read().fields

    def rest(self) -> None:
        """Become small."""
        if self._payload is not None:
            self._fields = self._event = None

    def redact(self, kind: Kind[Any]) -> None:
        """Take back what a later event took back, for whoever has not been shown it yet."""
        if self._payload is None:
            return
        awake = self if self._fields is not None else self._read()
        harmless = unstructure(kind.redacted(awake._event))
        self._fields = {**awake.fields, "data": harmless}
        self._event = self._payload = None

    def _read(self) -> Shown:
        assert self._payload is not None
        return self._codec.show(self._seq, self._codec.decode(self._payload))


class EventCodec:
    """Entries of one kind to and from bytes and wire bodies."""

    def __init__(self, kind: Kind[Any]) -> None:
        self._class_by_tag = {cls.TAG: cls for cls in kind.events}
        self._topic_by_class = {
            cls: name for name, topic in kind.topics.items() for cls in topic.events
        }
        self._plain_by_class = {cls: unstructurer(cls) for cls in kind.events}
        self._width_by_class = {
            cls: sum(each.init for each in fields(cast("Any", cls))) for cls in kind.events
        }
        self._pack = msgpack.Packer().pack  # One, with its buffer, for all; empty between calls.

    def topic_of(self, entry: Entry) -> str | None:
        """Return the topic that carries *entry*; None: it is not for subscribers."""
        return self._topic_by_class.get(type(entry.event))

    def encode(self, entry: Entry) -> bytes:
        """Return *entry* as journaled bytes."""
        event = entry.event
        held = entry.fields = self._plain_by_class[type(event)](event)
        envelope = {"t": event.TAG, "b": entry.by, "a": entry.at_ms, "d": held}
        if entry.key is not None:
            envelope["k"] = entry.key
            envelope["o"] = entry.op
            envelope["r"] = entry.reply = unstructure(entry.reply)
        packed: bytes = self._pack(envelope)
        entry.payload, entry.nbytes = packed, len(packed)
        return packed

    def decode(self, payload: bytes) -> Entry:
        """Inverse of :meth:`encode`.

        Raises:
          KeyError, WireError: the journal holds what this version of the kind cannot read.
        """
        envelope = msgpack.unpackb(payload, strict_map_key=False)
        held, cls = envelope["d"], self._class_by_tag[envelope["t"]]
        event = structure(held, cls, encoding=STORAGE)
        entry = Entry(
            event, envelope["b"], envelope["a"], key=envelope.get("k"), reply=envelope.get("r")
        )
        entry.op = envelope.get("o")
        # Fields that came to the class later are shown with their defaults, as everybody else's.
        is_whole = len(held) == self._width_by_class[cls]
        entry.fields = held if is_whole else self._plain_by_class[cls](event)
        entry.payload, entry.nbytes = payload, len(payload)
        return entry

    def show(self, seq: int, entry: Entry) -> Shown:
        """Return *entry*, encoded or decoded before, as subscribers see it."""
        return Shown(
            self,
            seq,
            entry,
            {
                "seq": seq,
                "topic": self._topic_by_class[type(entry.event)],
                "type": entry.event.TAG,
                "at_ms": entry.at_ms,
                "by": entry.by,
                "data": entry.fields,
            },
        )
