"""Every generated DAG is executed, with the real stages, lake, MLflow and model server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.core.models.shipped import SHIPPED as MODELS

from .conftest import DAGS, Scripts, copy_models

CONF = {"bike_demand": {"as_of": "2011-07-01"}}


def run_dag(
    scripts: Scripts, state: Path, dag_id: str, conf: dict[str, Any], **more: str
) -> dict[str, Any]:
    """Run a DAG on a fresh state folder.

    Args:
        scripts: Runs the script.
        state: The state folder.
        dag_id: The DAG.
        conf: The configuration.
        **more: Further variables.
    """
    variables = {"AIRWORTHY_STATE": str(state), **more}
    return scripts.run("run_dag.py", variables, str(DAGS), dag_id, json.dumps(conf))


@pytest.mark.parametrize("model", MODELS)
def test_every_shipped_models_dag_runs_to_a_release(
    scripts: Scripts, tmp_path: Path, shipped_models: Path, model: str
) -> None:
    """A fresh clone's models all pass their own gates and are released."""
    conf = CONF.get(model, {"as_of": "2026-03-20"})
    result = run_dag(
        scripts,
        tmp_path,
        f"{model}__train",
        conf,
        AIRWORTHY_MODELS=str(shipped_models),
    )
    assert result["state"] == "success"
    assert set(result["tasks"].values()) == {"success"}


def test_a_failed_gate_skips_the_release_and_ends_well(scripts: Scripts, tmp_path: Path) -> None:
    """A challenger with a failed gate is registered, its release skipped; the run is no failure."""
    copy_models(tmp_path / "models", ["hopeless"])
    spec = tmp_path / "models" / "hopeless" / "model.yaml"
    spec.write_text(
        spec.read_text().replace("{metric: rmse, max: 6.0}", "{metric: rmse, max: 0.001}")
    )
    models = str(tmp_path / "models")
    result = run_dag(
        scripts,
        tmp_path / "state",
        "hopeless__train",
        {"as_of": "2026-03-20"},
        AIRWORTHY_MODELS=models,
    )
    assert result["state"] == "success"
    assert result["tasks"]["register"] == "success"
    assert result["tasks"]["release.deploy_staging"] == "skipped"
    assert result["tasks"]["release.deploy_production"] == "skipped"


def test_a_release_in_steps_runs_to_its_end(scripts: Scripts, tmp_path: Path) -> None:
    """A first version passes the tasks of a rollout at once: there is no champion to compare with."""
    copy_models(tmp_path / "models", ["stepwise"])
    spec = tmp_path / "models" / "stepwise" / "model.yaml"
    spec.write_text(
        spec.read_text(encoding="utf-8") + "\nrelease: {rollout: [shadow, 50, full]}\n",
        encoding="utf-8",
    )
    models = str(tmp_path / "models")
    result = run_dag(
        scripts,
        tmp_path / "state",
        "stepwise__train",
        {"as_of": "2026-03-20"},
        AIRWORTHY_MODELS=models,
    )
    assert result["state"] == "success"
    assert {"release.rollout_shadow", "release.rollout_50", "release.end_rollout"} <= set(
        result["tasks"]
    )
    assert set(result["tasks"].values()) == {"success"}
