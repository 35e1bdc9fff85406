"""Reads a key's allowed values from the JSON Schema of its file, and describes them in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

Schema: TypeAlias = dict[str, Any]
Steps: TypeAlias = tuple[str | int, ...]

_TYPES = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
}
_BOUNDS = (
    ("minimum", "at least"),
    ("exclusiveMinimum", "more than"),
    ("maximum", "at most"),
    ("exclusiveMaximum", "less than"),
)


@dataclass(frozen=True)
class SchemaLocation:
    """The location of an error in a file.

    Attributes:
        steps: The path of the key, as the author wrote it.
        schema: The schema of the key's value.
        parent: The schema of the part around it.
        whole: The schema of the file, with its definitions.
    """

    steps: Steps
    schema: Schema
    parent: Schema
    whole: Schema

    @classmethod
    def at(cls, location: Steps, whole: Schema) -> SchemaLocation:
        """Follow a pydantic error location through a schema; a union's tag is not a key."""
        schema = whole
        parent: Schema = {}
        steps: list[str | int] = []
        for step in location:
            schema = resolve(schema, whole)
            if step == "[key]":
                parent, schema = schema, schema.get("propertyNames", {"type": "string"})
                continue
            mapping = schema.get("discriminator", {}).get("mapping", {})
            if step in mapping:
                schema = {"$ref": mapping[step]}
                continue
            steps.append(step)
            parent, schema = schema, _below(schema, step, whole)
        return cls(tuple(steps), resolve(schema, whole), resolve(parent, whole), whole)

    @property
    def parent_keys(self) -> list[str]:
        """The allowed keys of the part around this location, sorted."""
        return sorted(_object_of(self.parent, self.whole).get("properties", {}))

    @property
    def tags(self) -> list[str]:
        """The types of the tagged union at this location, in declared order."""
        return list(self.schema.get("discriminator", {}).get("mapping", {}))

    @property
    def choices(self) -> list[str]:
        """The allowed texts at this location, if the schema lists them."""
        options = [
            resolve(option, self.whole) for option in self.schema.get("anyOf", [self.schema])
        ]
        return [str(choice) for option in options for choice in option.get("enum", [])]

    @property
    def allowed(self) -> str:
        """The allowed values at this location, in words."""
        return describe(self.schema, self.whole)


def describe(schema: Schema, whole: Schema) -> str:
    """Describe a schema in words: a type, choices, a range, a form, or keys.

    >>> describe({"type": "integer", "minimum": 1}, {})
    'a whole number, at least 1'

    Args:
        schema: The schema to describe.
        whole: The schema of the file, with the definitions.
    """
    schema = resolve(schema, whole)
    if "const" in schema:
        return str(schema["const"])
    if "enum" in schema:
        return ", ".join(str(choice) for choice in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(describe(option, whole) for option in schema["anyOf"]))
    if "discriminator" in schema:
        return f"keys with type: {' | '.join(schema['discriminator']['mapping'])}"
    if schema.get("type") == "object":
        return _describe_object(schema, whole)
    if schema.get("type") == "array":
        return _describe_list(schema, whole)
    return _describe_plain(schema)


def resolve(schema: Schema, whole: Schema) -> Schema:
    """Replace references by their definitions in `whole`; keys beside a reference override them."""
    while "$ref" in schema:
        target = whole["$defs"][schema["$ref"].rsplit("/", 1)[-1]]
        schema = {**target, **{key: value for key, value in schema.items() if key != "$ref"}}
    return schema


def _below(schema: Schema, step: str | int, whole: Schema) -> Schema:
    if isinstance(step, int):
        return next((o["items"] for o in _options(schema, whole) if "items" in o), {})
    part = _object_of(schema, whole)
    properties, others = part.get("properties", {}), part.get("additionalProperties", {})
    below: Schema = properties.get(step, others if isinstance(others, dict) else {})
    return below


def _options(schema: Schema, whole: Schema) -> list[Schema]:
    schema = resolve(schema, whole)
    return [resolve(option, whole) for option in schema.get("anyOf", [schema])]


def _object_of(schema: Schema, whole: Schema) -> Schema:
    return next(
        (option for option in _options(schema, whole) if option.get("type") == "object"), {}
    )


def _describe_object(schema: Schema, whole: Schema) -> str:
    if "properties" in schema:
        required = set(schema.get("required", []))
        names = [
            f"{name} (required)" if name in required else name for name in schema["properties"]
        ]
        return f"a mapping with the keys {', '.join(names)}"
    values = schema.get("additionalProperties")
    return (
        f"a mapping of names to: {describe(values, whole)}"
        if isinstance(values, dict) and values
        else "a mapping"
    )


def _describe_list(schema: Schema, whole: Schema) -> str:
    least, most = schema.get("minItems", 0), schema.get("maxItems")
    count = f" of {least}" if least and least == most else f" of at least {least}" if least else ""
    return f"a list{count}, each entry: {describe(schema.get('items', {}), whole)}"


def _describe_plain(schema: Schema) -> str:
    text = _TYPES.get(schema.get("type", ""), "any value")
    if schema.get("format") == "date":
        text = "a date that exists, year-month-day"
    bounds = [f"{word} {schema[name]}" for name, word in _BOUNDS if name in schema]
    if schema.get("minLength") == 1:
        bounds.append("not empty")
    if "pattern" in schema:
        bounds.append(schema.get("description") or f"of the form {schema['pattern']}")
    text = f"{text}, {' and '.join(bounds)}" if bounds else text
    examples = schema.get("examples")
    return (
        f"{text}, such as {' or '.join(str(example) for example in examples)}" if examples else text
    )
