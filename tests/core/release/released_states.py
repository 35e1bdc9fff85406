"""States with released versions, made once in a process: each test begins with a copy of its own.

The state of a test is a folder that was moved: MLflow's paths follow it, as after a user's move.
"""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml
from mlflow.tracking._tracking_service.utils import _artifact_repos_cache

from airworthy.environment import load_environment
from airworthy.handover.catalogue import STAGES
from airworthy.serving.in_process_server import running_server
from airworthy.stages import run_stage

from ..stages.conftest import FEATURES, LET_THROUGH, small_spec  # noqa: TID252 - tests are no installed package

MODEL = "small_model"
_LAST = "deploy_production"
_made: list[TemporaryDirectory[str]] = []


def copy_released_state(state: Path, *runs: tuple[str, str]) -> None:
    """Fill a state folder with the releases of some runs of the small model, in order.

    Args:
        state: The folder. No process uses it yet.
        *runs: Id and end of the data, a day in UTC, of each run.
    """
    shutil.copytree(_released_state(*runs), state, dirs_exist_ok=True)
    # MLflow remembers by a run's id where its files are: in the copy of an earlier test.
    _artifact_repos_cache.clear()


@cache
def _released_state(*runs: tuple[str, str]) -> Path:
    """Return the folder of a state that was made with a server of its own."""
    _made.append(TemporaryDirectory(prefix="airworthy-released-"))
    folder = Path(_made[-1].name)
    state, models = folder / "state", folder / "models"
    _write_model(models / MODEL)
    with pytest.MonkeyPatch.context() as variables:
        variables.setenv("AIRWORTHY_STATE", str(state))
        variables.setenv("AIRWORTHY_MODELS", str(models))
        variables.setenv("AIRWORTHY_SERVER_URL", "http://127.0.0.1:9")
        with running_server(load_environment()) as running:
            variables.setenv("AIRWORTHY_SERVER_URL", running.url)
            for run_id, as_of in runs:
                _release(run_id, as_of)
    shutil.rmtree(state / "lake" / "_servers")
    # Paths follow a folder that was moved, and no copy leads back here.
    return state.rename(folder / "made")


def _write_model(folder: Path) -> None:
    folder.mkdir(parents=True)
    spec = small_spec(MODEL, evaluate=LET_THROUGH)
    (folder / "model.yaml").write_text(yaml.safe_dump(spec), encoding="utf-8")
    (folder / "features.py").write_text(FEATURES, encoding="utf-8")


def _release(run_id: str, as_of: str) -> None:
    moment = datetime.fromisoformat(as_of).replace(tzinfo=UTC).isoformat()
    request = {"model": MODEL, "as_of": moment, "reason": "manual", "run_id": run_id}
    payload: dict[str, Any] = {"run": request}
    for name, stage in STAGES.items():
        payload[stage.output] = run_stage(name, payload)
        if name == _LAST:
            return
