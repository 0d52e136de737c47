"""From JSON Schema to TypeScript: the subset that ``shapes`` writes, and no more.

Bytes are ``Uint8Array``, as a MessagePack library gives them; bounds are left to the server.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

Schema = dict[str, Any]

_NAME: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
_REF: Final = "#/$defs/"
_PLAIN: Final = frozenset({"string", "number", "integer", "boolean", "null"})


def ts_type(schema: Any, indent: str = "") -> str:
    """Return *schema* as a type; objects over several lines, at *indent*."""
    if schema is True or not schema:
        return "unknown"
    if "$ref" in schema:
        return str(schema["$ref"]).removeprefix(_REF)
    if "const" in schema:
        return json.dumps(schema["const"], ensure_ascii=False)
    if "enum" in schema:
        return " | ".join(json.dumps(value, ensure_ascii=False) for value in schema["enum"])
    for several in ("oneOf", "anyOf"):
        if several in schema:
            return " | ".join(dict.fromkeys(ts_type(each, indent) for each in schema[several]))
    return _typed(schema, indent)


def _typed(schema: Schema, indent: str) -> str:
    names = schema.get("type")
    if isinstance(names, list):
        return " | ".join(_typed({**schema, "type": name}, indent) for name in names)
    if names == "string":
        return "Uint8Array" if "contentEncoding" in schema else "string"
    if names in _PLAIN:
        return "number" if names == "integer" else str(names)
    if names == "array":
        if "prefixItems" in schema:
            return f"[{', '.join(ts_type(item, indent) for item in schema['prefixItems'])}]"
        item = ts_type(schema.get("items"), indent)
        return f"({item})[]" if " | " in item else f"{item}[]"
    if names == "object":
        return _object(schema, indent)
    return "unknown"


def _object(schema: Schema, indent: str) -> str:
    if "properties" not in schema:
        return f"Record<string, {ts_type(schema.get('additionalProperties'), indent)}>"
    if not schema["properties"]:
        return "Record<string, never>"
    return "{\n" + _members(schema, indent + "  ") + indent + "}"


def _members(schema: Schema, indent: str) -> str:
    required = set(schema.get("required", ()))
    lines = []
    for name, held in schema["properties"].items():
        key = name if _NAME.fullmatch(name) else json.dumps(name)
        optional = "" if name in required else "?"
        if isinstance(held, dict) and "description" in held:
            lines.append(ts_comment(held["description"], indent))
        lines.append(f"{indent}{key}{optional}: {ts_type(held, indent)};\n")
    return "".join(lines)


def ts_comment(text: str, indent: str = "") -> str:
    """Return *text* as a documentation comment, with its line end; nothing for no text."""
    lines = text.replace("*/", "* /").splitlines()
    if not lines:
        return ""
    if len(lines) == 1:
        return f"{indent}/** {lines[0]} */\n"
    body = "".join(f"{indent} * {line}".rstrip() + "\n" for line in lines)
    return f"{indent}/**\n{body}{indent} */\n"


def ts_definition(name: str, schema: Schema) -> str:
    """Return a definition as an exported interface or type."""
    comment = ts_comment(schema.get("description", ""))
    if schema.get("type") == "object" and schema.get("properties"):
        return f"{comment}export interface {name} {{\n{_members(schema, '  ')}}}\n"
    return f"{comment}export type {name} = {ts_type(schema)};\n"
