"""The stack of infra/cloudformation: it is created, and its roles do what the product does, no more."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import ClientError

from airworthy.environment import Environment
from airworthy.errors import TerminalError
from airworthy.ledger import open_ledger
from airworthy.object_store import open_store
from airworthy.predictions.collect import collect
from airworthy.predictions.prediction_ids import new_request_id
from airworthy.predictions.spool import open_prediction_log
from airworthy.traffic.replica_reports import open_replica_reports

from ...core.champions import make_champion  # noqa: TID252 - tests are no installed package
from ...core.ledger.notes import Note  # noqa: TID252 - tests are no installed package
from ...core.predictions.conftest import ROW, body_of, manifest  # noqa: TID252 - tests are no installed package
from ...core.release.replica_reports import replica_report  # noqa: TID252 - tests are no installed package
from ...core.stages.conftest import MakeModel, RunStages, make_model, run_stages  # noqa: TID252 - tests are no installed package
from .account import NUMBER, REGION, Account, Keys
from .environments import enter
from .evaluation import is_allowed
from .requests_of import Request
from .rights import Rights
from .stack import NAME, Stack

__all__ = ["make_model", "run_stages"]

DATA = f"{NAME}-data-{NUMBER}"
ANCHORS = f"{NAME}-anchors-{NUMBER}"
REFUSAL = re.compile("AccessDenied|Access Denied|UnauthorizedOperation")
CHECKSUM = re.compile("x-amz-checksum-|x-amz-trailer|content-md5")
OBJECT = {"Bucket": DATA, "Key": "lake/small_model/data/x"}
RULE = {"Rules": [{"ID": "all", "Status": "Enabled", "Filter": {}, "Expiration": {"Days": 1}}]}

# What is asked -> service, method, arguments.
ASKED: dict[str, tuple[str, str, dict[str, Any]]] = {
    "read MLflow's artifacts": ("s3", "get_object", {"Bucket": DATA, "Key": "artifacts/1/model"}),
    "write MLflow's artifacts": ("s3", "put_object", {"Bucket": DATA, "Key": "artifacts/1/model"}),
    "read task logs": ("s3", "get_object", {"Bucket": DATA, "Key": "airflow-logs/dag/1.log"}),
    "write task logs": (
        "s3",
        "put_object",
        {"Bucket": DATA, "Key": "airflow-logs/dag/1.log", "Body": b"x"},
    ),
    "change the flags": ("s3", "put_object", {"Bucket": DATA, "Key": "flags.json"}),
    "write rows": ("s3", "put_object", {**OBJECT, "Body": b"x"}),
    "write a report of a server": (
        "s3",
        "put_object",
        {"Bucket": DATA, "Key": "lake/_servers/production/x.json", "Body": b"x"},
    ),
    "add a head": ("s3", "put_object", {"Bucket": ANCHORS, "Key": "anchors/m/2.json"}),
    "read the buckets of others": (
        "s3",
        "get_object",
        {"Bucket": "rows-of-others", "Key": "rows.csv"},
    ),
    "write beside the lake": ("s3", "put_object", {"Bucket": DATA, "Key": "lakes/x"}),
    "write to the buckets of others": (
        "s3",
        "put_object",
        {"Bucket": "rows-of-others", "Key": "rows.csv"},
    ),
    "remove a head": ("s3", "delete_object", {"Bucket": ANCHORS, "Key": "anchors/m/1.json"}),
    "remove a version": ("s3", "delete_object", {**OBJECT, "VersionId": "1"}),
    "list versions": ("s3", "list_object_versions", {"Bucket": DATA}),
    "list the account's buckets": ("s3", "list_buckets", {}),
    "make a bucket": (
        "s3",
        "create_bucket",
        {"Bucket": "mine", "CreateBucketConfiguration": {"LocationConstraint": REGION}},
    ),
    "remove the bucket": ("s3", "delete_bucket", {"Bucket": DATA}),
    "open the bucket": ("s3", "put_bucket_policy", {"Bucket": DATA, "Policy": "{}"}),
    "remove the bucket's policy": ("s3", "delete_bucket_policy", {"Bucket": DATA}),
    "stop the versions": (
        "s3",
        "put_bucket_versioning",
        {"Bucket": DATA, "VersioningConfiguration": {"Status": "Suspended"}},
    ),
    "let objects expire": (
        "s3",
        "put_bucket_lifecycle_configuration",
        {"Bucket": DATA, "LifecycleConfiguration": RULE},
    ),
    "make an object public": ("s3", "put_object_acl", {**OBJECT, "ACL": "public-read"}),
    "read a secret": ("secretsmanager", "get_secret_value", {"SecretId": f"{NAME}/server_token"}),
    "list secrets": ("secretsmanager", "list_secrets", {}),
    "end the key": ("kms", "schedule_key_deletion", {"KeyId": f"alias/{NAME}"}),
    "turn the key off": ("kms", "disable_key", {"KeyId": f"alias/{NAME}"}),
    "make a user": ("iam", "create_user", {"UserName": "intruder"}),
    "widen its role": (
        "iam",
        "attach_role_policy",
        {
            "RoleName": f"{NAME}-stage",
            "PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess",
        },
    ),
    "take another role": (
        "sts",
        "assume_role",
        {"RoleArn": f"arn:aws:iam::{NUMBER}:role/{NAME}-server", "RoleSessionName": "tests"},
    ),
    "remove the database": (
        "rds",
        "delete_db_instance",
        {"DBInstanceIdentifier": NAME, "SkipFinalSnapshot": True},
    ),
    "copy the database": (
        "rds",
        "create_db_snapshot",
        {"DBInstanceIdentifier": NAME, "DBSnapshotIdentifier": "x"},
    ),
    "remove images": ("ecr", "delete_repository", {"repositoryName": f"{NAME}/airworthy-stage"}),
    "remove an endpoint": ("ec2", "delete_vpc_endpoints", {"VpcEndpointIds": ["vpce-1"]}),
    "remove the stack": ("cloudformation", "delete_stack", {"StackName": NAME}),
}


_STAGE = {"write rows", "write a report of a server", "add a head", "read the buckets of others"}
_AIRFLOW = {*_STAGE, "change the flags", "read task logs", "write task logs"}
# Workload -> what of it is its work. Nobody else may.
ALLOWED: dict[str, set[str]] = {
    "stage": _STAGE,
    "worker": _AIRFLOW,
    "airflow": _AIRFLOW,
    "server": {"write a report of a server", "add a head", "change the flags"},
    "mlflow": {"read MLflow's artifacts", "write MLflow's artifacts"},
    "secrets": set(),
}


@pytest.fixture
def environment(
    environment: Environment,
    account: Account,
    stack: Stack,
    stage: Keys,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Environment:
    """An environment in the stack's buckets, reached as a stage."""
    return enter(account, stack, stage, tmp_path, monkeypatch)


def calls_of(account: Account, keys: Keys) -> list[Request]:
    """Return the requests to S3 that were signed with some keys."""
    return [each for each in account.requests() if each.key_id == keys.key and each.service == "s3"]


def is_refused(
    account: Account, keys: Keys, service: str, method: str, arguments: dict[str, Any]
) -> bool:
    """Ask for something; return whether the right to it is missing."""
    try:
        getattr(account.client(service, keys), method)(**arguments)
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        return status == 403 and REFUSAL.search(str(error)) is not None
    return False


def unchecked(calls: list[Request]) -> list[str]:
    """Return the objects that were put without a checksum: a locked bucket refuses them."""
    puts = [each for each in calls if each.method == "PUT"]
    assert puts
    return [each.path for each in puts if not any(map(CHECKSUM.match, each.headers))]


def s3_actions(document: dict[str, Any]) -> set[str]:
    """Return the actions on S3 that a document allows."""
    listed = [each["Action"] for each in document["Statement"]]
    flat = [name for each in listed for name in ([each] if isinstance(each, str) else each)]
    return {name for name in flat if name.startswith("s3:")}


def test_a_train_run_needs_the_stage_role_and_all_of_it(
    environment: Environment,
    make_model: MakeModel,
    run_stages: RunStages,
    account: Account,
    rights: Rights,
    stage: Keys,
) -> None:
    """Each call is allowed by moto, which knows actions and resources, and by its conditions.

    A model is trained, registered and made champion, a folder of the lake is removed, and rows of
    others are read.
    """
    model = make_model()
    with account.enforced():
        run_stages(model)
        make_champion(environment, model, "1")
        assert open_ledger(environment, model).first_broken_entry() is None
        open_store(environment.lake).delete_folder(f"{model}/metrics")
        open_store(environment.lake).delete(f"{model}/not-there")
        assert open_store("s3://rows-of-others").read("rows.csv") is not None
        assert open_store("s3://rows-of-others").list()
    calls = calls_of(account, stage)
    assert len(calls) > 100
    assert rights.refused("stage", calls) == []
    # What ends a large upload that failed is the only right without a call here.
    granted = s3_actions(rights.of_role("stage")) - {"s3:AbortMultipartUpload"}
    assert {each.action for each in calls} == granted
    assert unchecked(calls) == []


@pytest.mark.parametrize("workload", ALLOWED)
def test_a_workload_can_do_its_work_and_is_refused_the_rest(
    account: Account, stack: Stack, workload: str
) -> None:
    """Each action is tried with the role's keys. It is refused for want of a right alone."""
    keys = account.take_role(stack.outputs[f"{workload.capitalize()}RoleArn"])
    with account.enforced():
        refused = {what for what in ASKED if is_refused(account, keys, *ASKED[what])}
    assert {*ASKED} - refused == ALLOWED[workload]


def test_a_model_server_reports_and_logs(
    environment: Environment,
    account: Account,
    rights: Rights,
    stack: Stack,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Predictions, reports and an order of --break-glass reach the lake; rows do not."""
    keys = account.take_role(stack.outputs["ServerRoleArn"])
    environment = enter(account, stack, keys, tmp_path / "server", monkeypatch)
    log = open_prediction_log(environment)
    with account.enforced():
        request, body = new_request_id(), body_of([ROW])
        assert log.record(request, "eta", "1", "champion", "someone", body, [1.5], manifest())
        assert collect(environment, "eta").predictions == 1
        open_ledger(environment, "eta").append(Note(name="glass"), run_id="run", who="server")
        reports = open_replica_reports(environment)
        reports.write(replica_report("one"))
        reports.store.delete("production/one.json")
        assert open_store(environment.lake).folders()
        with pytest.raises(TerminalError, match="AccessDenied"):
            open_store(environment.lake).write("eta/data/x", b"x")
    log.close()
    calls = calls_of(account, keys)
    assert unchecked(calls) == []
    assert {each.path for each in rights.refused("server", calls)} == {f"/{DATA}/lake/eta/data/x"}


def test_mlflow_keeps_artifacts_and_nothing_else(
    account: Account, rights: Rights, stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By MLflow's own client of S3, which its server keeps artifacts with."""
    from mlflow.store.artifact.s3_artifact_repo import S3ArtifactRepository

    keys = account.take_role(stack.outputs["MlflowRoleArn"])
    monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", account.address)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    (tmp_path / "model.bin").write_bytes(b"model")

    def repository(folder: str) -> S3ArtifactRepository:
        uri = f"s3://{DATA}/{folder}"
        return S3ArtifactRepository(uri, keys.key, keys.secret, keys.token)

    with account.enforced():
        artifacts = repository("artifacts/1/run/artifacts")
        artifacts.log_artifacts(str(tmp_path), "model")
        assert [each.path for each in artifacts.list_artifacts("model")] == ["model/model.bin"]
        assert Path(artifacts.download_artifacts("model/model.bin")).read_bytes() == b"model"
        with pytest.raises(S3UploadFailedError, match="AccessDenied"):
            repository("lake/eta").log_artifact(str(tmp_path / "model.bin"))
    # moto looks for the right to delete many objects at the bucket. S3 does so at each object.
    artifacts.delete_artifacts("model")
    assert artifacts.list_artifacts() == []
    calls = calls_of(account, keys)
    assert unchecked(calls) == []
    assert "s3:DeleteObject" in {each.action for each in calls}
    refused = rights.refused("mlflow", calls)
    assert {each.path for each in refused} == {f"/{DATA}/lake/eta/model.bin"}


def test_only_one_role_reads_secrets_and_those_of_the_deployment(rights: Rights) -> None:
    """By the roles' policies: moto knows no resource of a secret."""
    prefix = f"arn:aws:secretsmanager:{REGION}:{NUMBER}:secret:"
    readers = {
        (workload, name)
        for workload in ("airflow", "mlflow", "secrets", "server", "stage", "worker")
        for name in (f"{NAME}/server_token-AbCdEf", "other/server_token-AbCdEf", "rds!db-1")
        if is_allowed(
            rights.of_role(workload), "secretsmanager:GetSecretValue", f"{prefix}{name}", {}
        )
    }
    assert readers == {("secrets", f"{NAME}/server_token-AbCdEf"), ("secrets", "rds!db-1")}
