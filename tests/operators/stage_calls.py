"""Calls of a stage in an environment of its own, for the tests of runners."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import yaml

from airworthy.environment import load_environment
from airworthy_airflow.runners.stage_call import StageCall

RUN = {
    "model": "delivery_eta",
    "as_of": "2026-03-20T00:00:00Z",
    "reason": "manual",
    "run_id": "manual__1",
}
MakeCall = Callable[..., StageCall]


def make_call(project: Path, runner: str = "docker", **settings: Any) -> StageCall:
    """Make a call of the stage ``train`` in the environment ``contained`` of a project.

    Args:
        project: The project's folder.
        runner: The runner of the stage.
        settings: The runner's settings; ``lake`` and ``stage`` are those of the call.
    """
    stage, lake = settings.pop("stage", "train"), settings.pop("lake", "s3://lake")
    space = {"namespace": "ml"} if runner == "kubernetes" else {}
    keys = {"image": "airworthy:1", **space, **settings}
    environment = {
        "lake": lake,
        "artifacts": "s3://artifacts",
        "server_url": "http://server",
        "stages": {"default": runner},
        **({} if runner == "inline" else {runner: keys}),
    }
    path = project / "include" / "environments" / "contained.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(environment), encoding="utf-8")
    payload = {"run": RUN, "dataset": {"digest": "d"}}
    return StageCall("train", stage, payload, load_environment())


def task_context(try_number: int = 1, max_tries: int = 2) -> Any:
    """Return the context of a try of the task ``train``."""
    instance = SimpleNamespace(
        dag_id="delivery_eta__train",
        task_id="train",
        map_index=-1,
        try_number=try_number,
        max_tries=max_tries,
        xcom_push=lambda **_: None,
    )
    return {
        "ti": instance,
        "run_id": "manual__1",
        "dag": SimpleNamespace(params={}),
        "task": SimpleNamespace(retries=2),
        "dag_run": SimpleNamespace(dag_id="delivery_eta__train", run_id="manual__1"),
    }
