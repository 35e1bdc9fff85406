"""The JSON Schemas of a version's requests and answers, of its inputs and its contract."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

from airworthy.protocol.contract_check import FLOAT32_END, inclusive_bounds
from airworthy.spec.contract import Between, Contract, InSet, NotNull, Rule
from airworthy.spec.evaluate_part import Task
from airworthy.spec.fields import ColumnType

Schema = dict[str, Any]

_TYPES: dict[str, Schema] = {
    "float": {"type": "number"},
    "int": {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1},
    "bool": {"type": "boolean"},
    "category": {"type": "string"},
    "string": {"type": "string"},
    "datetime": {"type": "string", "format": "date-time"},
}
_ANY_VALUE: Schema = {"type": ["string", "number", "boolean", "null"]}


def row_schemas(
    inputs: dict[str, ColumnType],
    contract: Contract | None,
    optional: Collection[str] = (),
    category_types: Mapping[str, list[str]] | None = None,
) -> dict[str, Schema]:
    """Return the schema of each input's values.

    A contract that answers rows outside it restricts nothing. Null is allowed, except for an event
    time, the first input, that a feature reads.

    Args:
        inputs: The inputs with their types.
        contract: The rules about them; None: there are none.
        optional: Inputs that no feature reads and a request may leave out.
        category_types: Category -> its further JSON types, such as ``number``.
    """
    refuses = contract is not None and contract.out_of_contract == "refuse"
    rules = [rule for rule in contract.rules if rule.refuses] if contract and refuses else []
    schemas = {
        name: _value_schema(
            kind,
            [rule for rule in rules if rule.column == name],
            position > 0 or name in optional,
            refuses,
        )
        for position, (name, kind) in enumerate(inputs.items())
    }
    for name, types in (category_types or {}).items():
        types_before = schemas[name]["type"]
        known = [types_before] if isinstance(types_before, str) else types_before
        schemas[name]["type"] = [*known, *types]
    return schemas


def body_schema(
    rows: dict[str, Schema] | None, max_rows: int, optional: Collection[str] = ()
) -> Schema:
    """Return the schema of a request's body: one of four forms.

    Args:
        rows: The schema of each input. None: any inputs.
        max_rows: The largest number of rows.
        optional: Inputs that a request may leave out.
    """
    some: Schema = {"type": "array", "minItems": 1, "maxItems": max_rows}
    records = some | {"items": _object(rows, _ANY_VALUE, optional)}
    values = None if rows is None else {name: some | {"items": rows[name]} for name in rows}
    columns = _object(values, some | {"items": _ANY_VALUE}, optional) | {
        "description": "All lists have one length."
    }
    either = {"anyOf": [records, columns]}
    forms = {
        "dataframe_split": _split(rows, some),
        "dataframe_records": records,
        "inputs": either,
        "instances": either,
    }
    return {"oneOf": [_form(name, schema) for name, schema in forms.items()]}


def answer_schema(task: Task | None, classes: list[str]) -> Schema:
    """Return the schema of an answer's predictions, with the names of the answering version.

    Args:
        task: The model's task. None: any.
        classes: The classes of a multiclass task.
    """
    value: Schema = {"type": ["number", "null"]}
    probabilities: Schema = {"type": "array", "items": value}
    if classes:
        probabilities |= {"minItems": len(classes), "maxItems": len(classes)}
        probabilities["description"] = f"probabilities of {', '.join(classes)}"
    prediction = {None: {"anyOf": [value, probabilities]}, "multiclass": probabilities}.get(
        task, value
    )
    properties: dict[str, Schema] = {
        "predictions": {"type": "array", "items": prediction},
        "model": {"type": "string"},
        "version": {"type": "string"},
    }
    required = list(properties)
    names: Schema = {"type": "array", "items": {"type": "string"}}
    if task in (None, "multiclass"):
        properties["classes"] = names | {"description": "The order of the probabilities."}
        properties["predicted_classes"] = names | {
            "description": "The most probable class of each row."
        }
    if task in (None, "binary"):
        properties["positive"] = {
            "type": "string",
            "description": "The label's value that the probability is of; missing: true.",
        }
    return {"type": "object", "properties": properties, "required": required}


def _value_schema(
    kind: ColumnType, rules: list[Rule], null_allowed: bool, is_finite: bool
) -> Schema:
    schema: Schema = dict(_TYPES[kind])
    if kind == "float" and is_finite:
        schema |= {"exclusiveMinimum": -FLOAT32_END, "exclusiveMaximum": FLOAT32_END}
    for rule in rules:
        null_allowed = null_allowed and not isinstance(rule, NotNull)
    parts = [part for rule in rules if (part := _rule_schema(rule, null_allowed))]
    if len(parts) == 1 and not parts[0].keys() & schema.keys():
        schema |= parts[0]
    elif parts:
        schema["allOf"] = parts
    if null_allowed:
        schema["type"] = [schema["type"], "null"]
    return schema


def _rule_schema(rule: Rule, null_allowed: bool) -> Schema:
    match rule:
        case InSet():
            return {"enum": [*rule.value_set, *([None] if null_allowed else [])]}
        case Between(kind="length"):
            least, greatest = _whole_bounds(rule)
            bounds = {"minLength": least, "maxLength": greatest}
            return {key: bound for key, bound in bounds.items() if bound is not None}
        case Between():
            low = "exclusiveMinimum" if rule.strict_min else "minimum"
            high = "exclusiveMaximum" if rule.strict_max else "maximum"
            numbers = {low: rule.min_value, high: rule.max_value}
            return {key: bound for key, bound in numbers.items() if bound is not None}
    return {}


def _whole_bounds(rule: Between) -> tuple[int | None, int | None]:
    least, greatest = inclusive_bounds(rule, whole=True)
    first = math.ceil(least) if math.isfinite(least) else None
    last = math.floor(greatest) if math.isfinite(greatest) else None
    return None if first is None else max(0, first), None if last is None else max(0, last)


def _object(
    properties: dict[str, Schema] | None, value: Schema, optional: Collection[str] = ()
) -> Schema:
    """Return the schema of an object with all these keys but the optional; None: with any keys."""
    if properties is None:
        return {"type": "object", "additionalProperties": value}
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required}


def _split(rows: dict[str, Schema] | None, some: Schema) -> Schema:
    names: Schema = {"type": "array", "items": {"type": "string"}, "minItems": 1}
    values: Schema = {"type": "array", "items": _ANY_VALUE}
    if rows is not None:
        names = {
            "const": list(rows),
            "description": "Any order is taken, and further columns are ignored.",
        }
        count = len(rows)
        values = {"type": "array", "prefixItems": list(rows.values()), "items": False}
        values |= {"minItems": count, "maxItems": count}
    properties = {"columns": names, "data": some | {"items": values}}
    return {"type": "object", "properties": properties, "required": list(properties)}


def _form(name: str, schema: Schema) -> Schema:
    return {
        "title": name,
        "type": "object",
        "properties": {name: schema, "params": {"type": ["object", "null"], "maxProperties": 0}},
        "required": [name],
        "additionalProperties": False,
    }
