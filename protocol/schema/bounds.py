"""From validators to the keywords of JSON Schema that say the same.

Reads ``protocol.stated`` and the validators of ``attrs.validators``, which are plain objects with
public attributes. A function of one's own without a statement beside it adds nothing: the schema
then allows more than the server does, never less.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

import attrs

from protocol.stated import stated_of

Schema = dict[str, Any]

_BY_OPERATOR: Final[Mapping[str, str]] = MappingProxyType(
    {">=": "minimum", ">": "exclusiveMinimum", "<=": "maximum", "<": "exclusiveMaximum"}
)
# By the type of the value: what bounds how much of it there is.
_LEAST: Final[Mapping[str, str]] = MappingProxyType(
    {"string": "minLength", "array": "minItems", "object": "minProperties"}
)
_MOST: Final[Mapping[str, str]] = MappingProxyType(
    {"string": "maxLength", "array": "maxItems", "object": "maxProperties"}
)


def bounded(schema: Schema, attribute: attrs.Attribute[Any]) -> Schema:
    """Return *schema*, of the values of *attribute*, with the bounds that it is checked for."""
    keywords: Schema = {}
    for validator in _leaves(attribute.validator):
        keywords |= _keywords(validator, _type_of(schema))
    keywords |= stated_of(attribute.metadata)
    if not keywords or "$ref" in schema:
        return schema
    if "anyOf" in schema:  # A union: the bounds are those of the member that they can be of.
        members = [_merged(member, keywords) for member in schema["anyOf"]]
        return {**schema, "anyOf": members}
    return _merged(schema, keywords)


def _merged(schema: Schema, keywords: Mapping[str, Any]) -> Schema:
    if "$ref" in schema or schema.get("type") == "null":
        return schema
    held = {**schema, **keywords}
    if "enum" in keywords:
        is_nullable = None in schema.get("enum", ()) or "null" in schema.get("type", ())
        allowed = [*keywords["enum"], *([None] if is_nullable else [])]
        held["enum"] = [value for value in schema.get("enum", allowed) if value in allowed]
    return held


def _type_of(schema: Schema) -> str:
    for member in (schema, *schema.get("anyOf", ())):
        found = member.get("type")
        for name in found if isinstance(found, list) else [found]:
            if name not in (None, "null"):
                return str(name)
    return "null"


def _leaves(validator: Any) -> Iterator[Any]:
    """Yield the single validators of *validator*, which may be optional, or several."""
    if validator is None:
        return
    inner = getattr(validator, "_validators", None)  # and_, a list
    if inner is None and type(validator).__name__ == "_OptionalValidator":
        inner = (validator.validator,)
    if inner is None:
        yield validator
        return
    for each in inner:
        yield from _leaves(each)


def _keywords(validator: Any, type_name: str) -> Schema:
    name = type(validator).__name__
    if name == "_NumberValidator":
        return {_BY_OPERATOR[validator.compare_op]: validator.bound}
    if name == "_MaxLengthValidator" and type_name in _MOST:
        return {_MOST[type_name]: validator.max_length}
    if name == "_MinLengthValidator" and type_name in _LEAST:
        return {_LEAST[type_name]: validator.min_length}
    if name == "_MatchesReValidator":
        return {"pattern": f"^(?:{validator.pattern.pattern})$"}
    if name == "_InValidator":
        return {"enum": list(validator.options)}
    return {}
