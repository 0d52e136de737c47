"""Plain data <-> attrs classes, without coercion."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, ClassVar, Literal

import pytest
from attrs import define, field, frozen
from attrs.validators import in_, max_len
from cattrs.errors import StructureHandlerNotFoundError
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import WireError
from protocol.structure import pack, structure, unpack, unstructure


class Colour(enum.Enum):
    RED = "red"
    ONE = 1


@frozen
class Words:
    TAG: ClassVar[str] = "words"
    text: str = field(validator=max_len(10))


@frozen
class Picture:
    TAG: ClassVar[str] = "picture"
    raw: bytes
    width: float = 1.0


@frozen
class Everything:
    number: int
    real: float
    flag: bool
    text: str
    raw: bytes
    maybe: str | None
    either: int | str | None
    colour: Colour
    size: Literal["s", "m", 3]
    parts: tuple[Words | Picture, ...]
    by_name: Mapping[str, Words]
    by_number: dict[int, str]
    names: frozenset[str]
    pair: tuple[int, str]
    row: Sequence[int]
    free: Any = None
    nested: Words | None = None
    kids: list[Everything] = field(factory=list)


def example(**changes: Any) -> Everything:
    fields: dict[str, Any] = {
        "number": 1, "real": 1.5, "flag": True, "text": "é", "raw": b"\x00\xff", "maybe": None,
        "either": "x", "colour": Colour.ONE, "size": 3, "parts": (Words("a"), Picture(b"p")),
        "by_name": {"k": Words("b")}, "by_number": {7: "seven"}, "names": frozenset("cab"),
        "pair": (1, "one"), "row": (1, 2), "free": {"a": [1, None, {"b": 2.5}]},
    }  # fmt: skip
    return Everything(**{**fields, **changes})


def test_storage_gives_back_what_it_got() -> None:
    """[W1.7] pack and unpack are inverse, for nested classes, unions, sets and integer keys."""
    whole = example(nested=Words("n"), kids=[example()])
    assert unpack(pack(whole), Everything) == whole
    assert pack(example(names=frozenset("abc"))) == pack(example(names=frozenset("cba")))
    members: list[Words | Picture] = [Words("a"), Picture(b"b")]
    assert unpack(pack(members, list[Words | Picture]), list[Words | Picture]) == members


def test_nothing_is_left_out() -> None:
    """[W1.7] Defaults and None are written; tagged unions carry their type; tuples are lists."""
    plain = unstructure(example())
    assert plain["maybe"] is None
    assert plain["kids"] == []
    assert plain["parts"] == [
        {"type": "words", "text": "a"},
        {"type": "picture", "raw": b"p", "width": 1.0},
    ]
    assert plain["names"] == ["a", "b", "c"]
    assert plain["colour"] == 1
    assert plain["by_name"] == {"k": {"text": "b"}}


WRONG: list[tuple[str, Any, str]] = [
    ("number", "1", "number: expected an integer, got a string"),
    ("number", True, "number: expected an integer, got a boolean"),
    ("number", 1.0, "number: expected an integer, got a number"),
    ("number", 2**53, "number: is beyond 9007199254740991"),
    ("real", True, "real: expected a number, got a boolean"),
    ("real", "1.5", "real: expected a number, got a string"),
    ("real", float("nan"), "real: is not a finite number"),
    ("flag", 1, "flag: expected a boolean, got an integer"),
    ("flag", "no", "flag: expected a boolean, got a string"),
    ("text", 1, "text: expected a string, got an integer"),
    ("text", b"x", "text: expected a string, got bytes"),
    ("text", "a\x00b", "text: holds a NUL character"),
    ("text", "\ud800", "text: holds a lone surrogate"),
    ("raw", "AA==", "raw: expected bytes, got a string"),
    ("maybe", 1, "maybe: expected null or a string, got an integer"),
    ("either", 1.5, "either: expected null or an integer or a string, got a number"),
    ("either", True, "either: expected null or an integer or a string, got a boolean"),
    ("colour", True, "colour: is not one of 'red', 1"),
    ("colour", [1], "colour: expected one of 'red', 1, got a list"),
    ("size", True, "size: is not one of 's', 'm', 3"),
    ("size", 3.0, "size: is not one of 's', 'm', 3"),
    ("parts", "ab", "parts: expected a list, got a string"),
    ("parts", [{"type": "words"}], "parts[0].text: is missing"),
    ("parts", [{"text": "a"}], "parts[0]: type is not one of picture, words"),
    ("parts", [{"type": ["words"], "text": "a"}], "parts[0]: type is not one of picture, words"),
    ("parts", [{"type": "words", "text": "a" * 11}], "parts[0]: Length of 'text' must be <= 10"),
    ("by_name", [], "by_name: expected a map, got a list"),
    ("by_name", {"k": {"text": 1}}, "by_name['k'].text: expected a string, got an integer"),
    ("by_name", {"\x00": {"text": "a"}}, "by_name['\\x00']: holds a NUL character"),
    ("by_number", {"07": "x"}, "by_number['07']: expected an integer key, got a string"),
    ("names", ["a", "a"], "names: holds something twice"),
    ("pair", [1], "pair: expected 2 items, got 1"),
    ("pair", ["one", 1], "pair[0]: expected an integer, got a string"),
    ("row", [1, "2"], "row[1]: expected an integer, got a string"),
    ("row", {"0": 1}, "row: expected a list, got a map"),
    ("free", {"a": ["\x00"]}, "free: holds a NUL character"),
    ("free", {1: 2}, "free: expected a string, got an integer"),
    ("free", object(), "free: expected plain data, got something else"),
    ("nested", "text", "nested: expected null or a map, got a string"),
    ("kids", [{"number": 1}], "kids[0].real: is missing"),
]


@pytest.mark.parametrize(("name", "value", "message"), WRONG)
def test_nothing_is_coerced_and_the_error_names_the_place(
    name: str, value: Any, message: str
) -> None:
    """[W1.4] Every misfit is bad_request with the way to it."""
    plain = {**unstructure(example()), name: value}
    with pytest.raises(WireError) as caught:
        structure(plain, Everything, encoding="msgpack")
    assert caught.value.code == "bad_request"
    assert caught.value.message.startswith(message)


@pytest.mark.parametrize("value", [None, 1, "abc", [], b"", True])
def test_a_class_is_a_map(value: object) -> None:
    """[W1.4] Also for a class all of whose fields have defaults."""

    @frozen
    class Lax:
        a: int = 1
        b: str = ""

    with pytest.raises(WireError, match="expected a map"):
        structure(value, Lax, encoding="json")


def test_an_integer_is_a_number_and_unknown_fields_are_ignored() -> None:
    """[W1.3] [W1.4] The one widening there is; new fields of newer clients do no harm."""
    plain = {**unstructure(example()), "real": 2, "brand_new": "\x00"}
    structured = structure(plain, Everything, encoding="msgpack")
    assert type(structured.real) is float
    assert structured == example(real=2.0)


def test_bytes_are_base64_in_json() -> None:
    """[W1.2] And native in MessagePack."""
    assert structure({"raw": "AP8="}, Picture, encoding="json").raw == b"\x00\xff"
    for wrong in ("AP8", "A P8=", "é", 1, None):
        with pytest.raises(WireError, match="raw: "):
            structure({"raw": wrong}, Picture, encoding="json")


def test_whatever_a_validator_raises_is_bad_request() -> None:
    """[W1.4] KeyError, TypeError, ValueError: one place turns all of them."""

    @define
    class Touchy:
        a: int = field()
        b: str = field(default="x", validator=in_(["x", "y"]))

        @a.validator
        def _check(self, _attribute: object, value: int) -> None:
            raise [KeyError("a"), TypeError(), ValueError("\ud800"), RecursionError()][value]

    for number in range(4):
        with pytest.raises(WireError) as caught:
            structure({"a": number}, Touchy, encoding="json")
        assert caught.value.code == "bad_request"
        caught.value.message.encode()


def test_a_huge_list_of_misfits_costs_one_error() -> None:
    """[W1.6] The first misfit ends it."""
    with pytest.raises(WireError, match=r"row\[0\]"):
        structure(
            {**unstructure(example()), "row": ["x"] * 200_000}, Everything, encoding="msgpack"
        )


def test_a_shape_that_cannot_be_structured_is_your_mistake() -> None:
    """[W1.4] Ambiguous unions are found when they are compiled, not in production."""

    @frozen
    class Ambiguous:
        a: list[int] | tuple[str, ...]

    with pytest.raises(StructureHandlerNotFoundError):
        structure({"a": [1]}, Ambiguous, encoding="json")


@pytest.mark.parametrize("damaged", [b"", b"\xc1", b"\x93\x01", b"\x01\x02", b"\x91" * 5_000])
def test_damaged_storage_is_a_typed_error(damaged: bytes) -> None:
    """[W1.7] unpack raises nothing else."""
    with pytest.raises(WireError):
        unpack(damaged, Everything)


_PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(value=_PLAIN, name=st.sampled_from([name for name, _, _ in WRONG]))
def test_any_value_in_any_field_is_taken_or_refused_with_a_typed_error(
    value: Any, name: str
) -> None:
    """[W1.4] No other exception leaves, and what is taken can be written and read again."""
    with suppress(WireError):
        taken = structure({**unstructure(example()), name: value}, Everything, encoding="msgpack")
        assert unpack(pack(taken), Everything) == taken
