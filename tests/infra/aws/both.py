"""The policies that Terraform makes, and those that CloudFormation makes, for the same names."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from moto.cloudformation.utils import yaml_tag_constructor

from .account import NUMBER, REGION
from .stack import ADMIN_SECRET, ADMINISTRATOR, NAME, TEMPLATE, Stack

MODULE = TEMPLATE.parents[1] / "terraform/modules/aws"


def terraform_policies(stack: Stack, endpoint: str, folder: Path) -> dict[str, Any]:
    """Return the outputs of the Terraform module with the policies, for the names of a stack.

    Args:
        stack: The stack.
        endpoint: Its endpoint of S3.
        folder: An empty folder. The module has no provider, so nothing is fetched.
    """
    for each in (MODULE / "policies").glob("*.tf"):
        shutil.copy(each, folder)
    variables = {
        "partition": "aws",
        "region": REGION,
        "account_id": NUMBER,
        "name": NAME,
        "data_bucket": stack.outputs["DataBucket"],
        "anchors_bucket": stack.outputs["AnchorsBucket"],
        "logs_bucket": f"{NAME}-logs-{NUMBER}",
        "source_bucket_arns": stack.parameters["SourceBucketArns"].split(","),
        "key_arn": stack.outputs["KeyArn"],
        "admin_secret_arn": ADMIN_SECRET,
        "s3_endpoint_id": endpoint,
        "administrator_arns": [ADMINISTRATOR],
        "oidc_provider_arn": stack.parameters["OidcProviderArn"],
        "namespace": "airworthy",
    }
    (folder / "names.auto.tfvars.json").write_text(json.dumps(variables), encoding="utf-8")
    for command in (["init"], ["apply", "-auto-approve"]):
        _terraform(folder, *command, "-input=false", "-no-color")
    outputs = json.loads(_terraform(folder, "output", "-json"))
    return {name: each["value"] for name, each in outputs.items()}


def bucket_policies(stack: Stack, endpoint: str) -> dict[str, Any]:
    """Return the policies of the template's buckets. moto's CloudFormation does not make them."""
    template = read_template()
    values = {
        **stack.parameters,
        "AdministratorArns": stack.parameters["AdministratorArns"].split(","),
        "AWS::Partition": "aws",
        "AWS::AccountId": NUMBER,
        "AWS::Region": REGION,
        "Key.Arn": stack.outputs["KeyArn"],
        "S3Endpoint": endpoint,
    }
    resources = template["Resources"]
    return {
        name: _resolved(resources[f"{name.capitalize()}BucketPolicy"]["Properties"], values)[
            "PolicyDocument"
        ]
        for name in ("data", "anchors", "logs")
    }


def read_template() -> dict[str, Any]:
    """Return the template with the long forms of its functions."""
    loader = type("Loader", (yaml.SafeLoader,), {})
    loader.add_multi_constructor("", yaml_tag_constructor)  # type: ignore[attr-defined]
    loaded: dict[str, Any] = yaml.load(TEMPLATE.read_text(encoding="utf-8"), loader)  # noqa: S506
    return loaded


def normal(document: str | Mapping[str, Any]) -> list[str]:
    """Return a document's statements in a form in which equal ones are the same text."""
    read = json.loads(document) if isinstance(document, str) else document
    return sorted(json.dumps(_normal(each), sort_keys=True) for each in read["Statement"])


def _normal(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _normal(each) for key, each in value.items()}
    if isinstance(value, list):
        return _normal(value[0]) if len(value) == 1 else sorted(value)
    return value


def _terraform(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["terraform", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _resolved(node: Any, values: Mapping[str, Any]) -> Any:
    """Return a part of the template with `Ref`, `GetAtt`, `Sub` and `If` replaced.

    Every condition holds: the tests' stack has sources, and makes its endpoint.
    """
    match node:
        case {"Ref": name}:
            return values.get(name, name)
        case {"Fn::GetAtt": [resource, attribute]}:
            return values[f"{resource}.{attribute}"]
        case {"Fn::Sub": str(text)}:
            return re.sub(r"\$\{([\w:]+)\}", lambda found: str(values[found[1]]), text)
        case {"Fn::If": [_, chosen, _]}:
            return _resolved(chosen, values)
        case dict():
            return {name: _resolved(each, values) for name, each in node.items()}
        case list():
            return [_resolved(each, values) for each in node]
    return node
