"""Hooks that structure without coercion: what arrives has the declared type, or is refused.

``protocol.structure`` gives them to cattrs. A hook takes ``(value, shape)`` and returns the
structured value or raises :class:`Misfit`; a *factory* makes the hook of one shape, once.
"""

from __future__ import annotations

import base64
import binascii
import enum
import math
from collections.abc import Callable, Iterable, Mapping, MutableMapping, MutableSequence, Sequence
from collections.abc import Set as AbstractSet
from types import MappingProxyType, NoneType, UnionType
from typing import Any, Final, Literal, TypeVar, Union, get_args, get_origin

import attrs
from cattrs import Converter
from cattrs.errors import StructureHandlerNotFoundError
from cattrs.gen import make_dict_structure_fn

from protocol.limits import INT_MAX

Hook = Callable[[Any, Any], Any]
T = TypeVar("T")

JSON: Final = "json"
MSGPACK: Final = "msgpack"
STORAGE: Final = "storage"  # msgpack that we wrote ourselves: no bounds of the wire.

_KINDS: Final[Mapping[type, str]] = MappingProxyType(
    {
        NoneType: "null",
        bool: "a boolean",
        int: "an integer",
        float: "a number",
        str: "a string",
        bytes: "bytes",
        list: "a list",
        tuple: "a list",
        dict: "a map",
    }
)
_DICT_ORIGINS: Final = (dict, Mapping, MutableMapping)
_LIST_ORIGINS: Final = (list, MutableSequence)
_TUPLE_ORIGINS: Final = (tuple, Sequence)
_SET_ORIGINS: Final = (set, frozenset, AbstractSet)


class Misfit(ValueError):
    """A value that does not have the declared shape."""


class MisfitAt(ValueError):
    """A misfit inside a list or map, at *place*; its cause says what."""

    def __init__(self, place: int | str) -> None:
        super().__init__(place)
        self.place = place


def _wrong(expected: str, value: object) -> Misfit:
    return Misfit(f"expected {expected}, got {_KINDS.get(type(value), 'something else')}")


# ---------------------------------------------------------------- scalars


def _text(value: Any, _shape: Any) -> str:
    if type(value) is not str:
        raise _wrong("a string", value)
    if "\x00" in value:
        raise Misfit("holds a NUL character")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise Misfit("holds a lone surrogate") from None
    return value


def _stored_text(value: Any, _shape: Any) -> str:
    if type(value) is not str:
        raise _wrong("a string", value)
    return value


def _integer(value: Any, _shape: Any) -> int:
    if type(value) is not int:
        raise _wrong("an integer", value)
    if not -INT_MAX <= value <= INT_MAX:
        raise Misfit(f"is beyond {INT_MAX}")
    return value


def _stored_integer(value: Any, _shape: Any) -> int:
    if type(value) is not int:
        raise _wrong("an integer", value)
    return value


def _number(value: Any, _shape: Any) -> float:
    if type(value) is int:
        return float(value)
    if type(value) is not float:
        raise _wrong("a number", value)
    if not math.isfinite(value):
        raise Misfit("is not a finite number")
    return value


def _boolean(value: Any, _shape: Any) -> bool:
    if type(value) is not bool:
        raise _wrong("a boolean", value)
    return value


def _nothing(value: Any, _shape: Any) -> None:
    if value is not None:
        raise _wrong("null", value)


def _native_bytes(value: Any, _shape: Any) -> bytes:
    if type(value) is not bytes:
        raise _wrong("bytes", value)
    return value


def _base64_bytes(value: Any, _shape: Any) -> bytes:
    if type(value) is not str:
        raise _wrong("a base64 string", value)
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise Misfit("is not base64") from None


def _plain_hook(encoding: str) -> Hook:
    """Return the hook of ``Any``: plain data only, handed on as it is."""
    text = _stored_text if encoding == STORAGE else _text
    integer = _stored_integer if encoding == STORAGE else _integer

    def plain(value: Any, shape: Any) -> Any:
        kind = type(value)
        if kind is str:
            text(value, shape)
        elif kind is dict:
            for key, item in value.items():
                if type(key) is not int or encoding != STORAGE:
                    text(key, shape)
                plain(item, shape)
        elif kind is list or kind is tuple:
            for item in value:
                plain(item, shape)
        elif kind is int:
            integer(value, shape)
        elif kind is float:
            _number(value, shape)
        elif not (value is None or kind is bool or (kind is bytes and encoding != JSON)):
            raise _wrong("plain data", value)
        return value

    return plain


# ---------------------------------------------------------------- choices


def _choice_hook(choices: Mapping[tuple[type, Any], Any]) -> Hook:
    names = ", ".join(repr(value) for _, value in choices)

    def choose(value: Any, _shape: Any) -> Any:
        # The type is part of the key: True is not 1. Lists and maps cannot be hashed.
        if type(value) not in _KINDS or type(value) in (list, tuple, dict):
            raise _wrong(f"one of {names}", value)
        try:
            return choices[type(value), value]
        except KeyError:
            raise Misfit(f"is not one of {names}") from None

    return choose


def _literal_factory(shape: Any) -> Hook:
    return _choice_hook({(type(value), value): value for value in get_args(shape)})


def _enum_factory(shape: Any) -> Hook:
    return _choice_hook({_enum_key(member): member for member in shape})


def _enum_key(member: enum.Enum) -> tuple[type, Any]:
    return type(member.value), member.value


# ---------------------------------------------------------------- containers


def _items(value: Any) -> Any:
    if type(value) is not list and type(value) is not tuple:
        raise _wrong("a list", value)
    return value


def _each(hook: Hook, element: Any, *, explains: bool) -> Callable[[Any], Iterable[Any]]:
    """Return what structures every item of a list; it stops at the first misfit."""

    def quickly(value: Any) -> Iterable[Any]:
        return [hook(item, element) for item in _items(value)]

    def explaining(value: Any) -> Iterable[Any]:
        result = []
        for place, item in enumerate(_items(value)):
            try:
                result.append(hook(item, element))
            except Exception as error:
                raise MisfitAt(place) from error
        return result

    return explaining if explains else quickly


def _list_factory(shape: Any, converter: Converter) -> Hook:
    make = tuple if _origin(shape) in _TUPLE_ORIGINS else list
    (element, *_) = get_args(shape) or (Any,)
    each = _each(
        converter.get_structure_hook(element), element, explains=converter.detailed_validation
    )

    def structure_list(value: Any, _shape: Any) -> Any:
        return make(each(value))

    return structure_list


def _fixed_tuple_factory(shape: Any, converter: Converter) -> Hook:
    elements = [(converter.get_structure_hook(element), element) for element in get_args(shape)]

    def structure_tuple(value: Any, _shape: Any) -> Any:
        if len(_items(value)) != len(elements):
            raise Misfit(f"expected {len(elements)} items, got {len(value)}")
        result = []
        for place, (hook, element) in enumerate(elements):
            try:
                result.append(hook(value[place], element))
            except Exception as error:
                raise MisfitAt(place) from error
        return tuple(result)

    return structure_tuple


def _set_factory(shape: Any, converter: Converter) -> Hook:
    make = set if _origin(shape) is set else frozenset
    (element,) = get_args(shape) or (Any,)
    each = _each(
        converter.get_structure_hook(element), element, explains=converter.detailed_validation
    )

    def structure_set(value: Any, _shape: Any) -> Any:
        result = make(each(value))
        if len(result) != len(value):
            raise Misfit("holds something twice")
        return result

    return structure_set


def _dict_factory(shape: Any, converter: Converter) -> Hook:
    key_shape, item_shape = get_args(shape) or (str, Any)
    key_of = _decimal_key if key_shape is int else converter.get_structure_hook(key_shape)
    hook = converter.get_structure_hook(item_shape)

    def structure_dict(value: Any, _shape: Any) -> Any:
        if type(value) is not dict:
            raise _wrong("a map", value)
        return {key_of(k, key_shape): hook(item, item_shape) for k, item in value.items()}

    def explain_dict(value: Any, _shape: Any) -> Any:
        if type(value) is not dict:
            raise _wrong("a map", value)
        for key, item in value.items():
            try:
                key_of(key, key_shape)
                hook(item, item_shape)
            except Exception as error:
                raise MisfitAt(str(key)) from error
        return structure_dict(value, _shape)

    return explain_dict if converter.detailed_validation else structure_dict


def _decimal_key(value: Any, _shape: Any) -> int:
    """Return an integer key; JSON can only write it as its canonical decimal string."""
    if type(value) is int:
        return value
    if type(value) is str and len(value) <= 20:
        try:
            number = int(value)
        except ValueError:
            number = None
        if number is not None and str(number) == value:
            return number
    raise _wrong("an integer key", value)


# ---------------------------------------------------------------- classes and unions


def _class_factory(shape: Any, converter: Converter) -> Hook:
    fill = make_dict_structure_fn(
        shape,
        converter,
        _cattrs_forbid_extra_keys=False,
        _cattrs_detailed_validation=converter.detailed_validation,
    )

    def structure_class(value: Any, shape: Any) -> Any:
        if type(value) is not dict:
            raise _wrong("a map", value)
        return fill(value, shape)

    return structure_class


def _union_factory(shape: Any, converter: Converter) -> Hook:
    """Return the hook of a union: at most one member fits each kind of plain value.

    Two or more attrs classes are told apart by the tag under ``"type"``.
    """
    members = [member for member in get_args(shape) if member is not NoneType]
    takes_none = len(members) < len(get_args(shape))
    classes = [member for member in members if attrs.has(_origin(member))]
    by_kind: dict[type, tuple[Hook, Any]] = {}
    if len(classes) > 1:
        by_kind[dict] = (_tagged_hook(classes, converter), shape)
        members = [member for member in members if member not in classes]
    if takes_none:
        by_kind[NoneType] = (_nothing, NoneType)
    for member in sorted(members, key=lambda member: member is float):
        for kind in _kinds_of(member, converter):
            if kind in by_kind and not (member is float and kind is int):
                raise StructureHandlerNotFoundError(f"{shape} is ambiguous", shape)
            by_kind.setdefault(kind, (converter.get_structure_hook(member), member))
    expected = " or ".join(dict.fromkeys(_KINDS[kind] for kind in by_kind if kind is not tuple))

    def structure_union(value: Any, _shape: Any) -> Any:
        found = by_kind.get(type(value))
        if found is None:
            raise _wrong(expected, value)
        return found[0](value, found[1])

    return structure_union


def _tagged_hook(classes: Sequence[Any], converter: Converter) -> Hook:
    by_tag = {cls.TAG: (converter.get_structure_hook(cls), cls) for cls in classes}
    names = ", ".join(sorted(by_tag))

    def structure_tagged(value: Any, _shape: Any) -> Any:
        tag = value.get("type")
        found = by_tag.get(tag) if type(tag) is str else None
        if found is None:
            raise Misfit(f"type is not one of {names}")
        return found[0](value, found[1])

    return structure_tagged


def _kinds_of(member: Any, converter: Converter) -> tuple[type, ...]:
    """Return the plain types whose values can be structured into *member*."""
    origin = _origin(member)
    if origin is Literal:
        return tuple({type(value) for value in get_args(member)})
    if is_enum(member):
        return tuple({type(choice.value) for choice in member})
    if member is float:
        return (float, int)
    if member is bytes and converter.get_structure_hook(bytes) is _base64_bytes:
        return (str,)
    if member in (str, int, bool, bytes):
        return (member,)
    if origin in _DICT_ORIGINS or attrs.has(origin):
        return (dict,)
    if origin in (*_LIST_ORIGINS, *_TUPLE_ORIGINS, *_SET_ORIGINS):
        return (list, tuple)
    raise StructureHandlerNotFoundError(f"{member} cannot be part of a union", member)


# ---------------------------------------------------------------- assembly


def _origin(shape: Any) -> Any:
    return get_origin(shape) or shape


def is_enum(shape: Any) -> bool:
    """Say whether *shape* is an enumeration."""
    return isinstance(shape, type) and issubclass(shape, enum.Enum)


def is_union(shape: Any) -> bool:
    """Say whether *shape* is a union, ``Optional`` included."""
    return get_origin(shape) in (Union, UnionType)


def _is_fixed_tuple(shape: Any) -> bool:
    args = get_args(shape)
    return get_origin(shape) is tuple and bool(args) and args[-1] is not Ellipsis


def _unchecked(value: Any, _shape: Any) -> Any:
    return value


def strict_converter(encoding: str, *, explains: bool, trusts_any: bool = False) -> Converter:
    """Return a converter that structures strictly.

    *explains*: its errors carry the way to the misfit; slower, so it is asked only after another
    one has refused. *trusts_any*: what is declared as ``Any`` is handed on unchecked.
    """
    converter = Converter(detailed_validation=explains, forbid_extra_keys=False)
    is_stored = encoding == STORAGE
    # By class: cattrs looks these up before any predicate.
    add = converter.register_structure_hook
    add(str, _stored_text if is_stored else _text)
    add(int, _stored_integer if is_stored else _integer)
    add(float, _number)
    add(bool, _boolean)
    add(NoneType, _nothing)
    add(bytes, _base64_bytes if encoding == JSON else _native_bytes)
    converter.register_structure_hook_func(
        lambda shape: shape is Any or shape is object,
        _unchecked if trusts_any else _plain_hook(encoding),
    )

    factory = converter.register_structure_hook_factory
    factory(lambda shape: _origin(shape) in _DICT_ORIGINS, _dict_factory)
    factory(lambda shape: _origin(shape) in _SET_ORIGINS, _set_factory)
    factory(lambda shape: _origin(shape) in (*_LIST_ORIGINS, *_TUPLE_ORIGINS), _list_factory)
    factory(_is_fixed_tuple, _fixed_tuple_factory)
    factory(lambda shape: attrs.has(_origin(shape)), _class_factory)
    factory(is_union, _union_factory)
    factory(is_enum, lambda shape, _converter: _enum_factory(shape))
    factory(lambda shape: get_origin(shape) is Literal, lambda shape, _: _literal_factory(shape))
    return converter
