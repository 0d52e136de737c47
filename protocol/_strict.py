"""A cattrs converter that structures without coercion.

What arrives has the declared type, or is refused. Here are the containers and the assembly;
single values are in ``_scalars``, classes and unions in ``_unions``. A *factory* makes the hook
of one shape, once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import NoneType
from typing import Any, Literal, get_args, get_origin

import attrs
from cattrs import Converter

from protocol._scalars import (
    JSON,
    STORAGE,
    Hook,
    Misfit,
    MisfitAt,
    base64_bytes_hook,
    boolean_hook,
    enum_factory,
    integer_hook,
    literal_factory,
    native_bytes_hook,
    nothing_hook,
    number_hook,
    plain_hook,
    stored_integer_hook,
    stored_text_hook,
    text_hook,
    wrong,
)
from protocol._unions import (
    DICT_ORIGINS,
    LIST_ORIGINS,
    SET_ORIGINS,
    TUPLE_ORIGINS,
    class_factory,
    is_enum,
    is_union,
    origin_of,
    union_factory,
)

# ---------------------------------------------------------------- containers


def _items(value: Any) -> Any:
    if type(value) is not list and type(value) is not tuple:
        raise wrong("a list", value)
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
    make = tuple if origin_of(shape) in TUPLE_ORIGINS else list
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
    make = set if origin_of(shape) is set else frozenset
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
    if key_shape is str and converter.get_structure_hook(item_shape) is _unchecked:
        return _named_factory(converter)
    key_of = _decimal_key if key_shape is int else converter.get_structure_hook(key_shape)
    hook = converter.get_structure_hook(item_shape)

    def structure_dict(value: Any, _shape: Any) -> Any:
        if type(value) is not dict:
            raise wrong("a map", value)
        return {key_of(k, key_shape): hook(item, item_shape) for k, item in value.items()}

    def explain_dict(value: Any, _shape: Any) -> Any:
        if type(value) is not dict:
            raise wrong("a map", value)
        for key, item in value.items():
            try:
                key_of(key, key_shape)
                hook(item, item_shape)
            except Exception as error:
                raise MisfitAt(str(key)) from error
        return structure_dict(value, _shape)

    return explain_dict if converter.detailed_validation else structure_dict


def _named_factory(converter: Converter) -> Hook:
    """Return the hook of a map whose values somebody else checks: only its names are looked at."""
    check = converter.get_structure_hook(str)

    def structure_named(value: Any, _shape: Any) -> Any:
        if type(value) is not dict:
            raise wrong("a map", value)
        for key in value:
            if type(key) is not str or not key.isidentifier():  # Nearly all are: nothing to check.
                check(key, str)
        return value

    return structure_named


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
    raise wrong("an integer key", value)


# ---------------------------------------------------------------- assembly


def _is_fixed_tuple(shape: Any) -> bool:
    args = get_args(shape)
    return get_origin(shape) is tuple and bool(args) and args[-1] is not Ellipsis


def _unchecked(value: Any, _shape: Any) -> Any:
    return value


def _is_literal(shape: Any) -> bool:
    return origin_of(shape) is Literal


def strict_converter(encoding: str, *, explains: bool, trusts_any: bool = False) -> Converter:
    """Return a converter that structures strictly.

    *explains*: its errors carry the way to the misfit; slower, so it is asked only after another
    one has refused. *trusts_any*: what is declared as ``Any`` is handed on unchecked.
    """
    converter = Converter(detailed_validation=explains, forbid_extra_keys=False)
    is_stored = encoding == STORAGE
    # By class: cattrs looks these up before any predicate.
    add = converter.register_structure_hook
    add(str, stored_text_hook if is_stored else text_hook)
    add(int, stored_integer_hook if is_stored else integer_hook)
    add(float, number_hook)
    add(bool, boolean_hook)
    add(NoneType, nothing_hook)
    add(bytes, base64_bytes_hook if encoding == JSON else native_bytes_hook)
    converter.register_structure_hook_func(
        lambda shape: shape is Any or shape is object,
        _unchecked if trusts_any else plain_hook(encoding),
    )

    factory = converter.register_structure_hook_factory
    factory(lambda shape: origin_of(shape) in DICT_ORIGINS, _dict_factory)
    factory(lambda shape: origin_of(shape) in SET_ORIGINS, _set_factory)
    factory(lambda shape: origin_of(shape) in (*LIST_ORIGINS, *TUPLE_ORIGINS), _list_factory)
    factory(_is_fixed_tuple, _fixed_tuple_factory)
    factory(lambda shape: attrs.has(origin_of(shape)), class_factory)
    factory(is_union, union_factory)
    factory(is_enum, lambda shape, _converter: enum_factory(shape))
    factory(_is_literal, lambda shape, _converter: literal_factory(shape))
    return converter
