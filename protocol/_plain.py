"""Hooks that turn attrs classes into plain data: maps, lists, strings, numbers, bytes.

``protocol.structure`` gives them to cattrs. Nothing is left out; a tagged class inside a declared
union carries its tag under ``"type"``; sets become sorted lists, so that equal values give equal
bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from types import NoneType
from typing import Any, get_args, get_origin

import attrs
from cattrs import Converter

from protocol._unions import is_enum, is_union

Hook = Callable[[Any], Any]


def _element_hook(shape: Any, converter: Converter, place: int) -> Hook:
    args = get_args(shape)
    if len(args) <= place or isinstance(args[place], type(Ellipsis)):
        return converter.unstructure
    return converter.get_unstructure_hook(args[place])


def _list_factory(shape: Any, converter: Converter) -> Hook:
    args = get_args(shape)
    if get_origin(shape) is tuple and args and args[-1] is not Ellipsis:
        hooks = [converter.get_unstructure_hook(element) for element in args]
        return lambda value: [hook(item) for hook, item in zip(hooks, value, strict=True)]
    hook = _element_hook(shape, converter, 0)
    return lambda value: [hook(item) for item in value]


def _set_factory(shape: Any, converter: Converter) -> Hook:
    hook = _element_hook(shape, converter, 0)
    return lambda value: _in_order(hook(item) for item in value)


def _in_order(items: Iterable[Any]) -> list[Any]:
    found = list(items)
    try:
        return sorted(found)
    except TypeError:  # Not comparable with each other, as maps are.
        return sorted(found, key=repr)


def _dict_factory(shape: Any, converter: Converter) -> Hook:
    key_hook = _element_hook(shape, converter, 0)
    hook = _element_hook(shape, converter, 1)
    return lambda value: {key_hook(key): hook(item) for key, item in value.items()}


def _union_factory(shape: Any, converter: Converter) -> Hook:
    members = [member for member in get_args(shape) if member is not NoneType]
    classes = [member for member in members if attrs.has(get_origin(member) or member)]
    if len(members) == 1:
        only = converter.get_unstructure_hook(members[0])
        return lambda value: None if value is None else only(value)
    if len(classes) < 2:
        return converter.unstructure
    by_class = {cls: (cls.TAG, converter.get_unstructure_hook(cls)) for cls in classes}

    def unstructure_tagged(value: Any) -> Any:
        found = by_class.get(type(value))
        if found is None:
            return converter.unstructure(value)
        return {"type": found[0], **found[1](value)}

    return unstructure_tagged


def _is_a(shape: Any, *bases: type) -> bool:
    origin = get_origin(shape) or shape
    return isinstance(origin, type) and issubclass(origin, bases)


def _same(value: Any) -> Any:
    return value


def plain_converter() -> Converter:
    """Return a converter whose ``unstructure`` gives plain data."""
    converter = Converter()
    factory = converter.register_unstructure_hook_factory
    factory(lambda shape: _is_a(shape, list, tuple) or _is_sequence(shape), _list_factory)
    factory(lambda shape: _is_a(shape, AbstractSet), _set_factory)
    factory(lambda shape: _is_a(shape, Mapping), _dict_factory)
    factory(is_union, _union_factory)
    converter.register_unstructure_hook_func(is_enum, lambda member: member.value)
    converter.register_unstructure_hook_func(
        lambda shape: shape in (str, int, float, bool, bytes, NoneType), _same
    )
    return converter


def _is_sequence(shape: Any) -> bool:
    origin = get_origin(shape)
    return getattr(origin, "__module__", "") == "collections.abc" and origin.__name__ in (
        "Sequence",
        "MutableSequence",
    )
