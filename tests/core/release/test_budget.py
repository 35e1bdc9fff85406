"""Each breach of a budget is named; costs outside the budget are not checked."""

from __future__ import annotations

from airworthy.release.budget import budget_breaches
from airworthy.spec.release_part import Budget

MEASURED: dict[str, float | None] = {
    "p50_ms": 1.0, "p99_ms": 5.0, "load_seconds": 0.5, "memory_mib": 30.0, "size_mib": 2.0
}  # fmt: skip


def test_no_budget_judges_nothing() -> None:
    """Without limits everything is within them, whatever it costs."""
    assert budget_breaches(Budget(), MEASURED) == []


def test_each_limit_is_named_with_what_was_measured() -> None:
    """Exactly the costs over their limit are named, with both figures."""
    breaches = budget_breaches(
        Budget(p50_ms=1.0, p99_ms=4.0, memory_mib=29.5, size_mib=3.0), MEASURED
    )
    assert breaches == [
        "p99 latency of single rows is 5 ms, at most 4 ms allowed",
        "memory is 30 MiB, at most 29.5 MiB allowed",
    ]


def test_what_was_not_measured_is_not_within_a_limit() -> None:
    """A version of unknown cost is not shown to be cheap enough; nor is one with NaN."""
    assert budget_breaches(Budget(memory_mib=100), {}) == [
        "memory was not measured, at most 100 MiB allowed"
    ]
    assert len(budget_breaches(Budget(p50_ms=1.0), {"p50_ms": float("nan")})) == 1
