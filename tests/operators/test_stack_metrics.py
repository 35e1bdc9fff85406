"""The stack's Airflow sends its metrics to the part `metrics`."""

from __future__ import annotations

from pathlib import Path

import pytest

from airworthy.environment import Environment
from airworthy_airflow.stack.layout import HOST, load_layout
from airworthy_airflow.stack.programs import commands
from airworthy_airflow.stack.secret_keys import Secrets
from airworthy_airflow.stack.settings import process_environment

SECRETS = Secrets("key", "key", "secret", "password")


@pytest.fixture
def state(environment: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stack's own state, with its own metrics port."""
    monkeypatch.setenv("AIRWORTHY_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("AIRWORTHY_METRICS_PORT", "9876")


@pytest.mark.usefixtures("state")
def test_airflow_sends_to_the_part_that_serves() -> None:
    """By default to the port of the part `metrics`, with tags, and each metric under one name."""
    layout = load_layout()
    variables = process_environment(layout, SECRETS, {})
    assert (
        variables["AIRFLOW__METRICS__STATSD_ON"],
        variables["AIRFLOW__METRICS__STATSD_HOST"],
    ) == (
        "True",
        HOST,
    )
    assert variables["AIRFLOW__METRICS__STATSD_PORT"] == "9876"
    assert commands(layout)["metrics"][-2:] == ["--port", "9876"]
    assert variables["AIRFLOW__METRICS__STATSD_INFLUXDB_ENABLED"] == "True"
    assert variables["AIRFLOW__METRICS__LEGACY_NAMES_ON"] == "False"


@pytest.mark.usefixtures("state")
def test_a_shell_can_turn_it_off_or_send_it_elsewhere() -> None:
    """The shell's settings of Airflow's metrics win over the stack's; other settings do not."""
    shell = {
        "AIRFLOW__METRICS__STATSD_ON": "False",
        "AIRFLOW__METRICS__OTEL_ON": "True",
        "AIRFLOW__API__WORKERS": "9",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318",
    }
    variables = process_environment(load_layout(), SECRETS, shell)
    assert {key: variables[key] for key in shell} == {**shell, "AIRFLOW__API__WORKERS": "1"}
