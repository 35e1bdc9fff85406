"""What a version costs in the server, held against the spec's budget. A pure answer."""

from __future__ import annotations

from airworthy.spec.release_part import Budget

_NAMES = {
    "p50_ms": ("p50 latency of single rows", "ms"),
    "p99_ms": ("p99 latency of single rows", "ms"),
    "load_seconds": ("time to load", "s"),
    "memory_mib": ("memory", "MiB"),
    "size_mib": ("size of the files", "MiB"),
}


def breaches(budget: Budget, measured: dict[str, float | None]) -> list[str]:
    """Return what is over the budget, in words; what was not measured is over it too, where the budget names it.

    Args:
        budget: The spec's limits.
        measured: A value by the budget's keys; None when the server did not say.
    """
    limits: dict[str, float | None] = budget.model_dump()
    found = []
    for key, limit in limits.items():
        (name, unit), value = _NAMES[key], measured.get(key)
        if limit is not None and (value is None or not value <= limit):
            said = "was not measured" if value is None else f"is {value:.4g} {unit}"
            found.append(f"{name} {said}, at most {limit:g} {unit} allowed")
    return found
