"""What a spec, or another file with a JSON Schema, may say at a place, in words, read from that schema."""

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
    """Where an error happened: the key's steps as the author wrote them, and the schema of what belongs there."""

    steps: Steps
    schema: Schema
    parent: Schema
    whole: Schema

    @classmethod
    def at(cls, location: Steps, whole: Schema) -> SchemaLocation:
        """Follow a pydantic error location through the whole file's schema; a union's tag is no key of the file."""
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
        """The keys that the part around this place may have, sorted."""
        return sorted(_object_of(self.parent, self.whole).get("properties", {}))

    @property
    def tags(self) -> list[str]:
        """The types that a tagged union offers here, in declared order."""
        return list(self.schema.get("discriminator", {}).get("mapping", {}))

    @property
    def choices(self) -> list[str]:
        """The texts that are allowed here, when they can be listed."""
        options = [
            resolve(option, self.whole) for option in self.schema.get("anyOf", [self.schema])
        ]
        return [str(choice) for option in options for choice in option.get("enum", [])]

    @property
    def allowed(self) -> str:
        """What is allowed here, in words."""
        return describe(self.schema, self.whole)


def describe(schema: Schema, whole: Schema) -> str:
    """Say what a schema allows: a type, choices, a range, a form, or keys; `whole` has its definitions."""
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
    """Follow a reference into the whole schema's definitions; keys beside the reference win."""
    while "$ref" in schema:
        target = whole["$defs"][schema["$ref"].rsplit("/", 1)[-1]]
        schema = {**target, **{key: value for key, value in schema.items() if key != "$ref"}}
    return schema


def _below(schema: Schema, step: str | int, whole: Schema) -> Schema:
    if isinstance(step, int):
        return next((o["items"] for o in _options(schema, whole) if "items" in o), {})
    part = _object_of(schema, whole)
    properties, others = part.get("properties", {}), part.get("additionalProperties", {})
    found: Schema = properties.get(step, others if isinstance(others, dict) else {})
    return found


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
