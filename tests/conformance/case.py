"""Cases as they are read, and placeholders: what is filled in when sent, bound when received."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from attrs import define, field, frozen

CASES: Final = Path(__file__).parent / "cases"
OUR_USER: Final = "ann"
ANY: Final = "$any"  # Anything or nothing; never sent.
TEXT: Final = "$text"  # Some words for people.
_ABSENT: Final = object()


@frozen
class Case:
    """One recorded exchange."""

    name: str
    about: str
    rules: tuple[str, ...]
    play: frozenset[str]
    values: Mapping[str, Any]
    steps: tuple[Mapping[str, Any], ...]

    @property
    def is_text_only(self) -> bool:
        """True if it can only be played in JSON."""
        return any("raw" in step for step in self.steps)

    def users(self) -> dict[str, str]:
        """Return who speaks on which connection."""
        return {
            step["connect"]: step.get("user", OUR_USER) for step in self.steps if "connect" in step
        }


def cases(part: str | None = None) -> list[Case]:
    """Return all cases, or those that *part* (``server`` or ``client``) plays."""
    found = [read_case(path) for path in sorted(CASES.glob("*.json"))]
    return [case for case in found if part is None or part in case.play]


def read_case(path: Path) -> Case:
    held = json.loads(path.read_text())
    return Case(
        name=path.stem,
        about=held["about"],
        rules=tuple(held["rules"]),
        play=frozenset(held.get("play", ("server", "client"))),
        values=held.get("values", {}),
        steps=tuple(held["steps"]),
    )


class Mismatch(AssertionError):
    """What came is not what the case says."""


@define
class Bindings:
    """What the placeholders of one run stand for."""

    recorded: Mapping[str, Any]
    bound: dict[str, Any] = field(factory=dict)

    # ------------------------------------------------------------ to send

    def fill(self, template: Any, *, has_bytes: bool) -> Any:
        """Return *template* with values for placeholders; bytes native if the encoding has them."""
        if template == TEXT:
            return "some words"
        if isinstance(template, str) and template.startswith("$"):
            return self._value(template)
        if isinstance(template, list):
            return [self.fill(item, has_bytes=has_bytes) for item in template]
        if not isinstance(template, dict):
            return template
        if "$bytes" in template:
            text = self.fill(template["$bytes"], has_bytes=has_bytes)
            return base64.b64decode(text) if has_bytes else text
        return {
            self.fill(name, has_bytes=has_bytes): self.fill(item, has_bytes=has_bytes)
            for name, item in template.items()
            if item != ANY
        }

    def _value(self, name: str) -> Any:
        if name not in self.bound:
            if name not in self.recorded:
                raise Mismatch(f"{name} is sent before it was received, and has no recorded value")
            self.bound[name] = self.recorded[name]
        return self.bound[name]

    # ------------------------------------------------------------ received

    def match(self, template: Any, got: Any, place: str = "") -> None:
        """Bind the placeholders of *template* to what *got* has there.

        Raises:
          Mismatch: it is something else.
        """
        if template == ANY or (template == TEXT and isinstance(got, str)):
            return
        if isinstance(template, str) and template.startswith("$"):
            if got is _ABSENT or got is None:
                raise Mismatch(f"{place}: nothing there for {template}")
            template = self.bound.setdefault(template, got)
        if isinstance(template, dict) and "$bytes" in template:
            template = template["$bytes"]
            self.match(template, got, place)
        elif isinstance(template, dict) and isinstance(got, dict):
            template = {self.bound.get(name, name): item for name, item in template.items()}
            for name in template.keys() | got.keys():
                expected, found = template.get(name), got.get(name, _ABSENT)
                if expected is not None or found not in (None, _ABSENT):
                    self.match(expected, found, f"{place}.{name}")
        elif isinstance(template, list) and isinstance(got, list):
            if len(template) != len(got):
                raise Mismatch(f"{place}: {len(got)} items instead of {len(template)}: {got}")
            for index, (expected, found) in enumerate(zip(template, got, strict=True)):
                self.match(expected, found, f"{place}[{index}]")
        elif type(template) is not type(got) or template != got:
            shown = "nothing" if got is _ABSENT else repr(got)
            raise Mismatch(f"{place}: {shown} instead of {template!r}")

    def match_message(self, template: Mapping[str, Any], got: Mapping[str, Any]) -> None:
        """Do the same for a whole message; topics of a subscription come in any order."""
        if template.get("t") == got.get("t") == "subscribe":
            template, got = _ordered(template), _ordered(got)
        try:
            self.match(template, got)
        except Mismatch as mismatch:
            raise Mismatch(f"{mismatch}\nexpected {template}\ngot      {got}") from None


def _ordered(message: Mapping[str, Any]) -> dict[str, Any]:
    return {**message, "topics": sorted(message["topics"])}


def connection_of(step: Mapping[str, Any], newest: str) -> str:
    """Return the name of the connection that *step* is about."""
    for word in ("on", "connect", "drop", "closed"):
        if word in step:
            return str(step[word])
    return newest


def in_json(value: Any) -> Any:
    """Return *value* as the JSON subprotocol has it: bytes as base64."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, Mapping):
        return {name: in_json(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [in_json(item) for item in value]
    return value
