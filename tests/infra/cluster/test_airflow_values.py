"""infra/kubernetes/airflow: what Airflow's chart is told, without the chart.

`make chart-test` renders the chart itself, which no test machine fetches.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from .tools import MODULE, PROJECT, VALUES, evaluate, expressions_only, kustomized

FOLDER = PROJECT / "infra" / "kubernetes" / "airflow"
EXECUTORS = ("kubernetes_executor", "celery_executor")
PARTS = ("apiServer", "scheduler", "dagProcessor", "triggerer")
DATABASE = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
VARIANTS = [(each, *more) for each in EXECUTORS for more in ((), ("git_sync",), ("production",))]


@pytest.fixture(params=VARIANTS, ids="-".join)
def values(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The values of a variant, as Helm puts the files together."""
    together: dict[str, Any] = {}
    for name in ("values", *request.param):
        together = _merged(together, yaml.safe_load((FOLDER / f"{name}.yaml").read_text("utf-8")))
    return together


def test_the_parts_have_the_database_and_the_tasks_do_not(values: Mapping[str, Any]) -> None:
    """A task's code could write to the database of Airflow, past all rights."""
    builtin = values["enableBuiltInSecretEnvVars"]
    assert [builtin[DATABASE], builtin["AIRFLOW_CONN_AIRFLOW_DB"]] == [False, False]
    for part in PARTS:
        assert _environment(values[part])[DATABASE]["valueFrom"]["secretKeyRef"] == {
            "name": "airworthy-airflow",
            "key": "connection",
        }
        waits = values[part]["extraInitContainers"][-1]
        assert (waits["name"], DATABASE in _environment(waits)) == ("wait-for-migrations", True)
    for workers in values["workers"].values():
        assert DATABASE not in _environment(workers)
        assert not any("wait" in each["name"] for each in workers.get("extraInitContainers", []))
    assert DATABASE not in _environment(values)
    assert values["workers"]["celery"]["waitForMigrations"] == {"enabled": False}


def test_every_container_is_restricted(values: Mapping[str, Any]) -> None:
    """All of ours has the contexts of the Pod Security Standard "restricted"."""
    contexts = [values["securityContexts"]]
    if values["executor"] == "CeleryExecutor":
        redis = values["redis"]["securityContexts"]
        contexts.append({"pod": redis["pod"], "containers": redis["container"]})
    containers = [each["containers"] for each in contexts]
    containers += [each["securityContext"] for each in _init_containers(values)]
    for context in contexts:
        assert context["pod"]["runAsNonRoot"] is True
        assert context["pod"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert context["pod"]["runAsUser"] > 0
    for container in containers:
        assert container == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


def test_nothing_calls_what_only_airflows_own_image_has(values: Mapping[str, Any]) -> None:
    """The chart's probes start /entrypoint, its log groomers /clean-logs: both are not in ours."""
    for part in ("scheduler", "dagProcessor", "triggerer"):
        assert values[part]["livenessProbe"]["command"]
        assert values[part]["logGroomerSidecar"] == {"enabled": False}
        assert values[part]["waitForMigrations"] == {"enabled": False}
    # The scheduler's own health answers with a status and no text, so no part is looked for in it.
    asked = values["scheduler"]["livenessProbe"]["command"]
    assert asked[-1] == "http://127.0.0.1:8974/health"
    assert values["scheduler"]["startupProbe"]["command"] == asked
    assert (
        _environment(values["scheduler"])["AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK"]["value"]
        == "True"
    )
    assert values["workers"]["celery"]["logGroomerSidecar"] == {"enabled": False}
    if values["executor"] == "CeleryExecutor":
        assert values["workers"]["celery"]["livenessProbe"]["command"]
    image = (PROJECT / "infra" / "docker" / "Dockerfile").read_text("utf-8")
    for script in _scripts(values):
        assert script.startswith("/opt/airworthy/")
        assert Path(script).name in image
        assert (PROJECT / script.removeprefix("/opt/airworthy/")).is_file()


def test_the_executor_is_what_the_parts_are_told(values: Mapping[str, Any]) -> None:
    """A variable goes before the chart's file, and distributed.env names CeleryExecutor."""
    settings = (PROJECT / "infra" / "airflow" / "distributed.env").read_text("utf-8")
    assert "AIRFLOW__CORE__EXECUTOR=CeleryExecutor\n" in settings
    for part in (*PARTS, "migrateDatabaseJob"):
        told = _environment(values[part]).get(
            "AIRFLOW__CORE__EXECUTOR", {"value": "CeleryExecutor"}
        )
        assert told["value"] == values["executor"], part


def test_the_api_server_is_reached_from_its_namespace(values: Mapping[str, Any]) -> None:
    """Workers and scheduler call it; without a source the chart's policy lets nobody in."""
    assert values["networkPolicies"]["enabled"] is True
    assert {"podSelector": {}} in values["apiServer"]["networkPolicy"]["ingress"]["from"]


def test_no_password_is_a_value(values: Mapping[str, Any]) -> None:
    """Helm keeps values in the cluster for who may read releases: Secrets have the passwords."""
    assert values["createUserJob"]["enabled"] is False
    assert values["data"]["metadataSecretName"] == "airworthy-airflow"
    keys = {key for key, _ in _leaves(values)}
    assert keys.isdisjoint(
        {
            "apiSecretKey",
            "createUserJob.defaultUser.password",
            "data.brokerUrl",
            "data.metadataConnection.pass",
            "data.resultBackendConnection.pass",
            "fernetKey",
            "jwtSecret",
            "redis.password",
        }
    )


def test_the_chart_is_told_of_the_images_airflow() -> None:
    """The chart's output depends on this version; Terraform takes the chart that is named here."""
    text = (FOLDER / "values.yaml").read_text("utf-8")
    locked = (PROJECT / "requirements-distributed.txt").read_text("utf-8")
    assert f"\napache-airflow=={yaml.safe_load(text)['airflowVersion']} " in locked
    module = (MODULE / "airflow.tf").read_text("utf-8")
    assert re.findall(r"--version (\S+)", text) == re.findall(r'version +=\s"(\S+)"', module)


def test_one_commit_runs_everywhere() -> None:
    """git_sync.yaml checks out the commit that evidence names."""
    found = yaml.safe_load((FOLDER / "git_sync.yaml").read_text("utf-8"))
    named = {each["name"]: each["value"] for each in found["env"]}
    inits = list(_init_containers(found))
    commits = {
        _environment(each)["GITSYNC_REF"]["value"] for each in inits if each["name"] == "checkout"
    }
    assert commits == {named["AIRWORTHY_GIT_COMMIT"]}
    parts = found | found["workers"]
    assert {part for part, each in parts.items() if "extraInitContainers" in each} == {
        *PARTS,
        "celery",
        "kubernetes",
        "migrateDatabaseJob",
    }
    for name in (
        "AIRWORTHY_PROJECT",
        "AIRFLOW__CORE__DAGS_FOLDER",
        "AIRFLOW__CORE__PLUGINS_FOLDER",
    ):
        assert named[name].startswith("/git/project")


def test_what_git_sync_replaces_is_in_its_values_again() -> None:
    """A list of a later file replaces that of an earlier one."""
    base = yaml.safe_load((FOLDER / "values.yaml").read_text("utf-8"))
    found = yaml.safe_load((FOLDER / "git_sync.yaml").read_text("utf-8"))
    for name in ("volumes", "volumeMounts", "env"):
        assert found[name][: len(base[name])] == base[name]
    waits = found["apiServer"]["extraInitContainers"][-1]
    before = base["apiServer"]["extraInitContainers"][-1]
    assert waits["args"] == before["args"]
    assert waits["env"] == before["env"]


def test_terraform_and_kustomize_read_the_same_settings(tmp_path: Path) -> None:
    """Both make the ConfigMap of infra/airflow/distributed.env."""
    kustomization = PROJECT / "infra" / "airflow"
    (config_map,) = kustomized(kustomization)
    assert config_map["metadata"]["name"] == "airworthy-airflow-settings"
    settings = evaluate(expressions_only(tmp_path), "local.airflow_settings")
    assert settings == config_map["data"]


def test_terraform_puts_its_variables_into_the_values(tmp_path: Path) -> None:
    """Images, roles, namespaces of clients, and the commit of the project."""
    project = {"repository": "https://git.example.com/ml.git", "commit": "a1" * 20}
    module = expressions_only(tmp_path)
    given = {
        "project": project,
        "role_arns": {"airflow": "arn:airflow", "mlflow": "arn:mlflow"},
        "client_namespaces": ["ingress"],
    }
    made = evaluate(module, "local.deployment_values", **given)
    image = {"repository": VALUES["images"]["airflow_repository"], "tag": "7"}
    assert made["images"] == {"airflow": image, "pod_template": image}
    for kind in ("celery", "kubernetes"):
        account = made["workers"][kind]["serviceAccount"]
        assert account["annotations"] == {"eks.amazonaws.com/role-arn": "arn:airflow"}
    (first, second) = made["apiServer"]["networkPolicy"]["ingress"]["from"]
    assert first == {"podSelector": {}}
    assert second["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "ingress"}
    (text,) = evaluate(module, "local.git_sync", **given)
    assert text.count(project["commit"]) == 1
    assert text.count(project["repository"]) == 1
    assert "git.example.org" not in text


def _merged(base: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Put values together as Helm does: maps are merged, and everything else is replaced."""
    both = dict(base)
    for key, value in more.items():
        merge = isinstance(value, dict) and isinstance(both.get(key), dict)
        both[key] = _merged(both[key], value) if merge else value
    return both


def _environment(part: Mapping[str, Any]) -> dict[str, Any]:
    return {each["name"]: each for each in part.get("env", [])}


def _init_containers(values: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for part in (*values.values(), *values.get("workers", {}).values()):
        if isinstance(part, dict):
            yield from part.get("extraInitContainers", [])


def _leaves(values: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(values, dict):
        for name, value in values.items():
            yield from _leaves(value, f"{key}.{name}" if key else name)
    elif isinstance(values, list):
        for value in values:
            yield from _leaves(value, key)
    else:
        yield key, values


def _scripts(values: Mapping[str, Any]) -> set[str]:
    return {
        str(value)
        for _, value in _leaves(values)
        if str(value).startswith("/") and str(value).endswith(".py")
    }
