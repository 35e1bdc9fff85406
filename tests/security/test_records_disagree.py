"""Nothing is trained, evaluated or promoted over records that disagree: each disagreement is named."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest
from tests.core.champions import make_champion
from tests.core.lake.conftest import MakeJob, make_job, put_day
from tests.core.release.replica_reports import loaded, replica_report
from tests.core.stages.conftest import LET_THROUGH, MakeModel, RunStages, make_model, run_stages
from typer.testing import CliRunner

from airworthy.cli.main import app
from airworthy.environment import Environment
from airworthy.errors import TerminalError
from airworthy.handover import RunRequest
from airworthy.job import open_job
from airworthy.lake import Lake, open_lake
from airworthy.ledger import open_ledger
from airworthy.reconciliation import require_agreement
from airworthy.registry.registry import CHAMPION, open_registry
from airworthy.registry.tags import BUNDLE_DIGEST
from airworthy.stages.ingest import ingest
from airworthy.traffic.replica_report import ModelReport
from airworthy.traffic.replica_reports import open_replica_reports

__all__ = ["make_job", "make_model", "put_day", "run_stages"]

AS_OF = datetime(2026, 3, 20, tzinfo=UTC)
DAY = "2026-01-02"


def file_of(lake: Lake, day: str) -> Path:
    """Return the only file of a day."""
    [path] = Path(lake.data_uri).glob(f"*={day}/*.parquet")
    return path


def treble_labels(path: Path) -> None:
    """Write the same rows with other labels."""
    pl.read_parquet(path).with_columns(pl.col("minutes") * 3).write_parquet(path)


def flip_bits(path: Path) -> None:
    """Damage the file as a disk does."""
    content = bytearray(path.read_bytes())
    for position in range(8, len(content) // 2, 7):
        content[position] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    """Leave the first half of the file."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def replace_by_the_next_day(path: Path) -> None:
    """Put another day's rows in the place of the file."""
    [other] = path.parent.parent.glob("*=2026-01-03/*.parquet")
    path.write_bytes(other.read_bytes())


def change_a_type(path: Path) -> None:
    """Write numbers of the same value in another type."""
    pl.read_parquet(path).with_columns(pl.col("id").cast(pl.Float64)).write_parquet(path)


@pytest.mark.parametrize(
    "damage",
    [treble_labels, flip_bits, cut, replace_by_the_next_day, change_a_type, Path.unlink],
    ids=lambda damage: damage.__name__,
)
def test_a_damaged_partition_is_not_read_and_comes_back_from_the_source(
    make_job: MakeJob, put_day: Callable[..., Path], damage: Callable[[Path], None]
) -> None:
    """The error names partition and remedy. The remedy gives the same dataset version again."""
    for day in (1, 2, 3):
        put_day(day)
    job = make_job()
    dataset = ingest(job)
    damage(file_of(open_lake(job.environment, "trips"), DAY))
    lake = open_lake(job.environment, "trips")
    for read in (
        lambda: lake.scan(dataset),
        lambda: lake.read_partition(dataset, date(2026, 1, 2)),
    ):
        with pytest.raises(
            TerminalError, match=f"the partition {DAY} of the lake is damaged"
        ) as no:
            read()
        assert no.value.next_step is not None
        assert f"airworthy run trips --as-of 2026-01-04 --refresh {DAY}" in no.value.next_step
    assert lake.read_partition(dataset, date(2026, 1, 1)).height == 20
    assert [error.problem.split()[2] for error in lake.damaged(dataset)] == [DAY]
    refresh = job.run.model_copy(update={"refresh": f"{DAY}..{DAY}", "run_id": "again"})
    repaired = ingest(type(job)(job.spec, job.environment, refresh))
    lake = open_lake(job.environment, "trips")
    assert repaired.digest == dataset.digest
    assert lake.scan(repaired).collect()["minutes"].sum() == 3 * sum(range(10, 30))
    assert lake.partitions()[DAY].cause == "repaired"
    assert lake.restatements().is_empty()


@pytest.fixture
def champion(environment: Environment, make_model: MakeModel, run_stages: RunStages) -> str:
    """A model whose version 1 is champion, with a challenger of another run before evaluation."""
    model = make_model(evaluate=LET_THROUGH)
    make_champion(environment, model, run_stages(model)["version"]["version"])
    return model


def lose_mlflow(environment: Environment, model: str) -> None:
    """Remove MLflow's database."""
    for path in environment.state.glob("mlflow.db*"):
        path.unlink()


def delete_champion(environment: Environment, model: str) -> None:
    """Delete the champion in MLflow. Another version stays."""
    client = open_registry(environment).client
    client.create_model_version(model, client.get_model_version(model, "1").source)
    client.delete_model_version(model, "1")


def change_digest(environment: Environment, model: str) -> None:
    """Change the tag that names the champion's files."""
    open_registry(environment).client.set_model_version_tag(model, "1", BUNDLE_DIGEST, "0" * 64)


def lose_ledger(environment: Environment, model: str) -> None:
    """Remove the ledger's table."""
    shutil.rmtree(Path(environment.lake, model, "ledger"))


def cut_ledger(environment: Environment, model: str) -> None:
    """Remove the ledger's last entry. A server has seen it."""
    last = open_ledger(environment, model).entries()[-1].sequence
    report = replica_report("one", models={model: ModelReport(seen=last)})
    open_replica_reports(environment).write(report)
    log = sorted(Path(environment.lake, model, "ledger", "_delta_log").glob("*.json"))
    log[-1].unlink()


def serve_other_files(environment: Environment, model: str) -> None:
    """Let a server have files that no entry names."""
    last = open_ledger(environment, model).entries()[-1].sequence
    served = ModelReport(seen=last, champion=loaded("1", "f" * 64))
    open_replica_reports(environment).write(replica_report("one", models={model: served}))


def give_alias_to_a_stranger(environment: Environment, model: str) -> None:
    """Register a version past the ledger, and give it the alias."""
    client = open_registry(environment).client
    source = client.get_model_version(model, "1").source
    stranger = client.create_model_version(model, source)
    client.set_registered_model_alias(model, CHAMPION, stranger.version)


@pytest.mark.parametrize(
    ("damage", "kind", "words"),
    [
        (lose_mlflow, "registry_lost", "not even the champion, version 1"),
        (delete_champion, "champion_not_registered", "the champion, version 1, is not in MLflow"),
        (change_digest, "other_files", "name different files of version 1"),
        (lose_ledger, "ledger_lost", "the ledger is gone"),
        (cut_ledger, "ledger_cut", "the ledger has lost its end"),
        (serve_other_files, "unnamed_files_served", "that the ledger does not name"),
        (give_alias_to_a_stranger, "alias_moved", "which the ledger does not know"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_nothing_is_evaluated_or_promoted_over_a_disagreement(
    environment: Environment,
    champion: str,
    run_stages: RunStages,
    damage: Callable[[Environment, str], None],
    kind: str,
    words: str,
) -> None:
    """The doctor and the stages name it, with a next step. No verdict is made, no champion moves."""
    damage(environment, champion)
    before = open_ledger(environment, champion).entries()
    with pytest.raises(TerminalError, match=words) as refused:
        run_stages(champion, last="evaluate", run_id="second", parameters={"max_depth": 2})
    assert refused.value.next_step
    assert open_ledger(environment, champion).entries() == before
    result = CliRunner().invoke(app, ["doctor", champion, "--json"])
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.exit_code == 1
    assert found[0]["kind"] == kind
    assert {"evaluate", "release"} <= set(found[0]["stops"])
    job = open_job(RunRequest(model=champion, as_of=AS_OF, reason="manual", run_id="third"))
    with pytest.raises(TerminalError, match=words):
        require_agreement(job, "release")


def test_records_that_agree_are_told_as_such(environment: Environment, champion: str) -> None:
    """A projection that somebody moved is told, and stops nothing."""
    result = CliRunner().invoke(app, ["doctor", champion, "--deep"])
    assert (result.exit_code, result.stdout) == (
        0,
        f"{champion}: ledger, MLflow, model servers and lake agree\n",
    )
    open_registry(environment).client.delete_registered_model_alias(champion, CHAMPION)
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 0
    assert "MLflow's alias champion names no version" in result.stdout


def test_a_disagreement_about_the_champion_does_not_keep_it(
    environment: Environment, champion: str
) -> None:
    """A rollback leaves a champion whose files MLflow names otherwise, or has not at all."""
    job = open_job(RunRequest(model=champion, as_of=AS_OF, reason="manual", run_id="back"))
    for damage in (change_digest, delete_champion):
        damage(environment, champion)
        assert [each.kind for each in require_agreement(job, "rollback") if each.stops]
