"""Disks that are full, read-only or damaged; and old files that nothing needs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import mlflow
import polars as pl
import pytest
from typer.testing import CliRunner

from airworthy.cli.main import app
from airworthy.environment import Environment, load_environment
from airworthy.errors import TerminalError
from airworthy.evidence import Evidence
from airworthy.handover import RollbackRequest
from airworthy.ledger import open_ledger
from airworthy.ledger.events import (
    AliasMove,
    ApprovalAnswered,
    ArtifactsRemoved,
    CandidateNamed,
    LedgerEvent,
    RecordsRemoved,
    RollbackStarted,
)
from airworthy.predictions.log_rows import LABEL_COLUMNS
from airworthy.predictions.log_tables import append, open_or_create, scan_days, table_uri
from airworthy.registry.logged_models import ModelFiles, model_files
from airworthy.registry.registry import open_registry
from airworthy.registry.tracking import connect, experiment_id
from airworthy.release.rollback_plan import plan_rollback
from airworthy.retention_settings import RetentionSettings
from airworthy.versions.unneeded_files import needed_versions, unneeded_files

from ..core.eventually import eventually  # noqa: TID252 - tests are no installed package

NOW = datetime(2026, 3, 20, tzinfo=UTC)


@contextmanager
def disk(folder: Path, size: str, *, read_only: bool = False) -> Iterator[Path]:
    """Mount a disk of its own for the block."""
    folder.mkdir()
    options = f"size={size}" + (",ro" if read_only else "")
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.parametrize("read_only", [False, True])
def test_a_disk_without_room_ends_a_command_with_one_clear_message(
    tmp_path: Path, read_only: bool
) -> None:
    """Exit code 75: somebody makes room, or mounts it again, and the same command goes on."""
    with disk(tmp_path / "disk", "64k", read_only=read_only) as state:
        variables = {**os.environ, "AIRWORTHY_STATE": str(state)}
        command = [sys.executable, "-m", "airworthy", "run", "delivery_eta", "--no-release"]
        ended = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert ended.returncode == 75, ended.stderr
    assert "Traceback" not in ended.stdout + ended.stderr
    assert ("read-only" if read_only else "full") in ended.stderr.lower()


def ledger_of(*events: LedgerEvent) -> list[ModelFiles]:
    """Append events to the ledger of eta, and return five old trainings; the last has no version."""
    ledger = open_ledger(load_environment(), "eta")
    for number, event in enumerate(events):
        ledger.append(event, run_id=f"run-{number}", who="a person")
    created = NOW - timedelta(days=100)
    files = [ModelFiles(f"m-{v}", "", created, (v,)) for v in "1234567"]
    return [*files, ModelFiles("m-rejected", "", created)]


def test_nothing_that_an_entry_needs_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Champions, candidates, approved and newest versions stay, and all files that are young."""
    monkeypatch.setenv("AIRWORTHY_STATE", str(tmp_path))
    files = ledger_of(
        AliasMove(to="1"),
        AliasMove(from_="1", to="2"),
        CandidateNamed(
            version="3", purpose="release", bundle_digest="ab", server="production", named_before=0
        ),
        ApprovalAnswered(version="4", decision="approve", bundle_digest="ab", at=NOW),
    )
    entries = open_ledger(load_environment(), "eta").entries()
    retention = RetentionSettings(artifacts=timedelta(days=90), versions=1)
    old = unneeded_files(files, entries, retention, NOW)
    assert [each.model_id for each in old] == ["m-5", "m-6", "m-rejected"]
    assert unneeded_files(files, entries, RetentionSettings(), NOW) == []
    assert unneeded_files(files, entries, retention, NOW - timedelta(days=20)) == []


def test_as_many_former_champions_stay_as_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last good ones: a rollback goes to them, and to none whose files are gone."""
    monkeypatch.setenv("AIRWORTHY_STATE", str(tmp_path))
    moves = [AliasMove(to="1")]
    moves += [AliasMove(from_=str(v), to=str(v + 1)) for v in range(1, 6)]
    approved = ApprovalAnswered(version="1", decision="approve", bundle_digest="ab", at=NOW)
    rolled_back = RollbackStarted(from_="5", to="4", reason="bad", named=False)
    removed = ArtifactsRemoved(versions=["1"], logged_models=["m-1"], retention="90d")
    files = ledger_of(approved, *moves, rolled_back, removed)
    entries = open_ledger(load_environment(), "eta").entries()
    assert needed_versions(entries) == {"1", "2", "3", "4", "5", "6"}
    assert needed_versions(entries, 3) == {"2", "3", "4", "6"}
    retention = RetentionSettings(artifacts=timedelta(days=90), versions=1, champions=3)
    old = unneeded_files(files, entries, retention, NOW)
    assert [each.model_id for each in old] == ["m-1", "m-5", "m-rejected"]
    plan = plan_rollback(entries, "run", RollbackRequest(reason="late"), "6", {"1", "4"})
    assert plan.to_version == "4"
    with pytest.raises(TerminalError, match="removed under the environment's retention"):
        plan_rollback(entries, "run", RollbackRequest(to_version="1", reason="late"), "6", {"1"})


def removed(folder: Path) -> bool:
    """Collect, and tell whether a folder is gone."""
    result = CliRunner().invoke(app, ["gc", "eta"])
    assert result.exit_code == 0, result.output
    return not folder.exists()


def test_gc_removes_old_files_and_records_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment says from which age on. The ledger has it, and a second call does nothing."""
    project = tmp_path / "project"
    (project / "include" / "environments").mkdir(parents=True)
    (project / "include" / "models").mkdir()
    text = Path("include/environments/local.yaml").read_text(encoding="utf-8")
    file = project / "include" / "environments" / "local.yaml"
    file.write_text(text, encoding="utf-8")
    monkeypatch.setenv("AIRWORTHY_PROJECT", str(project))
    ledger_of(AliasMove(to="1"))
    environment = load_environment()
    experiment = experiment_id(environment, connect(environment), "eta")
    logged = mlflow.initialize_logged_model("model", experiment_id=experiment)
    folder = Path(environment.artifacts) / "eta" / "models" / logged.model_id / "artifacts"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.ubj").write_bytes(b"0" * 1000)

    run = old_evidence_of(environment, experiment)

    assert CliRunner().invoke(app, ["gc"]).exit_code == 1
    ages = "artifacts: 1s, versions: 1, evidence: 1s, predictions: 1d"
    file.write_text(f"{text}\nretention: {{{ages}}}\n", encoding="utf-8")
    assert CliRunner().invoke(app, ["gc", "--dry-run"]).exit_code == 0
    assert folder.is_dir()
    client, evidence = (
        open_registry(environment).client,
        Path(environment.lake) / "eta" / "evidence",
    )

    def all_gone() -> bool:
        rest = client.list_artifacts(run) or (evidence / "a-run").exists()
        return removed(folder) and not rest

    eventually("the files are old enough, and gone", all_gone)
    events = [entry.event for entry in open_ledger(environment, "eta").entries()]
    [files] = [event for event in events if isinstance(event, ArtifactsRemoved)]
    assert files.logged_models == [logged.model_id]
    assert model_files(open_registry(environment), "eta") == []

    records = [event for event in events if isinstance(event, RecordsRemoved)]
    assert [name for event in records for name in event.evidence] == ["a-run"]
    assert [name for event in records for name in event.mlflow_runs] == [run]
    assert {event.predictions_before for event in records} - {None} == {
        (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
    }
    assert logged_days(environment) == [datetime.now(UTC).date().isoformat()]
    assert removed(folder)
    assert len(open_ledger(environment, "eta").entries()) == len(events)


def old_evidence_of(environment: Environment, experiment: str) -> str:
    """Write evidence, a run's file, and predictions of today and of days ago; return the run."""
    Evidence(environment.beside_lake("eta", "evidence"), "a-run").write("verdict.json", "{}")
    client = open_registry(environment).client
    run = client.create_run(experiment).info.run_id
    client.log_text(run, "a page", "report.html")
    uri = table_uri(environment, "eta", "labels")
    now = datetime.now(UTC)
    for number, time in enumerate((now - timedelta(days=9), now)):
        row = {"id": str(number), "time": time, "day": time.date().isoformat(), "value": 1.0}
        table = open_or_create(uri, LABEL_COLUMNS)
        append(
            table, pl.DataFrame([row | {"text": None}], schema=LABEL_COLUMNS), {"writer": number}
        )
    return str(run)


def logged_days(environment: Environment) -> list[str]:
    """Return the days with labels; the position of their writer is still known."""
    uri = table_uri(environment, "eta", "labels")
    table = open_or_create(uri, LABEL_COLUMNS)
    assert table.transaction_version("writer") == 1
    rows = scan_days(uri, "2000-01-01", "2100-01-01")
    assert rows is not None
    return list(rows.collect()["day"])
