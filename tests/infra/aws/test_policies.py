"""The policies of Terraform and CloudFormation: they are the same, and their conditions hold."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from .account import NUMBER, REGION, Account, Keys
from .both import MODULE, normal, read_template, terraform_policies
from .evaluation import holds, is_allowed
from .rights import Rights
from .stack import ADMINISTRATOR, ISSUER, NAME, Stack

May = Callable[[str, str, Mapping[str, str | None]], bool]

DEMANDED = "AIRWORTHY_DEMAND_TERRAFORM"
WORKLOADS = ("airflow", "mlflow", "secrets", "server", "stage", "worker")
# Names of the same setting of the database in both templates.
ON_AND_OFF = {
    "AutoMinorVersionUpgrade": "auto_minor_version_upgrade",
    "CopyTagsToSnapshot": "copy_tags_to_snapshot",
    "DeleteAutomatedBackups": "delete_automated_backups",
    "DeletionProtection": "deletion_protection",
    "EnableIAMDatabaseAuthentication": "iam_database_authentication_enabled",
    "EnablePerformanceInsights": "performance_insights_enabled",
    "ManageMasterUserPassword": "manage_master_user_password",
    "PubliclyAccessible": "publicly_accessible",
    "StorageEncrypted": "storage_encrypted",
}
DATA = f"arn:aws:s3:::{NAME}-data-{NUMBER}"
ANCHORS = f"arn:aws:s3:::{NAME}-anchors-{NUMBER}"


@pytest.fixture(scope="module")
def documents(
    stack: Stack, rights: Rights, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """Terraform's policies, with the names of the stack."""
    if shutil.which("terraform") is None:
        assert not os.environ.get(DEMANDED), f"{DEMANDED} is set, and terraform is not there"
        pytest.skip("terraform is not installed")
    folder = tmp_path_factory.mktemp("terraform")
    return terraform_policies(stack, rights.s3_endpoint, folder)


def test_both_templates_give_a_workload_the_same_rights(
    account: Account, administrator: Keys, rights: Rights, documents: dict[str, Any]
) -> None:
    """The roles have the same statements, and the same service account takes them."""
    iam = account.client("iam", administrator)
    assert {*documents["service_accounts"]} == {*WORKLOADS}
    for name in WORKLOADS:
        assert normal(rights.of_role(name)) == normal(documents["workloads"][name])
        trust = iam.get_role(RoleName=f"{NAME}-{name}")["Role"]["AssumeRolePolicyDocument"]
        assert normal(trust) == normal(documents["trust"][name])


def test_both_templates_close_buckets_and_endpoints_alike(
    rights: Rights, documents: dict[str, Any]
) -> None:
    """Policies of the buckets, and of the endpoints for S3, STS and all others."""
    assert {*rights.buckets} == {*documents["buckets"]}
    for name, document in rights.buckets.items():
        assert normal(document) == normal(documents["buckets"][name])
    services = {"ecr.api", "ecr.dkr", "kms", "s3", "secretsmanager", "sts"}
    assert {*rights.endpoints} == services
    for service, document in rights.endpoints.items():
        policy = documents["endpoints"].get(service, documents["endpoints"]["account"])
        assert normal(document) == normal(policy)


def test_both_templates_make_the_same_secrets() -> None:
    """Names and descriptions."""
    text = (MODULE / "secrets.tf").read_text(encoding="utf-8")
    of_terraform = dict(re.findall(r'(\w+)\s*= \{ version = \d+, about = "(.*)" \}', text))
    of_cloudformation = {
        each["Properties"]["Name"]["Fn::Sub"].partition("/")[2]: each["Properties"]["Description"]
        for each in read_template()["Resources"].values()
        if each["Type"] == "AWS::SecretsManager::Secret"
    }
    assert of_terraform == of_cloudformation


def test_both_templates_keep_what_was_written() -> None:
    """Versions, locks, encryption and privacy of the buckets; what may not go of the database."""
    resources = read_template()["Resources"]
    terraform = {path.stem: path.read_text(encoding="utf-8") for path in MODULE.glob("*.tf")}
    for name, mode in (("data", "GOVERNANCE"), ("anchors", "COMPLIANCE")):
        bucket = resources[f"{name.capitalize()}Bucket"]["Properties"]
        retention = bucket["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]
        assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
        assert retention["Mode"] == mode
        lock = f'"aws_s3_bucket_object_lock_configuration" "{name}"'
        assert f'mode = "{mode}"' in terraform["buckets"].partition(lock)[2].partition("\n}")[0]
        assert all(bucket["PublicAccessBlockConfiguration"].values())
    database = resources["Database"]["Properties"]
    for of_cloudformation, of_terraform in ON_AND_OFF.items():
        value = str(database[of_cloudformation]).lower()
        assert re.search(rf"\b{of_terraform}\s+= {value}\n", terraform["database"])


HEAD = f"{ANCHORS}/anchors/eta/000000000001-x.json"
PART = f"{DATA}/lake/eta/data/part.parquet"
FIRST_ONLY = {"s3:if-none-match": "*"}
REFUSED: dict[str, tuple[str, str, Mapping[str, str | None]]] = {
    "an object from outside the network": ("s3:GetObject", PART, {"aws:SourceVpce": None}),
    "an object through another endpoint": ("s3:GetObject", PART, {"aws:SourceVpce": "vpce-9"}),
    "names from outside the network": ("s3:ListBucket", DATA, {"aws:SourceVpce": None}),
    "a request without TLS": ("s3:GetObject", PART, {"aws:SecureTransport": "false"}),
    "names of MLflow's artifacts": ("s3:ListBucket", DATA, {"s3:prefix": "artifacts/1/"}),
    "names of task logs": ("s3:ListBucket", DATA, {"s3:prefix": "airflow-logs/"}),
    "an object with another key": (
        "s3:PutObject",
        PART,
        {"s3:x-amz-server-side-encryption-aws-kms-key-id": "arn:aws:kms:other"},
    ),
    "an object with S3's own key": (
        "s3:PutObject",
        PART,
        {"s3:x-amz-server-side-encryption": "AES256"},
    ),
    "a head in the place of another": ("s3:PutObject", HEAD, {"s3:if-none-match": None}),
    "the removal of a head": ("s3:DeleteObject", HEAD, {}),
    "the removal of a version": ("s3:DeleteObjectVersion", PART, {}),
    "the end of a lock": ("s3:PutObjectRetention", PART, {}),
    "the passing over of a lock": ("s3:BypassGovernanceRetention", PART, {}),
    "a rule that removes objects": ("s3:PutLifecycleConfiguration", DATA, {}),
    "another lock of the bucket": ("s3:PutBucketObjectLockConfiguration", DATA, {}),
    "another policy of the bucket": ("s3:PutBucketPolicy", DATA, {}),
}
ALLOWED: dict[str, tuple[str, str, Mapping[str, str | None]]] = {
    "an object of the lake": ("s3:GetObject", PART, {}),
    "whether an object is there": ("s3:ListBucket", DATA, {}),
    "names of the lake": ("s3:ListBucket", DATA, {"s3:prefix": "lake/eta/data/_delta_log/"}),
    "a new object": ("s3:PutObject", PART, {}),
    "a new head": ("s3:PutObject", HEAD, {}),
    "a row of others": ("s3:GetObject", "arn:aws:s3:::more-rows/2026/rows.csv", {}),
}


@pytest.fixture(scope="module")
def may(rights: Rights) -> May:
    """Return a function: may a stage do this, with these values in the request?"""
    role = rights.of_role("stage")
    return lambda action, resource, values: rights.may(
        role, action, resource, {**FIRST_ONLY, **values}
    )


@pytest.mark.parametrize("what", ALLOWED)
def test_conditions_let_pass_what_a_stage_does(may: May, what: str) -> None:
    """Role, bucket and endpoint together."""
    assert may(*ALLOWED[what])


@pytest.mark.parametrize("what", REFUSED)
def test_conditions_refuse_the_rest(may: May, what: str) -> None:
    """Role, bucket and endpoint together. The same from inside and as it should be is allowed."""
    assert not may(*REFUSED[what])


@pytest.mark.parametrize(
    ("workload", "folder"),
    [
        ("airflow", {"lake/", "airflow-logs/"}),
        ("mlflow", {"artifacts/"}),
        ("secrets", set()),
        ("server", {"lake/"}),
        ("stage", {"lake/"}),
        ("worker", {"lake/", "airflow-logs/"}),
    ],
)
def test_a_workload_sees_the_names_of_its_own_folders(
    rights: Rights, workload: str, folder: set[str]
) -> None:
    """Of the folders that all share a bucket."""
    role = rights.of_role(workload)
    folders = ("lake/", "artifacts/", "airflow-logs/", "other/")
    assert folder == {
        each for each in folders if rights.may(role, "s3:ListBucket", DATA, {"s3:prefix": each})
    }


@pytest.mark.parametrize("workload", WORKLOADS)
def test_the_key_opens_what_a_service_keeps_and_nothing_by_itself(
    rights: Rights, stack: Stack, workload: str
) -> None:
    """The role does not open a copy of an encrypted secret or object."""
    role, key = rights.of_role(workload), stack.outputs["KeyArn"]
    service = "secretsmanager" if workload == "secrets" else "s3"
    through = {"kms:ViaService": f"{service}.{REGION}.amazonaws.com"}
    assert is_allowed(role, "kms:Decrypt", key, through)
    assert not is_allowed(role, "kms:Decrypt", key, {})
    assert not is_allowed(
        role, "kms:Decrypt", key, {"kms:ViaService": f"rds.{REGION}.amazonaws.com"}
    )


def test_an_administrator_outside_sees_names_and_no_object(rights: Rights) -> None:
    """Terraform asks for the bucket; even somebody who may do all reads no row from outside."""
    everything = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    outside = {"aws:SecureTransport": "true", "aws:PrincipalArn": ADMINISTRATOR}

    def may(action: str, resource: str) -> bool:
        return is_allowed(
            everything, action, resource, outside, refusals=[*rights.buckets.values()]
        )

    assert may("s3:ListBucket", DATA)
    assert may("s3:PutBucketPolicy", DATA)
    assert not may("s3:GetObject", PART)
    assert not may("s3:PutObject", PART)
    assert not may("s3:DeleteObjectVersion", HEAD)


@pytest.mark.parametrize(
    ("account_of", "audience", "takes"),
    [
        ("airworthy:airworthy-stage", "sts.amazonaws.com", True),
        ("airworthy:model-server", "sts.amazonaws.com", False),
        ("airworthy:default", "sts.amazonaws.com", False),
        ("other:airworthy-stage", "sts.amazonaws.com", False),
        ("airworthy:airworthy-stage", "https://kubernetes.default.svc", False),
    ],
)
def test_only_its_service_account_takes_a_role(
    account: Account,
    administrator: Keys,
    stack: Stack,
    account_of: str,
    audience: str,
    takes: bool,
) -> None:
    """Of the namespace, by its name, with a token that was made for AWS."""
    iam = account.client("iam", administrator)
    role = stack.outputs["StageRoleArn"].rpartition("/")[2]
    (statement,) = iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]["Statement"]
    token = {f"{ISSUER}:sub": f"system:serviceaccount:{account_of}", f"{ISSUER}:aud": audience}
    assert statement["Principal"] == {"Federated": stack.parameters["OidcProviderArn"]}
    assert holds(statement["Condition"], token) == takes
