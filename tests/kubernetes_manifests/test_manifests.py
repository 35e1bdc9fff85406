"""Every overlay of infra/kubernetes is confined, complete, and fits the code."""

from __future__ import annotations

import copy
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from infra.kubernetes.trial_secrets import trial_secrets

from airworthy.environment import OVERRIDES, load_environment
from airworthy.kubernetes.manifests import objects_of, render
from airworthy.serving.rollout_arms import SHADOW
from airworthy.serving.server_config import server_config
from airworthy.serving.uvicorn_server import environment_app

from .overlays import (
    MODEL_SERVERS,
    OVERLAYS,
    PROJECT,
    name_of,
    objects,
    pod_labels,
    pods,
    selected,
)
from .pod_security import containers, restricted_findings

pytestmark = pytest.mark.usefixtures("kubectl")
PLAIN = {
    "ConfigMap", "Deployment", "HorizontalPodAutoscaler", "Namespace", "NetworkPolicy",
    "PodDisruptionBudget", "Service", "ServiceAccount", "StatefulSet",
}  # fmt: skip
"""Kinds that every cluster knows."""
SCALER = "HorizontalPodAutoscaler"
VERSION = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]["version"]

all_overlays = pytest.mark.parametrize("overlay", OVERLAYS, ids=name_of)
model_servers = pytest.mark.parametrize("overlay", MODEL_SERVERS, ids=name_of)


def test_there_is_an_overlay_for_each_environment() -> None:
    """A test of all overlays tests something."""
    assert [each.name for each in MODEL_SERVERS] == ["dev", "production", "staging"]


@all_overlays
def test_no_pod_has_what_restricted_forbids(overlay: Path) -> None:
    """The Pod Security Standard "restricted" finds nothing."""
    found = {name: restricted_findings(template["spec"]) for name, template in pods(overlay)}
    assert {name: each for name, each in found.items() if each} == {}


CONFINED: dict[str, Any] = {
    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    "containers": [
        {
            "name": "one",
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
            },
        }
    ],
}


@pytest.mark.parametrize(
    ("place", "value", "finding"),
    [
        ((), {"hostNetwork": True}, "hostNetwork"),
        ((), {"hostPID": True}, "hostPID"),
        ((), {"volumes": [{"name": "disk", "hostPath": {"path": "/"}}]}, "volume disk: hostPath"),
        (("securityContext",), {"runAsUser": 0}, "pod: runAsUser 0"),
        (("securityContext",), {"runAsNonRoot": False}, "one: runAsNonRoot"),
        (("securityContext",), {"seccompProfile": None}, "one: seccompProfile"),
        (("securityContext",), {"sysctls": [{"name": "kernel.msgmax"}]}, "sysctl kernel.msgmax"),
        (("containers", 0, "securityContext"), {"privileged": True}, "one: privileged"),
        (("containers", 0, "securityContext"), {"runAsUser": 0}, "one: runAsUser 0"),
        (("containers", 0, "securityContext"), {"runAsNonRoot": False}, "one: runAsNonRoot"),
        (
            ("containers", 0, "securityContext"),
            {"seccompProfile": {"type": "Unconfined"}},
            "one: seccompProfile",
        ),
        (
            ("containers", 0, "securityContext"),
            {"allowPrivilegeEscalation": None},
            "one: allowPrivilegeEscalation",
        ),
        (
            ("containers", 0, "securityContext"),
            {"capabilities": {"drop": ["NET_RAW"]}},
            "one: capabilities are not dropped",
        ),
        (
            ("containers", 0, "securityContext", "capabilities"),
            {"add": ["SYS_ADMIN"]},
            "one: capabilities are added",
        ),
        (("containers", 0), {"ports": [{"hostPort": 80}]}, "one: hostPort"),
        (
            ("containers", 0),
            {"livenessProbe": {"httpGet": {"host": "example.org"}}},
            "one: livenessProbe has a host",
        ),
        (
            (),
            {"initContainers": [{"name": "two", "securityContext": {"privileged": True}}]},
            "two: privileged",
        ),
    ],
)
def test_the_standard_sees_each_of_its_controls(
    place: tuple[str | int, ...], value: Mapping[str, Any], finding: str
) -> None:
    """A pod without findings gets one for each control that it breaks."""
    assert restricted_findings(CONFINED) == []
    spec: Any = copy.deepcopy(CONFINED)
    part = spec
    for key in place:
        part = part[key]
    part.update(value)
    assert finding in restricted_findings(spec)


@all_overlays
def test_every_container_is_bounded_and_writes_to_volumes_alone(overlay: Path) -> None:
    """Each has requests and limits, a read-only root, a version of its image."""
    for name, template in pods(overlay):
        for each in containers(template["spec"]):
            where = f"{name}: {each['name']}"
            assert each["securityContext"]["readOnlyRootFilesystem"] is True, where
            assert each["resources"]["requests"].keys() >= {"cpu", "memory"}, where
            assert "memory" in each["resources"]["limits"], where
            tag = each["image"].rpartition("/")[2].partition(":")[2]
            assert tag not in ("", "latest"), where
            assert "imagePullPolicy" in each, where


@all_overlays
def test_a_pod_has_a_token_of_the_cluster_only_with_a_role(overlay: Path) -> None:
    """If a pod asks the cluster for nothing, a thief of its files can ask for nothing either."""
    bound = {
        subject["name"]
        for each in objects(overlay, "RoleBinding", "ClusterRoleBinding")
        for subject in each["subjects"]
    }
    for name, template in pods(overlay):
        if template["spec"].get("serviceAccountName") not in bound:
            assert template["spec"].get("automountServiceAccountToken") is False, name


@all_overlays
def test_what_is_selected_and_referred_to_is_there(overlay: Path) -> None:
    """Each selector selects one workload, and each reference names an object, or a Secret."""
    labels = pod_labels(overlay)
    for each in objects(overlay):
        spec, name = each.get("spec") or {}, f"{each['kind']} {each['metadata']['name']}"
        if each["kind"] in ("Deployment", "StatefulSet"):
            assert selected(spec["selector"]["matchLabels"], labels) == [name]
        if each["kind"] == "Service":
            assert len(selected(spec["selector"], labels)) == 1, name
        if each["kind"] == "PodDisruptionBudget":
            assert len(selected(spec["selector"]["matchLabels"], labels)) == 1, name
        if each["kind"] == "HorizontalPodAutoscaler":
            target = spec["scaleTargetRef"]
            assert f"{target['kind']} {target['name']}" in labels
    _check_references(overlay)


def _check_references(overlay: Path) -> None:
    names = {(each["kind"], each["metadata"]["name"]) for each in objects(overlay)}
    for where, template in pods(overlay):
        spec = template["spec"]
        account = spec.get("serviceAccountName", "default")
        assert account == "default" or ("ServiceAccount", account) in names, where
        for container in containers(spec):
            for source in container.get("envFrom") or ():
                if "configMapRef" in source:
                    assert ("ConfigMap", source["configMapRef"]["name"]) in names, where
        for volume in spec.get("volumes") or ():
            if "configMap" in volume:
                assert ("ConfigMap", volume["configMap"]["name"]) in names, where


@all_overlays
def test_no_secret_is_in_the_repository(overlay: Path) -> None:
    """A Secret is made by its owner: the manifests refer to it."""
    assert objects(overlay, "Secret") == []


def test_the_autoscaler_asks_for_a_metric_that_the_adapter_makes_of_served_ones() -> None:
    """The name is the same on both sides, and a model server serves what it is made of."""
    folder = PROJECT / "infra/kubernetes/model_server/components/autoscaling"
    adapter = yaml.safe_load((folder / "prometheus_adapter.yaml").read_text("utf-8"))
    (rule,) = adapter["rules"]["custom"]
    (scaler,) = objects(PROJECT / "infra/kubernetes/model_server/overlays/production", SCALER)
    (metric,) = scaler["spec"]["metrics"]
    assert metric["pods"]["metric"]["name"] == rule["name"]["as"]
    (served,) = re.findall(r"^(airworthy_\w+)_sum\{", rule["seriesQuery"])
    assert f"| `{served}` | histogram |" in (PROJECT / "docs/reference/metrics.md").read_text(
        "utf-8"
    )
    assert f'arm!="{SHADOW}"' in rule["metricsQuery"]


def test_the_trials_object_store_is_the_one_that_is_tested() -> None:
    """docker-compose.yaml has the same image, and `make compose-test` runs it."""
    compose = yaml.safe_load((PROJECT / "docker-compose.yaml").read_text("utf-8"))
    (deployment,) = objects(PROJECT / "infra/kubernetes/object_store/overlays/dev", "Deployment")
    (store,) = containers(deployment["spec"]["template"]["spec"])
    assert store["image"] == compose["services"]["s3"]["image"]
    assert {each["name"]: each.get("value") for each in store["env"]}["BUCKET"] == "airworthy-dev"


@pytest.mark.parametrize("overlay", [o for o in OVERLAYS if o.name == "dev"], ids=name_of)
def test_a_trial_has_every_secret_that_its_pods_name(overlay: Path) -> None:
    """No pod of dev waits for a Secret after those of trial_secrets.py were made."""
    made = trial_secrets()
    for where, template in pods(overlay):
        for container in containers(template["spec"]):
            for source in container.get("envFrom") or ():
                name = (source.get("secretRef") or {}).get("name")
                assert name is None or name in made, where
            for variable in container.get("env") or ():
                key = (variable.get("valueFrom") or {}).get("secretKeyRef")
                assert key is None or key["key"] in made[key["name"]], where
        for volume in template["spec"].get("volumes") or ():
            secret = volume.get("secret")
            if secret is not None:
                assert {each["key"] for each in secret["items"]} <= set(made[secret["secretName"]])
    assert trial_secrets()["airworthy"] != made["airworthy"]


@model_servers
def test_the_page_says_what_the_model_servers_ask_for(overlay: Path) -> None:
    """The requests in docs/how-to/kubernetes.md are those of the manifests."""
    page = (PROJECT / "docs/how-to/kubernetes.md").read_text("utf-8")
    (server,) = (p for name, p in pods(overlay) if name == "Deployment model-server")
    requests = [each["resources"]["requests"] for each in containers(server["spec"])]
    cpus = sum(int(each["cpu"].removesuffix("m")) for each in requests) / 1000
    memory = sum(int(each["memory"].removesuffix("Mi")) for each in requests) / 1024
    assert (
        f"| a replica of the model server, with its collector | {cpus:g} | {memory:g} GiB |" in page
    )


@model_servers
def test_a_plain_cluster_knows_every_kind(overlay: Path) -> None:
    """No operator has to be there for the model servers."""
    assert {each["kind"] for each in objects(overlay)} <= PLAIN


@model_servers
def test_every_pod_is_within_a_network_policy(overlay: Path) -> None:
    """A policy for both directions selects each pod of the model servers."""
    labels = pod_labels(overlay)
    within = [
        name
        for each in objects(overlay, "NetworkPolicy")
        if each["spec"]["policyTypes"] == ["Ingress", "Egress"]
        for name in selected(each["spec"]["podSelector"]["matchLabels"], labels)
    ]
    assert sorted(within) == sorted(labels)


@model_servers
def test_images_have_the_version_of_the_project(overlay: Path) -> None:
    """A new version of the project is a new tag here."""
    images = {each["image"] for _, pod in pods(overlay) for each in containers(pod["spec"])}
    assert {each for each in images if each.startswith("airworthy")} == {
        f"airworthy-server:{VERSION}"
    }


def test_the_images_run_as_the_number_that_the_pods_name() -> None:
    """A cluster cannot tell that a user with a name is not root."""
    lines = (PROJECT / "infra/docker/Dockerfile").read_text("utf-8").splitlines()
    users = {line.split()[1] for line in lines if line.startswith("USER ")}
    named = {
        str(pod["spec"]["securityContext"]["runAsUser"])
        for overlay in MODEL_SERVERS
        for _, pod in pods(overlay)
    }
    assert users == named == {"10001"}


@model_servers
def test_a_server_loads_its_environment_from_the_settings(
    overlay: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each variable of its environment's file is set, and each name of a Service is known to it."""
    (settings,) = objects(overlay, "ConfigMap")
    for name in ("AIRWORTHY_STATE", "AIRWORTHY_MODELS", *OVERRIDES.values()):
        monkeypatch.delenv(name, raising=False)
    for name, value in settings["data"].items():
        monkeypatch.setenv(name, value)
    environment = load_environment(PROJECT)
    namespace = f"airworthy-{overlay.name}"
    assert environment.lake == f"s3://{namespace}/lake"
    for service in objects(overlay, "Service"):
        name = service["metadata"]["name"]
        url = f"http://{name}.{namespace}.svc:8000"
        assert url in (environment.server_url, environment.staging_server_url)
        assert name in environment.server.hosts
    assert f"model-server.{namespace}.svc.cluster.local" in environment.server.hosts
    assert settings["data"].keys().isdisjoint({"AWS_SECRET_ACCESS_KEY", "AIRWORTHY_SERVER_TOKEN"})


@model_servers
def test_probes_ask_what_the_server_answers(overlay: Path) -> None:
    """Ready is when the champions are loaded; alive and started are when the process answers."""
    answered = (PROJECT / "docs/reference/http_api.md").read_text("utf-8")
    assert "## GET /health/live\n" in answered
    assert "## GET /health/ready\n" in answered
    for _, template in pods(overlay):
        (server,) = template["spec"]["containers"]
        probes = {key: server[f"{key}Probe"]["httpGet"]["path"] for key in ("startup", "liveness")}
        assert probes == {"startup": "/health/live", "liveness": "/health/live"}
        assert server["readinessProbe"]["httpGet"]["path"] == "/health/ready"


@model_servers
def test_a_server_has_the_time_to_answer_what_it_has(overlay: Path) -> None:
    """The grace period covers the pause before SIGTERM, running requests, and the collector."""
    drain = server_config(environment_app, "0.0.0.0", 8000).timeout_graceful_shutdown  # noqa: S104
    for _, template in pods(overlay):
        (server,) = template["spec"]["containers"]
        (collector,) = template["spec"]["initContainers"]
        pause = int(server["lifecycle"]["preStop"]["exec"]["command"][1])
        assert collector["restartPolicy"] == "Always"
        assert template["spec"]["terminationGracePeriodSeconds"] >= pause + (drain or 0) + 30


@model_servers
def test_a_volume_for_each_replica_is_a_component(overlay: Path, tmp_path: Path) -> None:
    """It makes a StatefulSet of the same pods, and the autoscaler follows."""
    component = PROJECT / "infra/kubernetes/model_server/components/spool_volume"
    top = tmp_path / "with_volume"
    top.mkdir()
    up = "../" * len(top.resolve().relative_to("/").parts)
    kustomization = {
        "resources": [f"{up}{overlay.relative_to('/')}"],
        "components": [f"{up}{component.relative_to('/')}"],
    }
    (top / "kustomization.yaml").write_text(yaml.safe_dump(kustomization), encoding="utf-8")
    made = objects_of(render(top))
    (after,) = (each for each in made if each["kind"] == "StatefulSet")
    (before,) = (
        each
        for each in objects(overlay, "Deployment")
        if each["metadata"]["name"] == after["metadata"]["name"]
    )
    before["spec"]["template"]["spec"]["volumes"] = [
        each for each in before["spec"]["template"]["spec"]["volumes"] if each["name"] != "state"
    ]
    assert after["spec"]["template"] == before["spec"]["template"]
    assert [each["metadata"]["name"] for each in after["spec"]["volumeClaimTemplates"]] == ["state"]
    for each in made:
        if each["kind"] == "HorizontalPodAutoscaler":
            assert each["spec"]["scaleTargetRef"]["kind"] == "StatefulSet"
