"""From Python's shapes to JSON Schema (2020-12): what ``protocol.structure`` takes and gives.

One instance collects the definitions of one document. A shape looks different in the two
directions: what a client sends may leave out whatever has a default, what the server sends leaves
nothing out. So a class with defaults is defined as ``NAME + "Input"`` where it goes in.

Bytes are base64 strings here (``contentEncoding``); in MessagePack they are native.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from itertools import chain, count
from types import MappingProxyType, NoneType
from typing import (
    Any,
    Final,
    Literal,
    NotRequired,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

import attrs
from attrs import define, field

from protocol._unions import (
    DICT_ORIGINS,
    LIST_ORIGINS,
    SET_ORIGINS,
    TUPLE_ORIGINS,
    is_enum,
    is_union,
    origin_of,
)
from protocol.limits import INT_MAX
from protocol.schema.bounds import Schema, bounded

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
INPUT: Final = "Input"
# What a docstring says of values, and how everybody else says it.
_ELSEWHERE: Final[Mapping[str, str]] = MappingProxyType(
    {"None": "null", "=False": ": false", "=True": ": true"}
)
_PYTHON: Final = re.compile(r"\bNone\b(?=[:)])|(?<=or )None\b|=False\b|=True\b")
_DECIMAL: Final = "^(0|-?[1-9][0-9]*)$"


class Unshowable(TypeError):
    """A shape that no schema can be made of, or two shapes under one name. Your mistake."""


@define(eq=False)
class Definitions:
    """The ``$defs`` of a document, as they are found."""

    found: dict[str, Schema] = field(factory=dict)
    _shapes: dict[str, Any] = field(factory=dict)  # Name to the shape that has it.
    _names: dict[tuple[Any, str], str] = field(factory=dict)  # Shape and wish to the name given.

    def input(self, shape: Any) -> Schema:
        """Return the schema of what a client may send as a *shape*."""
        return self._schema(shape, is_input=True)

    def output(self, shape: Any) -> Schema:
        """Return the schema of what the server sends for a *shape*."""
        return self._schema(shape, is_input=False)

    def is_taken(self, name: str, shape: Any) -> bool:
        """Say whether *name* is another shape's."""
        return self._shapes.get(name, shape) is not shape

    def add(self, name: str, shape: Any, schema: Schema) -> Schema:
        """Define *name*; return a reference to it. The same shape again changes nothing.

        Raises:
          Unshowable: the name is another shape's.
        """
        if self.is_taken(name, shape):
            raise Unshowable(f"{name} is both {self._shapes[name]} and {shape}")
        self._shapes[name] = shape
        self.found[name] = schema
        return ref_to(name)

    def fields(
        self, cls: type, *, is_input: bool, instead: Mapping[str, Any] | None = None
    ) -> Schema:
        """Return *cls* (attrs) as an object, in place. *instead*: other shapes for some fields."""
        hints = {**get_type_hints(cls), **(instead or {})}
        properties: Schema = {}
        required = []
        for attribute in attrs.fields(cls):
            if not attribute.init:
                continue  # Neither written nor read.
            schema = bounded(self._schema(hints[attribute.name], is_input=is_input), attribute)
            if attribute.default is attrs.NOTHING or not is_input:
                required.append(attribute.name)
            elif _is_plain(attribute.default):
                schema = {**schema, "default": attribute.default}
            properties[attribute.name] = schema
        return object_of(properties, required, about(cls))

    # ------------------------------------------------------------ one shape

    def _schema(self, shape: Any, *, is_input: bool) -> Schema:
        origin = origin_of(shape)
        if shape is Any or shape is object:
            return {}
        if shape in _SCALARS:
            return dict(_SCALARS[shape])
        if origin is Literal:
            return _choices(get_args(shape))
        if is_enum(shape):
            return _choices([member.value for member in shape])
        if is_union(shape):
            return self._union(shape, is_input=is_input)
        if is_typeddict(origin) or attrs.has(origin):
            return self._named(origin, is_input=is_input)
        return self._container(shape, origin, is_input=is_input)

    def _container(self, shape: Any, origin: Any, *, is_input: bool) -> Schema:
        args = get_args(shape)
        if origin in DICT_ORIGINS:
            key, item = args or (str, Any)
            schema = {
                "type": "object",
                "additionalProperties": self._schema(item, is_input=is_input),
            }
            return {**schema, "propertyNames": {"pattern": _DECIMAL}} if key is int else schema
        if get_origin(shape) is tuple and args and args[-1] is not Ellipsis:
            items = [self._schema(item, is_input=is_input) for item in args]
            size = len(items)
            return {
                "type": "array",
                "prefixItems": items,
                "items": False,
                "minItems": size,
                "maxItems": size,
            }
        if origin in (*LIST_ORIGINS, *TUPLE_ORIGINS, *SET_ORIGINS):
            item = self._schema(args[0] if args else Any, is_input=is_input)
            schema = {"type": "array", "items": item}
            return {**schema, "uniqueItems": True} if origin in SET_ORIGINS else schema
        raise Unshowable(f"there is no schema for {shape}")

    def _union(self, shape: Any, *, is_input: bool) -> Schema:
        members = [member for member in get_args(shape) if member is not NoneType]
        has_none = len(members) < len(get_args(shape))
        classes = [member for member in members if attrs.has(origin_of(member))]
        if len(classes) > 1:
            schemas = [self._tagged(member, is_input=is_input) for member in classes]
            members = [member for member in members if member not in classes]
        else:
            schemas = []
        schemas += [self._schema(member, is_input=is_input) for member in members]
        if not has_none:
            return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
        if len(schemas) == 1 and isinstance(schemas[0].get("type"), str):
            return _or_null(schemas[0])
        return {"anyOf": [*schemas, {"type": "null"}]}

    def _tagged(self, cls: Any, *, is_input: bool) -> Schema:
        """Return a member of a union of classes, told apart by ``type``."""
        name, is_defined = self._name(cls, cls.__name__ + (INPUT if is_input else ""))
        if is_defined:
            return ref_to(name)
        held = self.fields(cls, is_input=is_input)
        properties = {"type": {"const": cls.TAG}, **held["properties"]}
        tagged = object_of(properties, ["type", *held.get("required", ())], about(cls))
        return self.add(name, cls, tagged)

    def _named(self, cls: Any, *, is_input: bool) -> Schema:
        name, is_defined = self._name(cls, _name_of(cls, is_input=is_input))
        if is_defined:
            return ref_to(name)
        if attrs.has(cls):
            return self.add(name, cls, self.fields(cls, is_input=is_input))
        hints = get_type_hints(cls, include_extras=True)
        required = [key for key, hint in hints.items() if get_origin(hint) is not NotRequired]
        shapes = {
            key: hint if key in required else get_args(hint)[0] for key, hint in hints.items()
        }
        properties = {key: self._schema(shape, is_input=is_input) for key, shape in shapes.items()}
        return self.add(name, cls, object_of(properties, required, about(cls)))

    def _name(self, cls: Any, wanted: str) -> tuple[str, bool]:
        """Return the name of *cls*, and whether it has been given it before.

        A name that another shape has gets the module in front, then a number behind. It is given
        before the fields are looked at, which may name the class again.
        """
        known = self._names.get((cls, wanted))
        if known is not None:
            return known, True
        module = cls.__module__.rpartition(".")[2].strip("_").capitalize()
        names = chain((wanted, module + wanted), (f"{module}{wanted}{n}" for n in count(2)))
        name = next(name for name in names if not self.is_taken(name, cls))
        self._names[cls, wanted] = name
        self._shapes[name] = cls
        return name, False


# ---------------------------------------------------------------- parts

_SCALARS: Final[Mapping[Any, Schema]] = MappingProxyType(
    {
        NoneType: {"type": "null"},
        None: {"type": "null"},
        bool: {"type": "boolean"},
        int: {"type": "integer", "minimum": -INT_MAX, "maximum": INT_MAX},
        float: {"type": "number"},
        str: {"type": "string"},
        bytes: {"type": "string", "contentEncoding": "base64"},
    }
)


def ref_to(name: str) -> Schema:
    """Return a reference to a definition of the same document."""
    return {"$ref": f"#/$defs/{name}"}


def _name_of(cls: Any, *, is_input: bool) -> str:
    if not is_input or not attrs.has(cls):
        return str(cls.__name__)
    has_defaults = any(each.default is not attrs.NOTHING for each in attrs.fields(cls))
    return cls.__name__ + (INPUT if has_defaults else "")


def object_of(properties: Schema, required: list[str], description: str = "") -> Schema:
    """Return an object. Whoever reads it ignores fields that it does not know, so it is open."""
    schema: Schema = {"type": "object", "properties": properties}
    if required:
        schema["required"] = required
    return {"description": description, **schema} if description else schema


def about(cls: Any) -> str:
    """Return the docstring of *cls* itself, for readers who may not know Python."""
    text = inspect.cleandoc(cls.__dict__.get("__doc__") or "").replace("``", "`")
    return _PYTHON.sub(lambda match: _ELSEWHERE[match[0]], text)


def _choices(values: Any) -> Schema:
    return {"const": values[0]} if len(values) == 1 else {"enum": list(values)}


def _or_null(schema: Schema) -> Schema:
    held = {**schema, "type": [schema["type"], "null"]}
    return {**held, "enum": [*held["enum"], None]} if "enum" in held else held


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, bool | int | float | str)
