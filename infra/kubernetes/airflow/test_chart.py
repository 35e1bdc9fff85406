"""Airflow's official chart with the values beside this file: `make chart-test` (needs helm and the chart).

The chart checks values against its own schema when it is rendered. `AIRWORTHY_AIRFLOW_CHART` names
a folder or an archive with the chart; without it helm fetches the version that values.yaml names.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

FOLDER = Path(__file__).parent
REPOSITORY = "https://airflow.apache.org"
DATABASE = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
VARIANTS = [
    (executor, *more)
    for executor in ("kubernetes_executor", "celery_executor")
    for more in ((), ("git_sync",), ("production",), ("git_sync", "production"))
]


@pytest.fixture(params=VARIANTS, ids="-".join)
def manifests(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    """The objects that the chart makes of a variant."""
    return _rendered(request.param)


@cache
def _rendered(variant: tuple[str, ...]) -> list[dict[str, Any]]:
    helm = shutil.which("helm")
    assert helm is not None, "these tests need helm (3.19 or newer)"
    command = [helm, "template", "airflow", *_chart(), "--namespace", "airworthy"]
    for name in ("values", *variant):
        command += ["--values", str(FOLDER / f"{name}.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [each for each in yaml.safe_load_all(done.stdout) if each]


def test_every_container_is_restricted(manifests: list[dict[str, Any]]) -> None:
    """The chart gives all of its pods and containers the contexts of the values."""
    for name, spec in _pods(manifests):
        pod = spec["securityContext"]
        assert pod["runAsNonRoot"] is True, name
        assert pod["seccompProfile"] == {"type": "RuntimeDefault"}, name
        for container in _containers(spec):
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False, (name, container["name"])
            assert context["readOnlyRootFilesystem"] is True, (name, container["name"])
            assert context["capabilities"] == {"drop": ["ALL"]}, (name, container["name"])


def test_tasks_do_not_reach_airflows_database(manifests: list[dict[str, Any]]) -> None:
    """The workers and the pods of tasks have no address of it; the parts have it once."""
    for name, spec in _pods(manifests):
        for container in spec["containers"]:
            variables = [each["name"] for each in container.get("env") or ()]
            assert len(variables) == len(set(variables)), (name, container["name"])
            needed = not name.endswith(("-worker", "-redis", "pod_template_file.yaml"))
            assert (DATABASE in variables) == needed, (name, container["name"])


def test_no_program_of_airflows_own_image_is_called(manifests: list[dict[str, Any]]) -> None:
    """Ours has neither /entrypoint nor /clean-logs."""
    for name, spec in _pods(manifests):
        assert not re.search(r"/entrypoint|/clean-logs", yaml.safe_dump(spec)), name


def test_every_container_is_bounded(manifests: list[dict[str, Any]]) -> None:
    """A quota refuses a container without requests."""
    for name, spec in _pods(manifests):
        for container in _containers(spec):
            resources = container["resources"]
            assert resources["requests"].keys() >= {"cpu", "memory"}, (name, container["name"])
            assert "memory" in resources["limits"], (name, container["name"])


def test_the_api_server_lets_its_namespace_in(manifests: list[dict[str, Any]]) -> None:
    """Without a source the chart's policy has no rule at all."""
    (policy,) = [
        each["spec"]
        for each in manifests
        if each["kind"] == "NetworkPolicy" and "api-server" in each["metadata"]["name"]
    ]
    assert policy["ingress"][0]["from"] == [{"podSelector": {}}]


def _chart() -> list[str]:
    given = os.environ.get("AIRWORTHY_AIRFLOW_CHART")
    if given:
        return [given]
    text = (FOLDER / "values.yaml").read_text("utf-8")
    found = re.search(r"--version (\S+)", text)
    assert found is not None
    return ["airflow", "--repo", REPOSITORY, "--version", found[1]]


def _pods(manifests: list[dict[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield name and specification of all pods, those of tasks too."""
    for each in manifests:
        name = each["metadata"]["name"]
        if each["kind"] in ("Deployment", "StatefulSet", "Job"):
            yield name, each["spec"]["template"]["spec"]
        template = (each.get("data") or {}).get("pod_template_file.yaml")
        if each["kind"] == "ConfigMap" and template:
            yield f"{name}/pod_template_file.yaml", yaml.safe_load(template)["spec"]


def _containers(spec: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [*(spec.get("initContainers") or ()), *spec["containers"]]
