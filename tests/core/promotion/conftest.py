"""Environments with an MLflow and a lake each, and a model with two versions in staging."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from airworthy.cli.main import app
from airworthy.handover.catalogue import STAGES
from airworthy.ledger import Entry, open_ledger
from airworthy.promotion import Place, read_place
from airworthy.stages import run_stage

from ..mlflow_server import mlflow_server  # noqa: TID252 - tests are no installed package
from ..stages.conftest import FEATURES, small_spec  # noqa: TID252

MODEL, AS_OF = "small_model", "2026-03-20T00:00:00+00:00"
GOOD, WEAK, DRIVER = "1", "2", "scheduled__2026-03-20"
RELEASE = {"approval": "auto", "rollout": ["full"], "dirty_trees": "allow", "watch": None}


@dataclass(frozen=True)
class World:
    """A project whose environments are reached by files of variables."""

    folder: Path

    def add(self, name: str, mlflow: str | None = None, **release: Any) -> Place:
        """Add an environment, and return it.

        Args:
            name: Its name.
            mlflow: The address of a server, or the name of a folder that environments share; None:
                a database of its own.
            **release: Its rules.
        """
        file = self.folder / "project" / "include" / "environments" / f"{name}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        settings = {
            "lake": "${AIRWORTHY_LAKE}",
            "tracking_uri": "${AIRWORTHY_TRACKING_URI}",
            "artifacts": "${AIRWORTHY_ARTIFACTS}",
            "server_url": "http://127.0.0.1:9",
            "release": {**RELEASE, **release},
        }
        file.write_text(yaml.safe_dump(settings), encoding="utf-8")
        own, database = self.folder / name, self.folder / (mlflow or name)
        own.mkdir(exist_ok=True)
        is_server = mlflow is not None and mlflow.startswith("http")
        if not is_server and not database.joinpath("mlflow.db").exists():
            database.mkdir(exist_ok=True)
            shutil.copy(self.folder / "empty.db", database / "mlflow.db")
        variables = {
            "LAKE": own / "lake",
            "ARTIFACTS": (own if is_server else database) / "artifacts",
            "STATE": own / "state",
            "TRACKING_URI": mlflow if is_server else f"sqlite:///{database}/mlflow.db",
        }
        lines = [f"AIRWORTHY_{key}={value}\n" for key, value in variables.items()]
        self.variables(name).write_text("".join(lines), encoding="utf-8")
        return read_place(name, self.variables(name))

    def variables(self, name: str) -> Path:
        """Return an environment's file of variables."""
        return self.folder / f"{name}.env"

    def arguments(self, version: str, to: str, *more: str, source: str = "staging") -> list[str]:
        """Return the arguments of the command that promotes a version, such as ``1`` or ``@champion``."""
        files = ["--from-variables", str(self.variables(source))]
        files += ["--to-variables", str(self.variables(to))]
        reference = f"{MODEL}{version}" if version.startswith("@") else f"{MODEL}/{version}"
        return ["promote", reference, "--from", source, "--to", to, *files, *more]

    def promote(self, version: str, to: str, *more: str, source: str = "staging") -> Result:
        """Promote a version by the command, and return the result."""
        return CliRunner().invoke(app, self.arguments(version, to, *more, source=source))

    def run(self, name: str, *arguments: str) -> Result:
        """Run a command in an environment."""
        with read_place(name, self.variables(name)).entered():
            return CliRunner().invoke(app, list(arguments))

    def entries(self, name: str) -> list[Entry]:
        """Return the ledger of an environment."""
        with read_place(name, self.variables(name)).entered() as environment:
            return open_ledger(environment, MODEL).entries()

    def assert_whole(self, name: str) -> None:
        """Assert that an environment's records agree and its ledger is whole."""
        doctor = self.run(name, "doctor", MODEL, "--deep")
        assert (doctor.exit_code, "agree" in doctor.output) == (0, True), doctor.output
        assert self.run(name, "ledger", "verify", MODEL).exit_code == 0


def train(place: Place, run_id: str, **parameters: Any) -> dict[str, Any]:
    """Train and register a version, and return the outputs of the stages."""
    request = {
        "model": MODEL, "as_of": AS_OF, "reason": "scheduled", "run_id": run_id,
        "requested_by": "ada", "requested_by_proof": "airflow", "parameters": parameters,
    }  # fmt: skip
    payload: dict[str, Any] = {"run": request}
    with place.entered():
        for name in ("ingest", "validate", "train", "evaluate", "register"):
            payload[STAGES[name].output] = run_stage(name, payload)
    return payload


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Iterator[World]:
    """Staging and production, each with an MLflow server, and two approved versions in staging."""
    folder = tmp_path_factory.mktemp("world")
    models = folder / "project" / "include" / "models" / MODEL
    models.mkdir(parents=True)
    (models / "model.yaml").write_text(yaml.safe_dump(small_spec(MODEL)), encoding="utf-8")
    (models / "features.py").write_text(FEATURES, encoding="utf-8")
    shutil.copy(empty_database, folder / "empty.db")
    built = World(folder)

    def start(stack: ExitStack, name: str) -> str:
        own = folder / name
        own.mkdir()
        shutil.copy(empty_database, own / "mlflow.db")
        variables = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        return stack.enter_context(mlflow_server(own, str(own / "artifacts"), variables))

    with pytest.MonkeyPatch.context() as shell, ExitStack() as stack:
        for name in ("AIRWORTHY_ENV", "AIRWORTHY_STATE", "AIRWORTHY_MODELS"):
            shell.delenv(name, raising=False)
        shell.setenv("AIRWORTHY_PROJECT", str(folder / "project"))
        with ThreadPoolExecutor() as pool:
            urls = list(pool.map(lambda name: start(stack, name), ("staging", "production")))
        staging = built.add("staging", urls[0])
        built.add("production", urls[1], approval={"by_other_than_trigger": True})
        train(staging, DRIVER)
        train(staging, "weak", learning_rate=0.02)
        yield built
