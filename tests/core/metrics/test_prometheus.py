"""Dashboards and alert rules use existing series, in PromQL that Prometheus takes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import httpx
import pytest
import yaml
from prometheus_client import CollectorRegistry, Gauge, ProcessCollector, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from airworthy.environment import Environment, load_environment
from airworthy.handover import DatasetRef, Window
from airworthy.ledger import open_ledger
from airworthy.ledger.events import AliasMove, Registration
from airworthy.metrics.exporter import FileCollector
from airworthy.metrics.ledger_metrics import LedgerCollector
from airworthy.metrics.resource_usage import ResourceUsage
from airworthy.metrics.stage_metrics import stage_metrics
from airworthy.metrics.statsd import StatsdCollector
from airworthy.monitoring.gauges import GAUGES
from airworthy.predictions.spool import open_prediction_log
from airworthy.project import project_folder
from airworthy.release.rollout_flags import set_kill_switch
from airworthy.release.server_client import split_body
from airworthy.serving.in_process_server import serving

from ..serving.conftest import FolderRegistry, make_rows  # noqa: TID252 - tests are no installed package
from ..stages.conftest import MakeModel  # noqa: TID252 - tests are no installed package
from .expressions import (
    DASHBOARDS,
    RULES,
    dashboard_choices,
    expressions,
    grouped_labels,
    matched_labels,
    names_in,
)

INFRA = project_folder() / "infra"
FROM_PROMETHEUS = {"up": {"job", "instance"}, "ALERTS": {"alertname", "alertstate", "model"}}
ANYWHERE = {"job", "instance"}
NOW = "2026-03-20T00:00:00+00:00"
DEMANDED = "AIRWORTHY_DEMAND_PROMTOOL"

ServedNames = dict[str, set[str]]


@pytest.fixture(scope="module")
def promtool() -> str:
    """Prometheus' own checker. Only on a developer's machine may it be missing."""
    result = shutil.which("promtool")
    if result is None:
        assert not os.environ.get(DEMANDED), f"{DEMANDED} is set, and promtool is not there"
        pytest.skip("promtool is not on this machine (Debian, Ubuntu: apt-get install prometheus)")
    return result


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command and return its result."""
    return subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False
    )


def known_in(text: str) -> ServedNames:
    """Return a text's metric names, with their labels: those of a metric without series are
    unknown.
    """
    served_names: ServedNames = {}
    for family in text_string_to_metric_families(text):
        names = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}.get(
            family.type, [""]
        )
        served_names |= {family.name + ending: set() for ending in names}
        for sample in family.samples:
            served_names.setdefault(sample.name, set()).update(sample.labels)
    return served_names


@pytest.fixture
def server_text(environment: Environment, registry: FolderRegistry) -> Iterator[str]:
    """The text of a real server with a prediction log, in the middle of a rollout, after some
    requests.
    """
    flags, log = environment.flags_file, open_prediction_log(environment)
    registry.record.begin(50)
    set_kill_switch(flags, "late", True)
    body = split_body(make_rows(5))
    with (
        serving(
            lambda: registry, registry.record.following(flags=str(flags)), prediction_log=log
        ) as running,
        httpx.Client() as client,
    ):
        for model in ("eta", "late", "status"):
            address = f"{running.url}/models/{model}/invocations"
            client.post(
                address, content=body, headers={"content-type": "application/json"}
            ).raise_for_status()
        yield client.get(f"{running.url}/metrics").text


@pytest.fixture
def served_names(environment: Environment, make_model: MakeModel, server_text: str) -> ServedNames:
    """Every series of the server and of the part `metrics`."""
    ledger = open_ledger(environment, make_model("eta"))
    ledger.append(
        Registration(version="1", as_of=datetime.fromisoformat(NOW)), run_id="run", who="me"
    )
    ledger.append(AliasMove(to="1"), run_id="run", who="me")
    ledgers = LedgerCollector(load_environment())
    ledgers.poll()
    registry = CollectorRegistry()
    for collector in (ledgers, FileCollector(environment), StatsdCollector()):
        registry.register(collector)
    ProcessCollector(registry=registry)
    texts = [
        server_text,
        *(generate_latest(each).decode() for each in (registry, a_run(), monitored())),
    ]
    return {
        **FROM_PROMETHEUS,
        **{name: labels for text in texts for name, labels in known_in(text).items()},
    }


def a_run() -> CollectorRegistry:
    """The metrics of a run of ingest."""
    window = Window.model_validate({"start": "2026-03-19T00:00:00Z", "end": NOW})
    dataset = DatasetRef(
        model="eta",
        table="t",
        version=1,
        window=window,
        partitions={"2026-03-19": "d"},
        rows=9,
        quarantined=1,
        digest="d",
    )
    return stage_metrics("eta", "ingest", "success", ResourceUsage(1.0, 1.0, 1), dataset)


def monitored() -> CollectorRegistry:
    """The metrics of a decision of the monitor."""
    registry = CollectorRegistry()
    for name, (description, labels) in GAUGES.items():
        gauge = Gauge(
            f"airworthy_monitor_{name}", description, ("model", *labels), registry=registry
        )
        gauge.labels(*["x"] * (len(labels) + 1)).set(1)
    return registry


def test_the_committed_dashboards_are_the_made_ones(tmp_path: Path) -> None:
    """Nobody can change the code, or a dashboard by hand, alone: infra/grafana/dashboards.py has
    been run.
    """
    written = run(sys.executable, INFRA / "grafana" / "dashboards.py", tmp_path)
    assert written.returncode == 0, written.stderr
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == sorted(path.name for path in DASHBOARDS.glob("*.json"))
    assert len(names) == 2
    for name in names:
        assert (tmp_path / name).read_text() == (DASHBOARDS / name).read_text(), name


def test_dashboards_are_told_where_prometheus_is() -> None:
    """Every panel and choice uses the provisioned data source, and no two panels have one number."""
    provisioned = yaml.safe_load(
        (INFRA / "grafana/provisioning/datasources/prometheus.yaml").read_text()
    )
    source = {"type": "prometheus", "uid": provisioned["datasources"][0]["uid"]}
    provider = yaml.safe_load((DASHBOARDS / "airworthy.yaml").read_text())["providers"][0]
    assert provider["options"]["path"] == "$GF_PATHS_PROVISIONING/dashboards"
    for path in DASHBOARDS.glob("*.json"):
        dashboard = json.loads(path.read_text(encoding="utf-8"))
        asking = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
        assert [panel["datasource"] for panel in asking] == [source] * len(asking)
        assert all(
            target["datasource"] == source for panel in asking for target in panel["targets"]
        )
        assert all(variable["datasource"] == source for variable in dashboard["templating"]["list"])
        numbers = [panel["id"] for panel in dashboard["panels"]]
        assert len(set(numbers)) == len(numbers)


def test_prometheus_takes_configuration_rules_and_every_expression(
    promtool: str, tmp_path: Path
) -> None:
    """Also the dashboards' expressions, as Grafana fills them in."""
    result = run(promtool, "check", "config", INFRA / "prometheus" / "prometheus.yml")
    assert result.returncode == 0, result.stdout + result.stderr
    rules = [
        {"record": f"expression_{number}", "expr": each}
        for number, each in enumerate(expressions())
    ]
    assert len(rules) > 60
    whole = tmp_path / "expressions.yml"
    whole.write_text(
        yaml.safe_dump({"groups": [{"name": "all", "rules": rules}]}), encoding="utf-8"
    )
    result = run(promtool, "check", "rules", whole)
    assert result.returncode == 0, result.stdout + result.stderr


def test_each_alert_fires_when_it_should_and_only_then(promtool: str) -> None:
    """`promtool test rules` on written series; no alert is without such a test."""
    tests = RULES.with_name("airworthy.rules.test.yml")
    result = run(promtool, "test", "rules", tests)
    assert result.returncode == 0, result.stdout + result.stderr
    rules = [
        rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]
    ]
    fired = [
        check["expr"]
        for test in yaml.safe_load(tests.read_text())["tests"]
        for check in test["promql_expr_test"]
        if check["exp_samples"]
    ]
    for rule in rules:
        assert any(f'"{rule["alert"]}"' in expression for expression in fired), rule["alert"]
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert set(rule["annotations"]) == {"summary", "runbook"}


def test_what_is_served_keeps_to_prometheus_conventions(promtool: str, server_text: str) -> None:
    """`promtool check metrics` finds no fault with names, units and help texts of the server's and
    stages' metrics.
    """
    for text in (server_text.encode(), generate_latest(a_run()), generate_latest(monitored())):
        result = subprocess.run(
            [promtool, "check", "metrics"], input=text, capture_output=True, check=False
        )
        assert result.returncode == 0, result.stdout + result.stderr


def asked_for() -> Iterator[tuple[str, str]]:
    """Return every name in an expression, and the expression."""
    for expression in expressions():
        yield from (
            (name, expression) for name in names_in(expression) if not name.startswith("airflow_")
        )


def test_every_metric_that_is_asked_for_is_served(served_names: ServedNames) -> None:
    """A changed or misspelt name leaves a panel empty and an alert silent. Airflow's: see
    end_to_end.
    """
    assert {name for name, _ in asked_for()} <= set(served_names)
    assert len({name for name, _ in asked_for()}) > 40


def test_every_label_that_is_asked_for_is_there(served_names: ServedNames) -> None:
    """A selector, grouping or join by an unknown label finds nothing, or everything."""
    for name, expression in asked_for():
        if served_names[name]:
            assert matched_labels(expression).get(name, set()) <= served_names[name] | ANYWHERE, (
                name,
                expression,
            )
    for expression in expressions():
        names = names_in(expression)
        if all(served_names.get(name) for name in names):
            there = set().union(*(served_names[name] for name in names)) | ANYWHERE
            assert grouped_labels(expression) <= there, expression
    for name, label in dashboard_choices():
        assert label in served_names[name]
