"""What a spec may say at a place, in words, read from the spec's own JSON Schema."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from airworthy.spec.faults import Steps
from airworthy.spec.schema import spec_schema

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
class Place:
    """Where an error happened: the key's steps as the author wrote them, and the schema of what belongs there."""

    steps: Steps
    schema: dict[str, Any]
    parent: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def at(cls, location: Steps) -> Place:
        """Follow a pydantic error location through the schema; a union's tag is no key of the spec."""
        schema: dict[str, Any] = spec_schema()
        parent: dict[str, Any] = {}
        steps: list[str | int] = []
        for step in location:
            schema = resolve(schema)
            if step == "[key]":
                parent, schema = schema, schema.get("propertyNames", {"type": "string"})
                continue
            mapping = schema.get("discriminator", {}).get("mapping", {})
            if step in mapping:
                schema = {"$ref": mapping[step]}
                continue
            steps.append(step)
            parent, schema = schema, _below(schema, step)
        return cls(tuple(steps), resolve(schema), resolve(parent))

    @property
    def parent_keys(self) -> list[str]:
        """The keys that the part around this place may have, sorted."""
        return sorted(_object_of(self.parent).get("properties", {}))

    @property
    def tags(self) -> list[str]:
        """The types that a tagged union offers here, in declared order."""
        return list(self.schema.get("discriminator", {}).get("mapping", {}))

    @property
    def choices(self) -> list[str]:
        """The texts that are allowed here, when they can be listed."""
        options = [resolve(option) for option in self.schema.get("anyOf", [self.schema])]
        return [str(choice) for option in options for choice in option.get("enum", [])]

    @property
    def allowed(self) -> str:
        """What is allowed here, in words."""
        return describe(self.schema)


def describe(schema: dict[str, Any]) -> str:
    """Say what a schema allows: a type, choices, a range, a form, or keys."""
    schema = resolve(schema)
    if "const" in schema:
        return str(schema["const"])
    if "enum" in schema:
        return ", ".join(str(choice) for choice in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(describe(option) for option in schema["anyOf"]))
    if "discriminator" in schema:
        return f"keys with type: {' | '.join(schema['discriminator']['mapping'])}"
    if schema.get("type") == "object":
        return _describe_object(schema)
    if schema.get("type") == "array":
        return _describe_list(schema)
    return _describe_plain(schema)


def resolve(schema: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference into the schema's definitions; keys beside the reference win."""
    while "$ref" in schema:
        target = spec_schema()["$defs"][schema["$ref"].rsplit("/", 1)[-1]]
        schema = {**target, **{key: value for key, value in schema.items() if key != "$ref"}}
    return schema


def _below(schema: dict[str, Any], step: str | int) -> dict[str, Any]:
    if isinstance(step, int):
        return next((o["items"] for o in _options(schema) if "items" in o), {})
    part = _object_of(schema)
    properties, others = part.get("properties", {}), part.get("additionalProperties", {})
    found: dict[str, Any] = properties.get(step, others if isinstance(others, dict) else {})
    return found


def _options(schema: dict[str, Any]) -> list[dict[str, Any]]:
    schema = resolve(schema)
    return [resolve(option) for option in schema.get("anyOf", [schema])]


def _object_of(schema: dict[str, Any]) -> dict[str, Any]:
    return next((option for option in _options(schema) if option.get("type") == "object"), {})


def _describe_object(schema: dict[str, Any]) -> str:
    if "properties" in schema:
        required = set(schema.get("required", []))
        names = [f"{name} (required)" if name in required else name for name in schema["properties"]]
        return f"a mapping with the keys {', '.join(names)}"
    values = schema.get("additionalProperties")
    return f"a mapping of names to: {describe(values)}" if isinstance(values, dict) and values else "a mapping"


def _describe_list(schema: dict[str, Any]) -> str:
    least, most = schema.get("minItems", 0), schema.get("maxItems")
    count = f" of {least}" if least and least == most else f" of at least {least}" if least else ""
    return f"a list{count}, each entry: {describe(schema.get('items', {}))}"


def _describe_plain(schema: dict[str, Any]) -> str:
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
    return f"{text}, such as {' or '.join(str(example) for example in examples)}" if examples else text
