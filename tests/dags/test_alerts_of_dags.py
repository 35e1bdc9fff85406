"""A run stopped by its data sends an alert: the real DAG, the real stages, Airflow's own provider."""

from __future__ import annotations

import json
from pathlib import Path

from tests.receivers import web_receiver

from .conftest import DAGS, PROJECT, Parse, Scripts, copy_models

CHANNEL = "{type: webhook, connection: hook, endpoint: alerts, kinds: [%s]}"


def project_with(folder: Path, kinds: str) -> dict[str, str]:
    """Build a project with a webhook in its environment; return the variables to select it."""
    environments = folder / "include" / "environments"
    environments.mkdir(parents=True)
    shipped = (PROJECT / "include" / "environments" / "local.yaml").read_text(encoding="utf-8")
    (environments / "local.yaml").write_text(
        f"{shipped}\nalerts: [{CHANNEL % kinds}]\n", encoding="utf-8"
    )
    return {"AIRWORTHY_PROJECT": str(folder)}


def test_unfit_data_fail_the_run_and_are_told(scripts: Scripts, tmp_path: Path) -> None:
    """A critical expectation breaks: one message with the dataset version, the finding, and the
    task's page.
    """
    copy_models(tmp_path / "models", ["unfit"])
    spec = tmp_path / "models" / "unfit" / "model.yaml"
    text = spec.read_text(encoding="utf-8").replace("lookback: 28d", "lookback: 5d")
    spec.write_text(
        text.replace("column: stops, min_value: 1, max_value: 30", "column: stops, max_value: 1")
    )
    with web_receiver() as web:
        variables = {
            **project_with(tmp_path / "project", "failed_validation"),
            "AIRWORTHY_STATE": str(tmp_path / "state"),
            "AIRWORTHY_MODELS": str(tmp_path / "models"),
            "AIRFLOW_CONN_HOOK": web.connection("http"),
            "NO_PROXY": "127.0.0.1",
        }
        result = scripts.run(
            "run_dag.py", variables, str(DAGS), "unfit__train", json.dumps({"as_of": "2026-03-20"})
        )
    assert (result["state"], result["tasks"]["validate"]) == ("failed", "failed")
    [(path, body)] = web.requests
    assert path == "/alerts"
    assert body["key"].startswith("unfit:failed_validation:unfit/2026-03-20/")
    assert "expect_column_values_to_be_between(stops)" in body["facts"]["found"]
    assert "/dags/unfit__train/runs/" in body["links"]["task"]
    assert "validation.json" in body["next_step"]


def test_dags_have_a_deadline_where_somebody_is_told_of_late_runs(
    parse: Parse, tmp_path: Path
) -> None:
    """Nightly trainings and the monitor; no provider is imported for it."""
    copy_models(tmp_path / "models", ["steady"])
    result = parse(tmp_path / "models", **project_with(tmp_path / "project", "late_run"))
    assert result["errors"] == {}
    assert result["heavy"] == []
    assert (
        result["dags"]["steady__train"]["deadline"]
        == result["dags"]["steady__monitor"]["deadline"]
        == [21600.0]
    )
    assert result["dags"]["steady__rollback"]["deadline"] == []
