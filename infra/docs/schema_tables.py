"""Tables of a JSON Schema: one for each object, with key, type, default and description."""

from __future__ import annotations

import json
from typing import Any

from docstrings import attributes, summary
from markdown import code, table

Schema = dict[str, Any]


def object_tables(schema: Schema, names: dict[str, str]) -> list[str]:
    """Return a heading and a table for each named object of a schema.

    Args:
        schema: The schema, with its definitions.
        names: Name of a definition -> heading. The empty name is the schema itself.
    """
    parts = []
    for name, heading in names.items():
        definition = schema["$defs"][name] if name else schema
        parts += [
            f"## {heading}",
            summary(definition.get("description")),
            _table(definition, names),
        ]
    return parts


def reachable(schema: Schema, start: Schema) -> list[str]:
    """Return the names of the definitions that an object leads to, in the order of its keys."""
    found: list[str] = []
    for name in _references(start.get("properties", {})):
        if name not in found and "properties" in schema["$defs"][name]:
            below = reachable(schema, schema["$defs"][name])
            found += [name, *(each for each in below if each not in found)]
    return list(dict.fromkeys(found))


def type_words(value: Schema, names: dict[str, str]) -> str:
    """Return a value's type in words, with links to the tables of objects."""
    if "$ref" in value:
        name = value["$ref"].rsplit("/", 1)[-1]
        return f"[{names[name]}](#{anchor(names[name])})" if name in names else name
    for key in ("anyOf", "oneOf"):
        if key in value:
            return " or ".join(dict.fromkeys(type_words(each, names) for each in value[key]))
    if "enum" in value or "const" in value:
        return ", ".join(code(each) for each in value.get("enum", [value.get("const")]))
    if value.get("type") == "array":
        return f"list of {type_words(value.get('items', {}), names)}"
    if value.get("type") == "object":
        content = value.get("additionalProperties")
        return f"name: {type_words(content, names)}" if isinstance(content, dict) else "object"
    return str(value.get("type", "any"))


def anchor(heading: str) -> str:
    """Return the anchor of a heading."""
    return "-".join(
        "".join(char for char in heading.lower() if char.isalnum() or char in " -_").split()
    )


def _table(definition: Schema, names: dict[str, str]) -> str:
    required = definition.get("required", [])
    texts = attributes(definition.get("description"))
    rows = [
        (
            code(name),
            type_words(value, names),
            "required" if name in required else _default(value),
            _description(value, texts.get(name, "")),
        )
        for name, value in definition.get("properties", {}).items()
    ]
    return table(("key", "type", "default", "meaning"), rows)


def _default(value: Schema) -> str:
    if isinstance(value.get("default"), dict) and value["default"]:
        return "see there"  # each key of the object has its own default
    return code(json.dumps(value["default"], ensure_ascii=False)) if "default" in value else ""


def _description(value: Schema, otherwise: str) -> str:
    examples = ", ".join(
        code(json.dumps(each, ensure_ascii=False)) for each in value.get("examples", [])
    )
    text = str(value.get("description", otherwise)).replace("``", "`")
    return f"{text} Such as {examples}." if examples else text


def _references(value: Any) -> list[str]:
    if isinstance(value, list):
        return [name for each in value for name in _references(each)]
    if not isinstance(value, dict):
        return []
    own = [value["$ref"].rsplit("/", 1)[-1]] if isinstance(value.get("$ref"), str) else []
    return [*own, *(name for each in value.values() for name in _references(each))]
