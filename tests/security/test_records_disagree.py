"""Nothing is trained, evaluated or promoted over records that disagree: each disagreement is named."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from tests.core.champions import make_champion
from tests.core.lake.conftest import MakeJob, make_job, put_day
from tests.core.release.replica_reports import loaded, replica_report
from tests.core.stages.conftest import FEATURES, LET_THROUGH, small_spec
from typer.testing import CliRunner

from airworthy.cli.main import app
from airworthy.environment import Environment, load_environment
from airworthy.errors import TerminalError
from airworthy.handover import RunRequest
from airworthy.handover.catalogue import STAGES
from airworthy.job import open_job
from airworthy.lake import Lake, open_lake
from airworthy.ledger import open_ledger
from airworthy.reconciliation import require_agreement
from airworthy.registry.registry import CHAMPION, open_registry
from airworthy.registry.tags import BUNDLE_DIGEST
from airworthy.stages import run_stage
from airworthy.stages.ingest import ingest
from airworthy.traffic.replica_report import ModelReport
from airworthy.traffic.replica_reports import open_replica_reports

__all__ = ["make_job", "put_day"]

AS_OF = datetime(2026, 3, 20, tzinfo=UTC)
REQUEST = RunRequest(model="small_model", as_of=AS_OF, reason="manual", run_id="third")
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


@dataclass(frozen=True)
class Trained:
    """A model whose version 1 is champion, and the payload of a challenger before its evaluation."""

    environment: Environment
    payload: dict[str, Any]
    saved: Path

    @property
    def model(self) -> str:
        """The model's name."""
        return str(self.payload["run"]["model"])

    @property
    def lake(self) -> Path:
        """The lake's folder."""
        return Path(self.environment.lake)

    @property
    def database(self) -> Path:
        """MLflow's database."""
        return Path(self.environment.tracking_uri.removeprefix("sqlite:///"))

    def save(self) -> None:
        """Keep a copy of the records."""
        shutil.copytree(self.lake, self.saved / "lake")
        copy_database(self.database, self.saved / "mlflow.db")

    def restore(self) -> None:
        """Bring the copy back. MLflow's connections to the database stay open."""
        shutil.rmtree(self.lake)
        shutil.copytree(self.saved / "lake", self.lake)
        copy_database(self.saved / "mlflow.db", self.database)


def copy_database(source: Path, target: Path) -> None:
    """Copy a SQLite database by SQLite's own means."""
    with closing(sqlite3.connect(source)) as read, closing(sqlite3.connect(target)) as written:
        read.backup(written)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trained]:
    """The records of one model, for the module."""
    folder = tmp_path_factory.mktemp("records")
    with pytest.MonkeyPatch.context() as variables:
        variables.setenv("AIRWORTHY_STATE", str(folder / "state"))
        variables.setenv("AIRWORTHY_MODELS", str(folder / "models"))
        variables.setenv("AIRWORTHY_SERVER_URL", "http://127.0.0.1:9")
        model_folder = folder / "models" / "small_model"
        model_folder.mkdir(parents=True)
        spec = small_spec("small_model", evaluate=LET_THROUGH)
        (model_folder / "model.yaml").write_text(yaml.safe_dump(spec), encoding="utf-8")
        (model_folder / "features.py").write_text(FEATURES, encoding="utf-8")
        environment = load_environment()
        first = run_until("register", "first")
        make_champion(environment, "small_model", first["version"]["version"])
        trained = Trained(environment, run_until("train", "second", max_depth=2), folder / "saved")
        trained.save()
        yield trained


@pytest.fixture
def trained(whole: Trained) -> Iterator[Trained]:
    """The records as they were, for each test."""
    yield whole
    whole.restore()


def run_until(last: str, run_id: str, **parameters: int) -> dict[str, Any]:
    """Run the stages up to one and return the payload."""
    request = {"model": "small_model", "as_of": AS_OF.isoformat(), "reason": "manual"}
    payload: dict[str, Any] = {"run": {**request, "run_id": run_id, "parameters": parameters}}
    for name, stage in STAGES.items():
        payload[stage.output] = run_stage(name, payload)
        if name == last:
            break
    return payload


def lose_mlflow(environment: Environment, model: str) -> None:
    """Lose every version in MLflow."""
    open_registry(environment).client.delete_registered_model(model)


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


def cut_ledger_alone(environment: Environment, model: str) -> None:
    """Remove the ledger's last entry. Only the anchor has its head."""
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
        (lose_mlflow, "registry_lost", "names version 1 as the champion"),
        (delete_champion, "champion_not_registered", "the champion, version 1, is not in MLflow"),
        (change_digest, "other_files", "name different files of version 1"),
        (lose_ledger, "ledger_lost", "the ledger is gone"),
        (cut_ledger, "ledger_cut", "the ledger has lost its end"),
        (cut_ledger_alone, "ledger_not_as_anchored", "is not the one that was anchored"),
        (serve_other_files, "unnamed_files_served", "that the ledger does not name"),
        (give_alias_to_a_stranger, "alias_moved", "which the ledger does not know"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_nothing_is_evaluated_or_promoted_over_a_disagreement(
    trained: Trained, damage: Callable[[Environment, str], None], kind: str, words: str
) -> None:
    """The doctor and the stages name it, with a next step. No verdict is made, no champion moves."""
    environment, model = trained.environment, trained.model
    damage(environment, model)
    before = open_ledger(environment, model).entries()
    with pytest.raises(TerminalError, match=words) as refused:
        run_stage("evaluate", trained.payload)
    assert refused.value.next_step
    assert open_ledger(environment, model).entries() == before
    result = CliRunner().invoke(app, ["doctor", model, "--json"])
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.exit_code == 1
    assert found[0]["kind"] == kind
    assert {"evaluate", "release"} <= set(found[0]["stops"])
    with pytest.raises(TerminalError, match=words):
        require_agreement(open_job(REQUEST), "release")


def test_records_that_agree_are_told_as_such(trained: Trained) -> None:
    """A projection that somebody moved is told, and stops nothing."""
    result = CliRunner().invoke(app, ["doctor", trained.model, "--deep"])
    assert (result.exit_code, result.stdout) == (
        0,
        f"{trained.model}: ledger, MLflow, model servers and lake agree\n",
    )
    client = open_registry(trained.environment).client
    client.delete_registered_model_alias(trained.model, CHAMPION)
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 0
    assert "MLflow's alias champion names no version" in result.stdout


@pytest.mark.parametrize("damage", [change_digest, delete_champion])
def test_a_disagreement_about_the_champion_does_not_keep_it(
    trained: Trained, damage: Callable[[Environment, str], None]
) -> None:
    """A rollback leaves a champion whose files MLflow names otherwise, or has not at all."""
    damage(trained.environment, trained.model)
    assert [each for each in require_agreement(open_job(REQUEST), "rollback") if each.stops]
