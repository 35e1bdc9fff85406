"""DAG files are read and run in other processes, with a temporary Airflow home."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.core.models.shipped import SHIPPED as MODELS

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parents[1]
DAGS = PROJECT / "dags"
SHIPPED = PROJECT / "include" / "models"
SCORING = "\nscore: {}\n"
"""A spec's part for a score DAG beside the others."""

LIBRARIES = (
    "airflow.dag_processing.dagbag",
    "airflow.api_fastapi.execution_api.app",
    "airflow.api_fastapi.execution_api.routes",
    "airflow.models.serialized_dag",
    "airflow.providers.amazon.aws.hooks.s3",
    "airflow.sdk.execution_time.supervisor",
    "airworthy.serving.in_process_server",
    "airworthy.stages.evaluate",
    "airworthy.stages.train",
    "airworthy_airflow.operators.monitor_operators",
    "airworthy_airflow.operators.release_operators",
    "deltalake",
    "git",
    "great_expectations",
    "matplotlib.pyplot",
    "mlflow.pyfunc",
    "mlflow.store.tracking.sqlalchemy_store",
)
"""The modules that are imported before the scripts that run DAGs."""

Parse = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def airflow_environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Variables of a process with its own Airflow, its database ready."""
    home = tmp_path_factory.mktemp("airflow-home")
    kept = {key: value for key, value in os.environ.items() if not key.startswith("AIRFLOW__")}
    environment = {
        **kept,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT / "plugins"),
    }
    airflow = str(Path(sys.executable).parent / "airflow")
    subprocess.run([airflow, "db", "migrate"], env=environment, check=True, capture_output=True)
    return environment


@pytest.fixture(scope="session")
def shipped_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with copies of the shipped models, and with no other."""
    folder = tmp_path_factory.mktemp("shipped")
    for name in MODELS:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(SHIPPED / name, folder / name, ignore=ignored)
    return folder


@pytest.fixture
def parse(parsing_scripts: Scripts, tmp_path: Path, shipped_models: Path) -> Parse:
    """Read the DAG files against a folder of models, in a fork of a process with Airflow alone."""

    def run(models: Path = shipped_models, dags: Path = DAGS, **variables: str) -> dict[str, Any]:
        state = {"AIRWORTHY_STATE": str(tmp_path), "AIRWORTHY_MODELS": str(models)}
        result = parsing_scripts.run("parse_dags.py", {**state, **variables}, str(dags))
        # The one DAG that is no model's.
        result["aliases"] = result["dags"].pop("airworthy__aliases", None)
        return result

    return run


@dataclass
class Scripts:
    """Runs this folder's scripts in forks of a process with Airflow; see `script_server`.

    Attributes:
        folder: Gets the scripts' output.
        environment: The process's variables.
        process: The process.
        count: The scripts that were run.
    """

    folder: Path
    environment: dict[str, str]
    process: subprocess.Popen[str]
    count: int = 0

    def run(self, script: str, variables: dict[str, str], *arguments: str) -> dict[str, Any]:
        """Run a script and return its last line of JSON.

        Args:
            script: Its file name.
            variables: Further variables of the script.
            *arguments: Of the script.
        """
        variables = {**self.environment, **variables}
        self.count += 1
        output = self.folder / f"{self.count}.log"
        order = {"script": str(HERE / script), "arguments": arguments, "output": str(output)}
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(json.dumps({**order, "variables": variables}), file=self.process.stdin, flush=True)
        code = self.process.stdout.readline().strip()
        printed = output.read_text(encoding="utf-8") if output.is_file() else ""
        assert code == "0", f"exit code {code}: {printed[-8000:]}"
        # Airflow may log after it.
        line = next(line for line in reversed(printed.splitlines()) if line.startswith("{"))
        result: dict[str, Any] = json.loads(line)
        return result


@contextmanager
def running_scripts(folder: Path, environment: dict[str, str], *modules: str) -> Iterator[Scripts]:
    """Yield scripts in forks of a process that has imported modules.

    Args:
        folder: Gets the scripts' output.
        environment: The process's variables.
        *modules: The modules.
    """
    command = [sys.executable, str(HERE / "script_server.py"), *modules]
    with (
        (folder / "server.log").open("w", encoding="utf-8") as log,
        subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        yield Scripts(folder, environment, process)
        assert process.stdin is not None
        process.stdin.close()


@pytest.fixture(scope="session")
def parsing_scripts(
    tmp_path_factory: pytest.TempPathFactory, airflow_environment: dict[str, str]
) -> Iterator[Scripts]:
    """Scripts that only read DAG files: nothing but Airflow is imported before."""
    folder = tmp_path_factory.mktemp("parsing-scripts")
    with running_scripts(folder, airflow_environment, "airflow.dag_processing.dagbag") as scripts:
        yield scripts


@pytest.fixture(scope="session")
def scripts(
    tmp_path_factory: pytest.TempPathFactory, airflow_environment: dict[str, str]
) -> Iterator[Scripts]:
    """Scripts that run DAGs: the stages' libraries are imported before."""
    folder = tmp_path_factory.mktemp("scripts")
    with running_scripts(folder, airflow_environment, *LIBRARIES) as scripts:
        yield scripts


def copy_models(folder: Path, names: list[str], more: str = "") -> None:
    """Copy the shipped ``delivery_eta`` under other names.

    Args:
        folder: Gets the models.
        names: The models' names.
        more: Text at the end of each spec.
    """
    for name in names:
        shutil.copytree(SHIPPED / "delivery_eta", folder / name)
        spec = folder / name / "model.yaml"
        text = spec.read_text(encoding="utf-8").replace("model: delivery_eta", f"model: {name}", 1)
        spec.write_text(text + more, encoding="utf-8")
