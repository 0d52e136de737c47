"""What the server takes, the schema takes; what the schema says of bounds, the server enforces."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, get_args

import attrs
import orjson
import pytest

from collab.kind import Tagged
from collab.kinds import BUILT_IN
from protocol.codec import decode
from protocol.errors import WireError
from protocol.messages import SUBPROTOCOL_JSON, ClientMessage
from protocol.schema import message_name
from protocol.structure import JSON, structure
from tests.schema.checking import Checker, Undeclared

OPERATIONS: Final = sorted(
    {cls for kind in BUILT_IN for cls in (*kind.commands, *kind.queries)}, key=lambda cls: cls.TAG
)
INT_MAX: Final = 2**53 - 1
# One of everything, and the far ends of numbers.
PROBES: Final = (None, True, False, -1, 0, 1, 7, 2_200, INT_MAX, INT_MAX + 1, 0.5, -0.5, 1.5)
TEXTS: Final = ("", "x", "chat:c1", "two words", "a" * 129, "en", "!", "YWJj", "a/b")
THINGS: Final[tuple[object, ...]] = ([], ["x"], ["x", "x"], {}, {"x": 1}, [{}], [1, "x", None])


@pytest.fixture(scope="module")
def checker() -> Checker:
    return Checker(BUILT_IN)


def lengths(schema: dict[str, Any]) -> Iterator[object]:
    """Yield texts and lists at the bounds that *schema* has, and one beyond."""
    for name in ("minLength", "maxLength"):
        if (bound := schema.get(name)) is not None:
            yield from ("a" * max(bound + step, 0) for step in (-1, 0, 1))
    for name in ("minItems", "maxItems"):
        if (bound := schema.get(name)) is not None:
            yield from (["a"] * max(bound + step, 0) for step in (-1, 0, 1))
    for name in ("minimum", "maximum"):
        if (bound := schema.get(name)) is not None:
            yield from (bound + step for step in (-1, 0, 1))


def is_taken(cls: Any, name: str, value: object) -> bool:
    """Say whether the server takes *value* for the field *name*, whatever the other fields are."""
    hints = attrs.resolve_types(cls)
    attribute = attrs.fields_dict(hints)[name]
    try:
        held = structure(value, attribute.type, encoding=JSON)
        if attribute.validator is not None:
            attribute.validator(None, attribute, held)
    except (WireError, ValueError, TypeError):
        return False
    return True


def is_shown(checker: Checker, place: str, schema: dict[str, Any], value: object) -> bool:
    try:
        checker.check(f"{place} {schema}", schema, value)
    except Undeclared:
        return False
    return True


# Where a schema says less than the server checks, and why.
LOOSER: Final = frozenset(
    {
        ("profile.set", "languages"),  # Tags are looked up.
        ("transcript.add_many", "chunks"),  # Their texts together.
        ("flags.set", "value"),  # An integer that JSON clients cannot count to is a number, too.
        ("preferences.set", "value"),
    }
)


@pytest.mark.parametrize("cls", OPERATIONS, ids=lambda cls: cls.TAG)
def test_schema_and_server_take_the_same_values(cls: type[Tagged], checker: Checker) -> None:
    """[P11.1] Field by field, types and bounds are those that the server enforces."""
    kind = next(kind for kind in BUILT_IN if cls in {*kind.commands, *kind.queries})
    operation = checker.operation(f"{kind.name}:x", cls.TAG)
    assert operation is not None
    name = operation["args"]["$ref"].rpartition("/")[2]
    properties = checker.document["$defs"][name]["properties"]
    fields = [field.name for field in attrs.fields(cls) if field.init]  # type: ignore[arg-type]
    assert list(properties) == fields
    for field, schema in properties.items():
        for value in (*PROBES, *TEXTS, *THINGS, *lengths(schema)):
            taken = is_taken(cls, field, value)
            shown = is_shown(checker, f"{name}.{field}", schema, value)
            if taken:
                assert shown, f"{cls.TAG}.{field}: the schema refuses {value!r:.80}"
            elif (cls.TAG, field) not in LOOSER and not may_differ(schema, value):
                assert not shown, f"{cls.TAG}.{field}: the schema takes {value!r:.80}"


def may_differ(schema: dict[str, Any], value: object) -> bool:
    """Say whether a schema cannot be as strict here: base64 and what is inside of things."""
    return "contentEncoding" in schema or (isinstance(value, list | dict) and bool(value))


@pytest.mark.parametrize("cls", get_args(ClientMessage), ids=lambda cls: cls.TAG)
def test_what_a_message_must_have_is_what_the_server_misses(cls: Any, checker: Checker) -> None:
    """[P11.1] A message without a field is refused by both, or by neither."""
    definition = checker.document["$defs"][message_name(cls)]
    whole = {"t": cls.TAG, "ref": 1, "n": 1, "token": "x", "target": "pad:p1", "op": "x"}
    whole |= {"topics": ["lines"]}
    for name in definition["properties"]:
        message = {key: value for key, value in whole.items() if key != name}
        given = {key: value for key, value in message.items() if key in definition["properties"]}
        shown = is_shown(
            checker, f"{cls.__name__}", {"$ref": f"#/$defs/{message_name(cls)}"}, given
        )
        assert shown == is_readable(given), name


def is_readable(message: dict[str, Any]) -> bool:
    try:
        decode(orjson.dumps(message), SUBPROTOCOL_JSON)
    except WireError:
        return False
    return True
