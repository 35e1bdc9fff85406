"""infra/terraform: secrets stay out of the state, variables are checked, and roots and modules fit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from .tools import MODULE, PROJECT, TERRAFORM, VALUES, blocks, evaluate, expressions_only

ROOTS = ("dev", "staging", "production")
CELERY = VALUES["secrets"] | {"celery_database_password": "c", "redis_password": "r s/+%"}


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The module without what needs providers."""
    return expressions_only(tmp_path_factory.mktemp("terraform"))


@pytest.mark.parametrize("executor", ["KubernetesExecutor", "CeleryExecutor"])
def test_every_secret_that_the_chart_asks_for_is_made(module: Path, executor: str) -> None:
    """The Secrets of an executor are those with values, and each value is there."""
    given: dict[str, Any] = {"executor": executor, "secrets": CELERY}
    secrets = evaluate(module, "local.secrets", **given)
    assert sorted(evaluate(module, "local.secret_names", **given)) == sorted(secrets)
    assert all(value for each in secrets.values() for value in each.values())
    assert ("airworthy-airflow-broker" in secrets) == (executor == "CeleryExecutor")


def test_a_password_with_signs_of_an_address_reaches_the_database(module: Path) -> None:
    """Addresses escape what has a meaning in them."""
    secrets = evaluate(module, "local.secrets", executor="CeleryExecutor", secrets=CELERY)
    airflow = urlsplit(secrets["airworthy-airflow"]["connection"])
    assert (airflow.hostname, airflow.path, airflow.query) == (
        "postgres",
        "/airflow",
        "sslmode=require",
    )
    assert unquote(airflow.password or "") == VALUES["secrets"]["airflow_database_password"]
    mlflow = urlsplit(secrets["airworthy-mlflow"]["MLFLOW_BACKEND_STORE_URI"])
    assert unquote(mlflow.password or "") == VALUES["secrets"]["mlflow_database_password"]
    redis = urlsplit(secrets["airworthy-airflow-broker"]["connection"])
    assert unquote(redis.password or "") == CELERY["redis_password"]


def test_keys_of_the_object_store_are_given_to_who_opens_it(module: Path) -> None:
    """Without a role, stages, MLflow and the task logs have the keys; with one, nobody has any."""
    keys = {"s3_access_key": "K", "s3_secret_key": "S"}
    secrets = evaluate(module, "local.secrets", secrets=VALUES["secrets"] | keys)
    assert {name for name, each in secrets.items() if each.get("AWS_SECRET_ACCESS_KEY") == "S"} == {
        "airworthy",
        "airworthy-mlflow",
    }
    assert '"login":"K"' in secrets["airworthy"]["AIRFLOW_CONN_AWS_LOGS"]
    without = evaluate(module, "local.secrets")
    assert not any("AWS_SECRET_ACCESS_KEY" in each for each in without.values())
    assert '"login":null' in without["airworthy"]["AIRFLOW_CONN_AWS_LOGS"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"executor": "CeleryExecutor"}, "CeleryExecutor needs redis_password"),
        ({"executor": "LocalExecutor"}, "The executor is KubernetesExecutor or CeleryExecutor"),
        ({"images": VALUES["images"] | {"tag": "latest"}}, "The tag is that of one build"),
        ({"project": {"repository": "r", "commit": "main"}}, "The commit is given in full"),
        ({"monitoring": "none"}, "The monitoring is own or operator"),
        ({"secrets": VALUES["secrets"] | {"s3_access_key": "K"}}, "come together"),
    ],
)
def test_a_wrong_variable_is_refused_with_what_is_allowed(
    module: Path, values: Mapping[str, Any], message: str
) -> None:
    """Terraform says it before it changes anything."""
    with pytest.raises(AssertionError, match=message):
        evaluate(module, "var.namespace", **values)


def test_no_secret_is_in_the_state() -> None:
    """Secrets come by ephemeral variables and go by write-only arguments."""
    made = [
        (name, arguments)
        for folder in (MODULE, *(TERRAFORM / root for root in ROOTS))
        for kind, block in blocks(folder)
        if kind == "resource"
        for name, arguments in block.items()
    ]
    secrets = [each for name, kinds in made if "secret" in name for each in kinds.values()]
    assert [name for name, _ in made if "secret" in name] == ["kubernetes_secret_v1"]
    assert [each.keys() & {"data", "data_wo", "binary_data"} for each in secrets] == [{"data_wo"}]
    asked = [
        variable["secrets"]
        for folder in (MODULE, TERRAFORM / "dev")
        for kind, variable in blocks(folder)
        if kind == "variable" and "secrets" in variable
    ]
    assert [each["ephemeral"] for each in asked] == [[True], [True]]


@pytest.mark.parametrize("root", ROOTS)
def test_a_root_gives_each_module_what_it_asks_for(root: str) -> None:
    """No argument is unknown to the module, and none without a default is missing."""
    folder = TERRAFORM / root
    modules = [
        (name, call)
        for kind, block in blocks(folder)
        if kind == "module"
        for name, call in block.items()
    ]
    assert "cluster" in dict(modules)
    for name, call in modules:
        variables = {
            each: block
            for kind, found in blocks(folder / call["source"][0])
            if kind == "variable"
            for each, block in found.items()
        }
        given = call.keys() - {"source", "__start_line__", "__end_line__"}
        needed = {each for each, block in variables.items() if "default" not in block}
        assert (given - variables.keys(), needed - given) == (set(), set()), name


@pytest.mark.parametrize("root", ROOTS)
def test_a_root_has_each_variable_that_it_uses(root: str) -> None:
    """`var.NAME` is declared, and nothing is declared for nobody."""
    folder = TERRAFORM / root
    declared = {name for kind, block in blocks(folder) if kind == "variable" for name in block}
    text = "".join(file.read_text("utf-8") for file in folder.glob("*.tf"))
    assert set(re.findall(r"\bvar\.([a-z0-9_]+)", text)) == declared


def test_production_is_careful() -> None:
    """It has two of each part, a database in two zones, a locked and encrypted state, and no public door."""
    (call,) = [b["cluster"] for kind, b in blocks(TERRAFORM / "production") if "cluster" in b]
    (aws,) = [
        b["aws"] for kind, b in blocks(TERRAFORM / "production") if kind == "module" and "aws" in b
    ]
    assert call["highly_available"] == [True]
    assert aws["database_multi_az"] == [True]
    providers = (TERRAFORM / "production" / "providers.tf").read_text("utf-8")
    assert re.search(r"use_lockfile\s+= true", providers)
    assert re.search(r"encrypt\s+= true", providers)
    (quota,) = [b["quota"] for kind, b in blocks(MODULE) if kind == "variable" and "quota" in b]
    assert quota["default"][0]["services.loadbalancers"] == "0"


@pytest.mark.parametrize("root", ["staging", "production"])
def test_the_processes_have_each_variable_of_their_environments_file(
    root: str, module: Path
) -> None:
    """include/environments/<root>.yaml names them, and the module and the root set them."""
    file = PROJECT / "include" / "environments" / f"{root}.yaml"
    needed = set(re.findall(r"\$\{(AIRWORTHY_\w+)\}", file.read_text("utf-8")))
    (call,) = [b["cluster"] for kind, b in blocks(TERRAFORM / root) if "cluster" in b]
    assert call["environment"] == [root]
    of_the_root = set(re.findall(r"AIRWORTHY_\w+", str(call["settings"])))
    assert needed <= of_the_root | set(evaluate(module, "local.settings"))
