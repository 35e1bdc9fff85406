"""Evaluates policies of IAM with their conditions, which moto ignores.

The rules are those of the IAM user guide, "Policy evaluation logic" and "Condition operators". Only
what the policies of infra/ contain is known; anything else is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Document = Mapping[str, Any]
Context = Mapping[str, str]


def is_allowed(
    identity: Document,
    action: str,
    resource: str,
    context: Context,
    *,
    bounds: Sequence[Document] = (),
    refusals: Sequence[Document] = (),
) -> bool:
    """Return whether an identity of the same account may do something.

    Args:
        identity: The policy of the identity.
        action: Such as ``s3:GetObject``.
        resource: Its ARN.
        context: The values of condition keys in the request.
        bounds: Further policies that must allow it, such as that of an endpoint.
        refusals: Policies that must not deny it, such as that of a bucket.
    """
    asked = (action, resource, context)
    everything = (identity, *bounds, *refusals)
    if any(_effects(each, "Deny", *asked) for each in everything):
        return False
    return all(_effects(each, "Allow", *asked) for each in (identity, *bounds))


def holds(conditions: Mapping[str, Mapping[str, Any]], context: Context) -> bool:
    """Return whether all conditions of a statement hold."""
    return all(
        _holds(operator, context.get(key), _list(values))
        for operator, keys in conditions.items()
        for key, values in keys.items()
    )


def _effects(document: Document, effect: str, action: str, resource: str, context: Context) -> bool:
    return any(
        each["Effect"] == effect
        and _matches(_list(each["Action"]), action, re.IGNORECASE)
        and _matches(_list(each["Resource"]), resource)
        and holds(each.get("Condition", {}), context)
        for each in document["Statement"]
    )


def _holds(operator: str, value: str | None, allowed: Sequence[str]) -> bool:
    if operator == "Null":
        return str(value is None).lower() in allowed
    name = operator.removesuffix("IfExists")
    if value is None:
        # A missing value is none of those that are named.
        return name != operator or "Not" in name
    match name:
        case "StringEquals" | "Bool":
            return value in allowed
        case "StringNotEquals":
            return value not in allowed
        case "StringLike" | "ArnLike":
            return _matches(allowed, value)
        case "ArnNotLike":
            return not _matches(allowed, value)
    raise ValueError(f"the tests do not know the operator {operator}")


def _matches(patterns: Iterable[str], value: str, flags: int = 0) -> bool:
    return any(re.fullmatch(_pattern(each), value, flags | re.DOTALL) for each in patterns)


def _pattern(text: str) -> str:
    return re.escape(text).replace(r"\*", ".*").replace(r"\?", ".")


def _list(value: str | Sequence[str]) -> Sequence[str]:
    return [value] if isinstance(value, str) else value
