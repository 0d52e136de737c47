"""Strict hooks for attrs classes and unions of shapes.

``shape`` questions (is it a union, what is its origin) are asked here and in ``_strict``.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, MutableMapping, MutableSequence, Sequence
from collections.abc import Set as AbstractSet
from types import NoneType, UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin

import attrs
from cattrs import Converter
from cattrs.errors import StructureHandlerNotFoundError
from cattrs.gen import make_dict_structure_fn

from protocol._scalars import KINDS, Hook, Misfit, base64_bytes_hook, nothing_hook, wrong

DICT_ORIGINS: Final = (dict, Mapping, MutableMapping)
LIST_ORIGINS: Final = (list, MutableSequence)
TUPLE_ORIGINS: Final = (tuple, Sequence)
SET_ORIGINS: Final = (set, frozenset, AbstractSet)


def origin_of(shape: Any) -> Any:
    return get_origin(shape) or shape


def is_enum(shape: Any) -> bool:
    """Say whether *shape* is an enumeration."""
    return isinstance(shape, type) and issubclass(shape, enum.Enum)


def is_union(shape: Any) -> bool:
    """Say whether *shape* is a union, ``Optional`` included."""
    return get_origin(shape) in (Union, UnionType)


def class_factory(shape: Any, converter: Converter) -> Hook:
    fill = make_dict_structure_fn(
        shape,
        converter,
        _cattrs_forbid_extra_keys=False,
        _cattrs_detailed_validation=converter.detailed_validation,
    )

    def structure_class(value: Any, shape: Any) -> Any:
        if type(value) is not dict:
            raise wrong("a map", value)
        return fill(value, shape)

    return structure_class


def union_factory(shape: Any, converter: Converter) -> Hook:
    """Return the hook of a union: at most one member fits each kind of plain value.

    Two or more attrs classes are told apart by the tag under ``"type"``.
    """
    members = [member for member in get_args(shape) if member is not NoneType]
    takes_none = len(members) < len(get_args(shape))
    classes = [member for member in members if attrs.has(origin_of(member))]
    by_kind: dict[type, tuple[Hook, Any]] = {}
    if len(classes) > 1:
        by_kind[dict] = (_tagged_hook(classes, converter), shape)
        members = [member for member in members if member not in classes]
    if takes_none:
        by_kind[NoneType] = (nothing_hook, NoneType)
    for member in sorted(members, key=lambda member: member is float):
        for kind in _kinds_of(member, converter):
            if kind in by_kind and not (member is float and kind is int):
                raise StructureHandlerNotFoundError(f"{shape} is ambiguous", shape)
            by_kind.setdefault(kind, (converter.get_structure_hook(member), member))
    expected = " or ".join(dict.fromkeys(KINDS[kind] for kind in by_kind if kind is not tuple))

    def structure_union(value: Any, _shape: Any) -> Any:
        found = by_kind.get(type(value))
        if found is None:
            raise wrong(expected, value)
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
    origin = origin_of(member)
    if origin is Literal:
        return tuple({type(value) for value in get_args(member)})
    if is_enum(member):
        return tuple({type(choice.value) for choice in member})
    if member is float:
        return (float, int)
    if member is bytes and converter.get_structure_hook(bytes) is base64_bytes_hook:
        return (str,)
    if member in (str, int, bool, bytes):
        return (member,)
    if origin in DICT_ORIGINS or attrs.has(origin):
        return (dict,)
    if origin in (*LIST_ORIGINS, *TUPLE_ORIGINS, *SET_ORIGINS):
        return (list, tuple)
    raise StructureHandlerNotFoundError(f"{member} cannot be part of a union", member)
