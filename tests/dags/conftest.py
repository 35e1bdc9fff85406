"""DAG files are read and run in other processes, with a temporary Airflow home."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
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
def parse(airflow_environment: dict[str, str], tmp_path: Path, shipped_models: Path) -> Parse:
    """Read the DAG files against a folder of models, in a fresh process."""

    def run(models: Path = shipped_models, dags: Path = DAGS, **variables: str) -> dict[str, Any]:
        environment = {
            **airflow_environment,
            "AIRWORTHY_STATE": str(tmp_path),
            "AIRWORTHY_MODELS": str(models),
        }
        result = run_script("parse_dags.py", {**environment, **variables}, str(dags))
        # The one DAG that is no model's.
        result["aliases"] = result["dags"].pop("airworthy__aliases", None)
        return result

    return run


def run_script(script: str, environment: dict[str, str], *arguments: str) -> dict[str, Any]:
    """Run a script of this folder and return its last line of JSON.

    Args:
        script: Its file name.
        environment: The process's variables.
        *arguments: Of the script.
    """
    command = [sys.executable, str(HERE / script), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-5000:]
    # Airflow may log to standard output after it.
    line = next(line for line in reversed(done.stdout.splitlines()) if line.startswith("{"))
    result: dict[str, Any] = json.loads(line)
    return result


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
