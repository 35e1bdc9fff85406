"""The stack of infra/cloudformation: it is created, and its roles do what the product does, no more."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import ClientError

from airworthy.environment import Environment
from airworthy.errors import TerminalError
from airworthy.handover.catalogue import OPERATIONS
from airworthy.lake import delta
from airworthy.ledger import open_ledger
from airworthy.object_store import open_store
from airworthy.predictions.collect import collect
from airworthy.predictions.prediction_ids import new_request_id
from airworthy.predictions.spool import open_prediction_log
from airworthy.stages import run_stage
from airworthy.traffic.replica_reports import open_replica_reports

from ...core.champions import make_champion  # noqa: TID252 - tests are no installed package
from ...core.ledger.notes import Note  # noqa: TID252 - tests are no installed package
from ...core.predictions.conftest import ROW, body_of, manifest  # noqa: TID252 - tests are no installed package
from ...core.release.replica_reports import replica_report  # noqa: TID252 - tests are no installed package
from ...core.stages.conftest import MakeModel, RunStages, make_model, run_stages  # noqa: TID252 - tests are no installed package
from .account import NUMBER, REGION, Account, Keys
from .asked_actions import ALLOWED, ASKED, DATA
from .environments import enter
from .evaluation import is_allowed
from .requests_of import Request
from .rights import Rights
from .stack import NAME, Stack
from .sts_front import sts_front

__all__ = ["make_model", "run_stages"]

REFUSAL = re.compile("AccessDenied|Access Denied|UnauthorizedOperation")
CHECKSUM = re.compile("x-amz-checksum-|x-amz-trailer|content-md5")
AFTER_A_RELEASE = (
    "check_data",
    "check_skew",
    "check_drift",
    "check_performance",
    "decide",
    "ingest_inputs",
    "score",
)
MONITOR = {"min_rows": 100, "retrain": {"min_labels": 100}, "reference": "14d"}


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

    A model is trained, registered and made champion, looked after and asked for scores. A folder
    of the lake is removed, and rows of others are read.
    """
    model = make_model(score={}, monitor=MONITOR)
    with account.enforced():
        made = run_stages(model)
        make_champion(environment, model, "1")
        for name in AFTER_A_RELEASE:
            made[OPERATIONS[name].output] = run_stage(name, made)
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


@pytest.fixture
def as_a_pod(
    environment: Environment,
    account: Account,
    stack: Stack,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Environment]:
    """An environment in the stack's buckets, with the variables that EKS gives a pod."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    token = tmp_path / "token"
    token.write_text("x" * 20, encoding="utf-8")
    monkeypatch.setenv("AWS_ROLE_ARN", stack.outputs["StageRoleArn"])
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(token))
    monkeypatch.setenv("AWS_ALLOW_INVALID_CERTIFICATES", "true")
    with sts_front(account.address, tmp_path) as front:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", front)
        yield environment


def test_every_client_takes_the_role_of_its_service_account(
    as_a_pod: Environment, account: Account
) -> None:
    """Those of objects (obstore), Delta tables (delta-rs) and scans (Polars), each for itself."""
    before = len(account.requests())
    uri = f"{as_a_pod.lake}/roles"
    open_store(uri).write("by-obstore", b"x")
    of_obstore = _roles_taken(account.requests()[before:])
    delta.open_or_create(uri, {"n": pl.Int64(), "partition": pl.String()})
    table = delta.open_table(uri)
    assert table is not None
    delta.replace_partition(table, pl.DataFrame({"n": [1]}), "2026-01-31", {"kind": "test"})
    table = delta.open_table(uri)
    assert table is not None
    files = [path for paths in delta.files_by_partition(table).values() for path in paths]
    of_delta = _roles_taken(account.requests()[before:])
    assert delta.scan_files(uri, files).collect().height == 1
    made = account.requests()[before:]
    assert 0 < of_obstore < of_delta < _roles_taken(made)
    to_s3 = [each for each in made if each.service == "s3"]
    assert to_s3
    assert all(each.headers.get("x-amz-security-token") for each in to_s3)


def _roles_taken(requests: list[Request]) -> int:
    return sum("AssumeRoleWithWebIdentity" in f"{each.body}{each.query}" for each in requests)
