"""The contract for people: what each kind has, as Markdown.

The part of ``docs/protocol.md`` between its marks is this; the rest there is written by hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from collab.schema.contract import Contract, KindShown, Operation, TopicShown
from protocol.schema import ts_type

Schema = dict[str, Any]


def page_of(contract: Contract) -> str:
    """Return the reference of all kinds and errors."""
    parts = [part for kind in contract.kinds for part in _kind(kind, contract)]
    return "\n\n".join([*parts, *_errors(contract)]) + "\n"


def _kind(kind: KindShown, contract: Contract) -> Iterator[str]:
    yield f"## `{kind.name}:KEY`"
    if kind.topics:
        yield "### Topics"
        yield "\n".join(_topic(topic) for topic in kind.topics)
    for title, operations in (("Commands", kind.commands), ("Queries", kind.queries)):
        if operations:
            yield f"### {title}"
            yield "\n".join(_operation(each, contract) for each in operations)


def _topic(topic: TopicShown) -> str:
    batched = " (sent in batches)" if topic.is_batched else ""
    events = ", ".join(f"`{event.type}`" for event in topic.events)
    return f"- **`{topic.name}`**{batched} starts from {_type(topic.snapshot)}; then {events}"


def _operation(operation: Operation, contract: Contract) -> str:
    names = _fields(contract.definitions[_name_of(operation.args)])
    takes = f"({', '.join(names)})" if names else "()"
    summary = operation.about.partition("\n\n")[0].replace("\n", " ")
    return f"- **`{operation.op}`** {takes} → {_type(operation.answer)}. {summary}"


def _fields(schema: Schema) -> list[str]:
    required = set(schema.get("required", ()))
    return [
        f"`{name}`" if name in required else f"`{name}?`" for name in schema.get("properties", ())
    ]


def _name_of(schema: Schema) -> str:
    return str(schema["$ref"]).rpartition("/")[2]


def _type(schema: Schema) -> str:
    return f"`{ts_type(schema)}`"


def _errors(contract: Contract) -> Iterator[str]:
    yield "## Errors"
    rows = [
        f"| `{each.code}` | {'yes' if each.retryable else 'no'} | {each.about} |"
        for each in contract.errors
    ]
    yield "\n".join(["| code | retry | meaning |", "|---|---|---|", *rows])
