"""Each breach of a budget is named; latency has a limit even if the spec sets none."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from airworthy.environment import Environment
from airworthy.ledger import Entry, open_ledger
from airworthy.ledger.events import StagingCheck
from airworthy.release.budget import budget_breaches, staging_budget
from airworthy.spec.release_part import Budget, Release, ReleaseWaiver
from airworthy.traffic import ServedVersion

WAIVED = ReleaseWaiver(limit="latency", because="a batch model: nobody waits")

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


@pytest.fixture
def entries(environment: Environment) -> list[Entry]:
    """A ledger in which version 1 passed staging in 100 ms and version 2 was refused."""
    ledger = open_ledger(environment, "small_model")
    for version, passed in (("1", True), ("2", False)):
        check = StagingCheck(version=version, passed=passed, p50_ms=100.0, p99_ms=900.0)
        ledger.append(check, run_id="run", who="tests")
    return ledger.entries()


@pytest.mark.parametrize(
    ("champion", "limits"),
    [
        (ServedVersion("1", None), (300.0, 2_700.0)),
        # Nothing is known of its costs: as without a champion.
        (ServedVersion("2", None), (500.0, 4_000.0)),
        (None, (500.0, 4_000.0)),
    ],
)
def test_a_version_slower_than_the_default_is_refused_unless_latency_is_waived(
    entries: list[Entry], champion: ServedVersion | None, limits: tuple[float, float]
) -> None:
    """Three times the champion's latency is within the default, more is not; waived, all is."""
    budget = staging_budget(Release(), entries, champion)
    assert (budget.p50_ms, budget.p99_ms) == limits
    fit: dict[str, float | None] = {"p50_ms": limits[0], "p99_ms": limits[1]}
    assert budget_breaches(budget, fit) == []
    assert len(budget_breaches(budget, {key: (cost or 0) * 1.01 for key, cost in fit.items()})) == 2
    waived = staging_budget(Release(waive=[WAIVED]), entries, champion)
    assert budget_breaches(waived, {"p50_ms": 1e6, "p99_ms": 1e6}) == []


def test_a_machine_ten_times_slower_is_within_the_default(environment: Environment) -> None:
    """The champion was measured on a fast machine, the challenger on a slow one."""
    ledger = open_ledger(environment, "small_model")
    check = StagingCheck(version="1", passed=True, p50_ms=3.0, p99_ms=40.0)
    ledger.append(check, run_id="run", who="tests")
    budget = staging_budget(Release(), ledger.entries(), ServedVersion("1", None))
    assert budget_breaches(budget, {"p50_ms": 30.0, "p99_ms": 400.0}) == []


def test_a_limit_of_the_spec_replaces_the_default_and_cannot_be_waived(
    entries: list[Entry],
) -> None:
    """One key of its own takes both defaults away; a waiver beside it is a fault."""
    own = Budget(p99_ms=9_000.0)
    assert staging_budget(Release(budget=own), entries, None) == own
    with pytest.raises(ValidationError, match="the spec sets this limit itself"):
        Release(budget=own, waive=[WAIVED])
