"""Holds messages against the JSON Schema, closed: what nobody has declared is a mistake."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from attrs import define, field
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from collab.kind import Kind
from collab.schema import closed, contract_of, json_schema_of


class Undeclared(AssertionError):
    """A message is not as the schema says."""


class Checker:
    """The schema of some kinds, compiled."""

    def __init__(self, kinds: Iterable[Kind[Any]]) -> None:
        self.document: dict[str, Any] = closed(json_schema_of(contract_of(kinds)))
        self._validators: dict[str, Draft202012Validator] = {}

    def exchange(self) -> Exchange:
        """Return a checker of one connection's messages."""
        return Exchange(self)

    def check(self, name: str, schema: Mapping[str, Any], value: object) -> None:
        """Raise Undeclared unless *value* is as *schema*, which *name* names, says."""
        validator = self._validators.get(name)
        if validator is None:
            held = {**schema, "$defs": self.document["$defs"]}
            validator = self._validators[name] = Draft202012Validator(held)
        for error in validator.iter_errors(value):
            place = "/".join(map(str, error.absolute_path))
            raise Undeclared(f"{name}: {place}: {error.message[:500]}\nin {value}")

    def operation(self, target: str, op: str) -> Mapping[str, Any] | None:
        """Return the schemas of an operation; None if there is none."""
        kind = self.document["x-kinds"].get(target.partition(":")[0])
        if kind is None:
            return None
        found: Mapping[str, Any] | None = {**kind["commands"], **kind["queries"]}.get(op)
        return found


@define(eq=False)
class Exchange:
    """Messages of some connections: answers are held against what they answer."""

    checker: Checker
    _asked: dict[tuple[str, int], tuple[str, str]] = field(factory=dict)

    def saw(
        self, side: str, message: Mapping[str, Any], on: str = "", *, wrong: bool = False
    ) -> None:
        """Check a message of *side* (``client`` or ``server``); a *wrong* one must be refused."""
        union = "ClientMessage" if side == "client" else "ServerMessage"
        try:
            self.checker.check(union, {"$ref": f"#/$defs/{union}"}, message)
        except Undeclared:
            if wrong:
                return
            raise
        assert not wrong, f"the schema takes {message}"
        if message["t"] == "call":
            self._asked[on, message["ref"]] = (message["target"], message["op"])
        elif message["t"] == "reply" and (on, message["ref"]) in self._asked:
            target, op = self._asked.pop((on, message["ref"]))
            operation = self.checker.operation(target, op)
            assert operation is not None, f"{op} of {target} was answered"
            name = f"answer to {op} of {target.partition(':')[0]}"
            self.checker.check(name, operation["answer"], message["value"])
