"""A version's number alone is no key: MLflow counts from 1 again after a model was deleted."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from tests.core.stages.conftest import (
    FEATURES,
    LET_THROUGH,
    MakeModel,
    RunStages,
    make_model,
    run_stages,
)
from tests.security.ledgers import MODEL

from airworthy.environment import Environment
from airworthy.errors import TerminalError
from airworthy.handover import RollbackRequest
from airworthy.ledger import Entry, open_ledger
from airworthy.ledger.events import (
    AliasMove,
    GuardTrip,
    LedgerEvent,
    Registration,
    RollbackStarted,
    StagingCheck,
    VerdictReached,
)
from airworthy.ledger.ledger_queries import of_kind, rolled_back, served_at
from airworthy.lineage.trace import trace
from airworthy.monitoring.history import TrainedVersion, champion_failing, refused_in_a_row
from airworthy.registry.registry import open_registry
from airworthy.release.budget import staging_budget
from airworthy.release.rollback_plan import plan_rollback
from airworthy.spec.release_part import Release
from airworthy.traffic import ServedVersion, traffic_of

__all__ = ["make_model", "run_stages"]

OLD, NEW = "a" * 64, "b" * 64


def test_lineage_tells_the_run_of_the_version_that_has_the_number(
    environment: Environment, make_model: MakeModel, run_stages: RunStages
) -> None:
    """After a registered model was deleted in MLflow, version 1 is another run's version."""
    model = make_model(evaluate=LET_THROUGH)
    old = run_stages(model, run_id="old")["version"]
    client = open_registry(environment).client
    client.delete_registered_model(model)
    make_model(features=FEATURES.replace('"hour"', '"hour_of_day"'), evaluate=LET_THROUGH)
    new = run_stages(model, run_id="new")["version"]
    assert (old["version"], new["version"]) == ("1", "1")
    assert old["bundle_digest"] != new["bundle_digest"]
    answer = trace(environment, f"{model}/1")
    runs = {node.run_id for node in answer.nodes() if node.kind in ("verdict", "training")}
    assert runs == {"new"}
    assert answer.versions() == ["1"]
    before = trace(environment, f"{model}/1@{old['bundle_digest'][:12]}")
    runs = {node.run_id for node in before.nodes() if node.kind in ("verdict", "training")}
    assert runs == {"old"}
    assert before.versions() == [f"1@{old['bundle_digest'][:12]}"]
    # A retry of the second run leaves one registration.
    run_stages(model, run_id="new")
    entries = open_ledger(environment, model).entries()
    digests = [entry.event.bundle_digest for entry in of_kind(entries, Registration)]
    assert digests == [old["bundle_digest"], new["bundle_digest"]]


@pytest.fixture
def entries(environment: Environment) -> list[Entry]:
    """A ledger in which version 1 was champion and rolled back, and another version is 1 now."""
    book = open_ledger(environment, MODEL)
    events: list[tuple[LedgerEvent, str]] = [
        (VerdictReached(outcome="pass", mlflow_run_id="m-old", reasons=["old"]), "old"),
        (Registration(version="1", bundle_digest=OLD), "old"),
        (
            StagingCheck(version="1", bundle_digest=OLD, passed=True, p50_ms=9.0, p99_ms=900.0),
            "old",
        ),
        (AliasMove(to="1", bundle_digest=OLD), "old"),
        (Registration(version="2", bundle_digest="c" * 64), "second"),
        (AliasMove(from_="1", to="2", bundle_digest="c" * 64), "second"),
        (RollbackStarted(from_="1", to="2", reason="late"), "back"),
        (GuardTrip(version="1", champion="2", step=10, reasons=["errors"]), "old"),
        (
            VerdictReached(outcome="pass", champion="1", champion_failing=["rmse"]),
            "against",
        ),
        (Registration(version="1", bundle_digest=NEW, reuses_number=True), "new"),
    ]
    for event, run in events:
        book.append(event, run_id=run, who="ann")
    return book.entries()


def test_what_befell_a_number_before_does_not_befall_its_new_version(entries: list[Entry]) -> None:
    """Rollbacks, trips, failed gates, latencies and evidence are those of other files."""
    now = datetime(2999, 1, 1, tzinfo=UTC)
    assert rolled_back(entries) == set()
    version = TrainedVersion(1, now, "schedule", approved=True)
    assert refused_in_a_row(entries, [version]) == 0
    assert champion_failing(entries, "1") == []
    without = staging_budget(Release(), entries, None)
    assert staging_budget(Release(), entries, ServedVersion("1", NEW)) == without
    assert staging_budget(Release(), entries, ServedVersion("1", OLD)) != without
    served = served_at(entries, now)
    assert served is not None
    assert served.version == "2"


def test_no_rollback_goes_to_a_version_that_has_a_former_champions_number(
    entries: list[Entry],
) -> None:
    """Neither by itself nor by name: these files never were champion."""
    champion = traffic_of(entries).champion_version
    for to_version in (None, "1"):
        request = RollbackRequest(to_version=to_version)
        with pytest.raises(TerminalError) as refused:
            plan_rollback(entries, "run", request, champion, {"1", "2"})
        assert "nothing to roll back to" in str(refused.value) or "never was champion" in str(
            refused.value
        )
