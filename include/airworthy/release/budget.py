"""The budget check: the costs of a version in the server against the spec's limits. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from airworthy.ledger import Entry
from airworthy.ledger.events import StagingCheck
from airworthy.ledger.ledger_queries import of_kind
from airworthy.spec.release_part import Budget, Release
from airworthy.spec.waivers import waiver_of
from airworthy.traffic import ServedVersion

# Per key of the budget: the name for people, and the unit.
_COSTS = {
    "p50_ms": ("p50 latency of single rows", "ms"),
    "p99_ms": ("p99 latency of single rows", "ms"),
    "load_seconds": ("time to load", "s"),
    "memory_mib": ("memory", "MiB"),
    "size_mib": ("size of the files", "MiB"),
}
# The default limits on latency. They leave room for a machine ten times slower than a usual one.
_SLOWER_THAN_CHAMPION = 3.0
_FLOORS_MS = {"p50_ms": 250.0, "p99_ms": 2_000.0}  # no default limit is under these
_WITHOUT_CHAMPION_MS = {"p50_ms": 500.0, "p99_ms": 4_000.0}


def staging_budget(
    release: Release, entries: Iterable[Entry], champion: ServedVersion | None
) -> Budget:
    """Return the spec's limits, with default limits on latency unless they are set or waived.

    Args:
        release: The spec's part.
        entries: The model's ledger: the champion's costs are those of its last staging check.
        champion: The champion; None: there is none.
    """
    budget = release.budget
    is_set = budget.p50_ms is not None or budget.p99_ms is not None
    if is_set or waiver_of(release.waive, "latency") is not None:
        return budget
    costs = None if champion is None else _recorded_latency(entries, champion)
    return budget.model_copy(update=_default_limits(costs))


def _recorded_latency(
    entries: Iterable[Entry], champion: ServedVersion
) -> dict[str, float | None] | None:
    checks = [entry.event for entry in of_kind(entries, StagingCheck)]
    own = [
        check
        for check in checks
        if check.passed
        and check.version == champion.version
        and champion.bundle_digest in (None, check.bundle_digest)
    ]
    return {"p50_ms": own[-1].p50_ms, "p99_ms": own[-1].p99_ms} if own else None


def _default_limits(champion: dict[str, float | None] | None) -> dict[str, float]:
    """Return the limits by the budget's keys, in milliseconds.

    >>> _default_limits({"p50_ms": 100.0, "p99_ms": None})
    {'p50_ms': 300.0, 'p99_ms': 4000.0}
    """
    limits = {}
    for key, without in _WITHOUT_CHAMPION_MS.items():
        cost = champion.get(key) if champion else None
        relative = None if cost is None else max(_FLOORS_MS[key], _SLOWER_THAN_CHAMPION * cost)
        limits[key] = without if relative is None else relative
    return limits


def budget_breaches(budget: Budget, costs: dict[str, float | None]) -> list[str]:
    """Return one line for each cost over its limit. A limited cost without a value is over it, too.

    Args:
        budget: The limits, see `staging_budget`.
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
