"""What can be asked of each kind and what comes back, found in the kinds themselves.

Everything else in this package is a way of writing this down: JSON Schema, AsyncAPI, TypeScript,
a page for people.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from attrs import frozen

from collab.kind import Kind, Tagged, Topic
from collab.schema.answers import ANSWERS, EVENT_FIELDS, SNAPSHOTS
from collab.schema.errors import ErrorCode, error_codes
from protocol.schema import Definitions, about, define_messages, object_of

Schema = dict[str, Any]


@frozen
class Operation:
    """One command or query: its arguments, and what it is answered with."""

    op: str
    about: str
    args: Schema
    answer: Schema
    needs_key: bool  # A write that is not safe to repeat by its own rules.


@frozen
class EventShown:
    """One type of event, and its ``data``."""

    type: str
    about: str
    data: Schema


@frozen
class TopicShown:
    """One topic: where it starts from, and what happens in it."""

    name: str
    snapshot: Schema
    events: tuple[EventShown, ...]
    is_batched: bool


@frozen
class KindShown:
    """One kind."""

    name: str
    commands: tuple[Operation, ...]
    queries: tuple[Operation, ...]
    topics: tuple[TopicShown, ...]


@frozen
class Contract:
    """All kinds of a server, and the definitions that their schemas refer to."""

    kinds: tuple[KindShown, ...]
    definitions: Mapping[str, Schema]
    errors: tuple[ErrorCode, ...]


def contract_of(kinds: Iterable[Kind[Any]]) -> Contract:
    """Return the contract of a server with these *kinds*.

    Raises:
      Unshowable: a command, query or event has a field that no schema can be made of.
    """
    definitions = Definitions()
    define_messages(definitions)
    declared = tuple(kinds)
    shown = [_Reading(kind, definitions).kind_shown() for kind in declared]
    # What only other actors speak to is nobody's business.
    reachable = [kind for kind in shown if kind.commands or kind.queries or kind.topics]
    codes = error_codes(_packages_of(declared))
    return Contract(tuple(reachable), definitions.found, tuple(codes))


def _packages_of(kinds: Iterable[Kind[Any]]) -> set[str]:
    """Return the packages that *kinds* come from: whose errors may be answers."""
    classes = [cls for kind in kinds for cls in (*kind.commands, *kind.queries, *kind.events)]
    return {"collab", *(cls.__module__.partition(".")[0] for cls in classes)}


class _Reading:
    """Reads one kind."""

    def __init__(self, kind: Kind[Any], definitions: Definitions) -> None:
        self._kind = kind
        self._definitions = definitions

    def kind_shown(self) -> KindShown:
        """Return the whole kind."""
        kind = self._kind
        return KindShown(
            kind.name,
            commands=tuple(self._operation(cls) for cls in kind.commands),
            queries=tuple(self._operation(cls) for cls in kind.queries),
            topics=tuple(self._topic(name, topic) for name, topic in kind.topics.items()),
        )

    def _operation(self, cls: type[Tagged]) -> Operation:
        definitions = self._definitions
        args = self._define(f"{_pascal(cls.TAG)}Args", cls, is_input=True)
        return Operation(
            cls.TAG,
            about(cls),
            args=args,
            answer=definitions.output(_answer_of(cls)),
            needs_key=cls in self._kind.commands and cls not in self._kind.idempotent,
        )

    def _topic(self, name: str, topic: Topic[Any]) -> TopicShown:
        events = tuple(
            EventShown(cls.TAG, about(cls), self._define(cls.__name__, cls, is_input=False))
            for cls in topic.events
        )
        declared = Any if topic.shape is None else topic.shape
        shape = SNAPSHOTS.get((self._kind.name, name), declared)
        return TopicShown(name, self._definitions.output(shape), events, topic.is_batched)

    def _define(self, name: str, cls: Any, *, is_input: bool) -> Schema:
        """Define *cls* under *name*; with the kind before it if another kind has that name."""
        definitions = self._definitions
        instead = EVENT_FIELDS.get(cls)
        schema = definitions.fields(cls, is_input=is_input, instead=instead)
        if definitions.is_taken(name, cls):
            name = _pascal(self._kind.name) + name
        return definitions.add(name, cls, schema)


def _answer_of(cls: type[Tagged]) -> Any:
    """Return the shape of what *cls* is answered with; ``Any`` if nobody has said."""
    return ANSWERS[cls] if cls in ANSWERS else getattr(cls, "ANSWER", Any)


def _pascal(tag: str) -> str:
    return "".join(word.capitalize() for word in tag.replace("_", ".").split("."))


def event_of(topic: str, event: EventShown) -> Schema:
    """Return the schema of an event as subscribers get it."""
    properties: Schema = {
        "seq": {"type": "integer", "minimum": 1},
        "topic": {"const": topic},
        "type": {"const": event.type},
        "at_ms": {"type": "integer", "minimum": 0},
        "by": {"type": "string"},
        "data": event.data,
    }
    return object_of(properties, list(properties), event.about)
