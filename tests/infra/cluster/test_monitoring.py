"""infra/kubernetes/monitoring: the alerts and dashboards of the house, and never copies of them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from airworthy.environment import OVERRIDES, load_environment

from .tools import PROJECT, kustomized, program

FOLDER = PROJECT / "infra" / "kubernetes" / "monitoring"
PROMETHEUS = PROJECT / "infra" / "prometheus"
DASHBOARDS = PROJECT / "infra" / "grafana" / "provisioning" / "dashboards"
TARGETS = [{"targets": ["pod:1"], "labels": {"__meta_kubernetes_namespace": "airworthy"}}]


@pytest.fixture(scope="module")
def production() -> list[dict[str, Any]]:
    """All objects of production's monitoring."""
    return kustomized(FOLDER / "overlays" / "production")


def test_alerts_and_dashboards_are_those_of_the_house(production: list[dict[str, Any]]) -> None:
    """The ConfigMaps have the files themselves, and none is left out."""
    maps = _config_maps(production)
    assert maps["airworthy-rules"] == {
        "airworthy.rules.yml": (PROMETHEUS / "airworthy.rules.yml").read_text("utf-8")
    }
    assert maps["airworthy-dashboards"] == {
        each.name: each.read_text("utf-8") for each in DASHBOARDS.glob("*.json")
    }


def test_the_operators_alerts_are_the_same() -> None:
    """PrometheusRule has them as fields."""
    script = FOLDER / "prometheus_rule.py"
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    rule = yaml.safe_load(done.stdout)
    assert (rule["apiVersion"], rule["kind"]) == ("monitoring.coreos.com/v1", "PrometheusRule")
    assert rule["spec"] == yaml.safe_load((PROMETHEUS / "airworthy.rules.yml").read_text("utf-8"))


def test_the_operator_is_told_of_the_same_jobs() -> None:
    """The alerts ask for jobs by name. A monitor's selector finds the Service with its port."""
    found = kustomized(FOLDER / "operator")
    monitors = [each["spec"] for each in found if each["kind"] == "ServiceMonitor"]
    relabeled = {
        rule["replacement"] for each in monitors for rule in each["endpoints"][0]["relabelings"]
    }
    assert relabeled == _jobs(PROMETHEUS / "compose.yml")
    (service,) = [each for each in found if each["kind"] == "Service"]
    (selector,) = [
        each["selector"]["matchLabels"]
        for each in monitors
        if each["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    ]
    assert selector == {"app.kubernetes.io/name": "metrics"}
    assert "http" in {each["name"] for each in service["spec"]["ports"]}


def test_prometheus_has_the_jobs_that_the_alerts_ask_for(tmp_path: Path) -> None:
    """Its configuration is one that Prometheus takes; Debian's is built without the cluster's discovery."""
    assert _jobs(FOLDER / "server" / "scrape.yml") == _jobs(PROMETHEUS / "compose.yml")
    configuration = yaml.safe_load((FOLDER / "server" / "scrape.yml").read_text("utf-8"))
    configuration["rule_files"] = [str(PROMETHEUS / "airworthy.rules.yml")]
    for job in configuration["scrape_configs"]:
        assert job.pop("kubernetes_sd_configs") == [
            {"role": "pod", "namespaces": {"own_namespace": True}}
        ]
        job["static_configs"] = TARGETS
    file = tmp_path / "prometheus.yml"
    file.write_text(yaml.safe_dump(configuration), encoding="utf-8")
    promtool = program("promtool", "PROMTOOL")
    checked = subprocess.run(
        [promtool, "check", "config", file], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_prometheus_finds_pods_by_labels_that_they_have(production: list[dict[str, Any]]) -> None:
    """The metrics' pod has the name and the port that its job keeps."""
    configuration = yaml.safe_load(
        _config_maps(production)["airworthy-prometheus"]["prometheus.yml"]
    )
    (job,) = [
        each for each in configuration["scrape_configs"] if each["job_name"] == "airworthy-metrics"
    ]
    kept = {
        rule["source_labels"][0]: rule["regex"]
        for rule in job["relabel_configs"]
        if "regex" in rule
    }
    pod = _deployment(production, "metrics")["template"]
    assert (
        kept["__meta_kubernetes_pod_label_app_kubernetes_io_name"]
        == pod["metadata"]["labels"]["app.kubernetes.io/name"]
    )
    ports = {each["name"]: each["protocol"] for each in pod["spec"]["containers"][0]["ports"]}
    assert ports[kept["__meta_kubernetes_pod_container_port_name"]] == "TCP"


def test_files_are_where_the_programs_look(production: list[dict[str, Any]]) -> None:
    """Grafana's folder of dashboards and Prometheus' rules are mounted; thirty days outlive the pod."""
    prometheus = _deployment(production, "prometheus")["template"]["spec"]
    configuration = yaml.safe_load(
        _config_maps(production)["airworthy-prometheus"]["prometheus.yml"]
    )
    mounts = {
        each["mountPath"]: each["name"] for each in prometheus["containers"][0]["volumeMounts"]
    }
    (rules,) = configuration["rule_files"]
    assert mounts[str(Path(rules).parent)] == "rules"
    volumes = {each["name"]: each for each in prometheus["volumes"]}
    assert volumes["series"]["persistentVolumeClaim"] == {"claimName": "prometheus"}
    grafana = _deployment(production, "grafana")["template"]["spec"]
    provisioning = {each["name"]: each.get("value") for each in grafana["containers"][0]["env"]}[
        "GF_PATHS_PROVISIONING"
    ]
    folders = {each["mountPath"] for each in grafana["containers"][0]["volumeMounts"]}
    assert {f"{provisioning}/dashboards", f"{provisioning}/datasources"} <= folders


def test_compose_and_the_cluster_have_the_same_programs(production: list[dict[str, Any]]) -> None:
    """One version of Prometheus and Grafana is tried."""
    compose = yaml.safe_load((PROJECT / "docker-compose.yaml").read_text("utf-8"))["services"]
    for name in ("prometheus", "grafana"):
        (container,) = _deployment(production, name)["template"]["spec"]["containers"]
        assert container["image"] == compose[name]["image"]


@pytest.mark.parametrize("environment", ["dev", "staging", "production"])
def test_the_metrics_load_their_environment_from_the_settings(
    environment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each variable of its file is set. The lake is that of the namespace."""
    settings = _config_maps(kustomized(FOLDER / "overlays" / environment))["airworthy-metrics"]
    for name in ("AIRWORTHY_STATE", "AIRWORTHY_MODELS", *OVERRIDES.values()):
        monkeypatch.delenv(name, raising=False)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    loaded = load_environment(PROJECT)
    assert (loaded.lake, loaded.tracking_uri) == (
        f"s3://airworthy-{environment}/lake",
        "http://mlflow:5000",
    )


@pytest.mark.parametrize("environment", ["dev", "staging", "production"])
def test_mlflow_knows_the_names_by_which_it_is_asked(environment: str) -> None:
    """`AIRWORTHY_TRACKING_URI` of the namespace is among the hosts that its server allows."""
    found = kustomized(PROJECT / "infra" / "kubernetes" / "mlflow" / "overlays" / environment)
    hosts = _config_maps(found)["airworthy-mlflow"]["MLFLOW_SERVER_ALLOWED_HOSTS"].split(",")
    (service,) = [each for each in found if each["kind"] == "Service"]
    name, (port,) = service["metadata"]["name"], service["spec"]["ports"]
    assert f"{name}:{port['port']}" in hosts
    assert f"{name}.airworthy-{environment}.svc:{port['port']}" in hosts
    metrics = _config_maps(kustomized(FOLDER / "overlays" / environment))["airworthy-metrics"]
    assert metrics["AIRWORTHY_TRACKING_URI"] == f"http://{name}:{port['port']}"


def _jobs(file: Path) -> set[str]:
    configuration = yaml.safe_load(file.read_text("utf-8"))
    return {each["job_name"] for each in configuration["scrape_configs"]}


def _config_maps(objects: list[dict[str, Any]]) -> dict[str, dict[str, str]]:
    """Return the data of each ConfigMap by its name without its digest."""
    found = [each for each in objects if each["kind"] == "ConfigMap"]
    return {each["metadata"]["name"].rpartition("-")[0]: each["data"] for each in found}


def _deployment(objects: list[dict[str, Any]], name: str) -> dict[str, Any]:
    (found,) = [
        each
        for each in objects
        if each["kind"] == "Deployment" and each["metadata"]["name"] == name
    ]
    return json.loads(json.dumps(found["spec"]))  # type: ignore[no-any-return]
