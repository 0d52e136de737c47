"""The contract for people: what each kind has, as Markdown.

The part of ``docs/protocol.md`` between its marks is this; the rest there is written by hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from collab.schema.contract import Contract, KindShown, Operation, TopicShown
from protocol.schema import ts_type

Schema = dict[str, Any]


def page_of(contract: Contract) -> str:
    """Return the reference of all kinds and errors."""
    page = _Page(contract)
    parts = [part for kind in contract.kinds for part in page.kind(kind)]
    return "\n\n".join([*parts, *page.errors()]) + "\n"


class _Page:
    """Writes what refers to definitions."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract

    def kind(self, kind: KindShown) -> Iterator[str]:
        """Yield the paragraphs of one kind."""
        yield f"## `{kind.name}:KEY`"
        for title, operations in (("Commands", kind.commands), ("Queries", kind.queries)):
            if operations:
                yield f"### {title}"
                yield "\n".join(self._operation(each) for each in operations)
        if kind.topics:
            yield "### Topics"
            yield "\n".join(line for topic in kind.topics for line in self._topic(topic))

    def _operation(self, operation: Operation) -> str:
        takes = self._fields(operation.args)
        gives = self._shape(operation.answer)
        return f"- **`{operation.op}`** {takes} → {gives}. {_summary(operation.about)}"

    def _topic(self, topic: TopicShown) -> Iterator[str]:
        batched = ", sent in batches" if topic.is_batched else ""
        yield f"- **`{topic.name}`** starts from {self._shape(topic.snapshot)}{batched}; then"
        for event in topic.events:
            yield f"  - `{event.type}` {self._fields(event.data)}: {_summary(event.about)}"

    def _shape(self, schema: Schema) -> str:
        """Return a type by its name, with its fields."""
        if "$ref" not in schema:
            return f"`{ts_type(schema)}`"
        return f"{self._fields(schema)} (`{ts_type(schema)}`)"

    def _fields(self, schema: Schema) -> str:
        """Return the names of an object's fields; ``?`` marks those that may be absent."""
        held = self._contract.definitions[schema["$ref"].rpartition("/")[2]]
        required = set(held.get("required", ()))
        names = held.get("properties", ())
        return f"`{{{', '.join(name if name in required else name + '?' for name in names)}}}`"

    def errors(self) -> Iterable[str]:
        """Return the paragraphs of all codes."""
        rows = [
            f"| `{each.code}` | {'yes' if each.retryable else 'no'} | {each.about} |"
            for each in self._contract.errors
        ]
        table = "\n".join(["| code | can a retry help? | meaning |", "|---|---|---|", *rows])
        return "## Errors", table


def _summary(about: str) -> str:
    return about.partition("\n\n")[0].replace("\n", " ")
