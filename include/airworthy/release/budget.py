"""The budget check: the costs of a version in the server against the spec's limits. Pure."""

from __future__ import annotations

from airworthy.spec.release_part import Budget

# Per key of the budget: the name for people, and the unit.
_COSTS = {
    "p50_ms": ("p50 latency of single rows", "ms"),
    "p99_ms": ("p99 latency of single rows", "ms"),
    "load_seconds": ("time to load", "s"),
    "memory_mib": ("memory", "MiB"),
    "size_mib": ("size of the files", "MiB"),
}


def budget_breaches(budget: Budget, costs: dict[str, float | None]) -> list[str]:
    """Return one line for each cost over its limit. A limited cost without a value is over it, too.

    Args:
        budget: The spec's limits.
        costs: The measured values by the budget's keys; None when the server did not send one.

    >>> budget_breaches(Budget(p99_ms=5.0), {"p99_ms": 7.25})
    ['p99 latency of single rows is 7.25 ms, at most 5 ms allowed']
    """
    limits: dict[str, float | None] = budget.model_dump()
    breaches = []
    for key, limit in limits.items():
        (name, unit), value = _COSTS[key], costs.get(key)
        if limit is not None and (value is None or not value <= limit):
            measured = "was not measured" if value is None else f"is {value:.4g} {unit}"
            breaches.append(f"{name} {measured}, at most {limit:g} {unit} allowed")
    return breaches
