"""Reads infra/terraform without its providers, which no test machine fetches; runs kustomize."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

PROJECT = Path(__file__).resolve().parents[3]
TERRAFORM = PROJECT / "infra" / "terraform"
MODULE = TERRAFORM / "modules" / "cluster"
_NEEDS_PROVIDERS = re.compile(r"(?ms)^(?:resource|data|output|terraform)\b.*?^}\n")
_PASSWORDS = (
    "airflow_admin_password",
    "airflow_database_password",
    "api_secret_key",
    "client_token",
    "fernet_key",
    "grafana_password",
    "jwt_secret",
    "mlflow_database_password",
    "mlflow_password",
    "server_token",
)
VALUES: dict[str, Any] = {
    "environment": "production",
    "namespace": "airworthy-production",
    "images": {"airflow_repository": "r/airworthy-airflow", "server_repository": "r/airworthy-server", "tag": "7"},
    "lake": "s3://bucket/lake",
    "artifacts": "s3://bucket/artifacts",
    "task_logs": "s3://bucket/airflow-logs",
    "database": {"host": "postgres"},
    "secrets": {name: f"of {name}: @/?#%+" for name in _PASSWORDS},
}  # fmt: skip
"""Variables of the module that have no default."""


def program(name: str, demanded: str, path: str | None = None) -> str:
    """Return the path of a program. Only on a developer's machine may it be missing.

    Args:
        name: Its name, or its path.
        demanded: End of the variable ``AIRWORTHY_DEMAND_...`` with which it may not be missing.
        path: Its path, where it is not on the search path.
    """
    found = path or shutil.which(name)
    if found is None:
        variable = f"AIRWORTHY_DEMAND_{demanded}"
        assert not os.environ.get(variable), f"{variable} is set, and {name} is not there"
        pytest.skip(f"{name} is not on this machine")
    return found


def expressions_only(folder: Path) -> Path:
    """Copy the module's variables and locals, with the files that they read, and return its copy.

    Terraform cannot print what is ephemeral. The copy's variables are not.
    """
    shutil.copytree(PROJECT / "infra" / "airflow", folder / "infra" / "airflow")
    shutil.copytree(PROJECT / "infra" / "kubernetes", folder / "infra" / "kubernetes")
    copy = folder / MODULE.relative_to(PROJECT)
    copy.mkdir(parents=True)
    for file in MODULE.glob("*.tf"):
        text = _NEEDS_PROVIDERS.sub("", file.read_text("utf-8"))
        text = text.replace("kubernetes_namespace_v1.main.metadata[0].name", "var.namespace")
        text = re.sub(r"(?m)^ +ephemeral += true\n", "", text)
        (copy / file.name).write_text(text, encoding="utf-8")
    return copy


def evaluate(module: Path, expression: str, **values: Any) -> Any:
    """Return an expression of the module as Terraform evaluates it.

    Raises:
        AssertionError: when Terraform refuses a variable, or cannot evaluate the expression.
    """
    given = VALUES | values
    (module / "terraform.tfvars.json").write_text(json.dumps(given), encoding="utf-8")
    done = subprocess.run(
        [program("terraform", "TERRAFORM"), "console"],
        input=f"jsonencode({expression})\n",
        cwd=module,
        env={**os.environ, "TF_CLI_CONFIG_FILE": os.devnull, "CHECKPOINT_DISABLE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    complaint = " ".join(re.sub(r"[│╷╵]|\x1b\[[0-9;]*m", "", done.stderr).split())
    assert done.returncode == 0, complaint
    assert "Error:" not in complaint, complaint
    return json.loads(json.loads(done.stdout))


@cache
def blocks(folder: Path) -> list[tuple[str, Mapping[str, Any]]]:
    """Return type and content of all blocks of a folder: ``resource``, ``variable`` and so on."""
    return list(_blocks(folder))


def _blocks(folder: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    parser = program(str(Path(sys.prefix) / "infra" / "bin" / "hcl2tojson"), "TERRAFORM")
    with tempfile.TemporaryDirectory() as made:
        subprocess.run([parser, folder, made], capture_output=True, check=True)
        for file in sorted(Path(made).glob("*.json")):
            for kind, found in json.loads(file.read_text("utf-8")).items():
                yield from ((kind, each) for each in found)


@cache
def kustomized(folder: Path) -> list[dict[str, Any]]:
    """Return the objects that ``kubectl kustomize`` makes of a folder. Nobody changes them."""
    command = [program("kubectl", "KUBECTL"), "kustomize", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [each for each in yaml.safe_load_all(done.stdout) if each]
