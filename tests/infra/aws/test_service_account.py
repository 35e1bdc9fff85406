"""A pod on EKS has no key: each client takes the role of the pod's service account by itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from airworthy.environment import Environment
from airworthy.lake import delta
from airworthy.object_store import open_store

from .account import Account, Keys
from .environments import enter
from .requests_of import Request
from .stack import Stack
from .sts_front import sts_front


@pytest.fixture
def environment(
    environment: Environment,
    account: Account,
    stack: Stack,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Environment]:
    """An environment in the stack's buckets, with the variables that EKS gives a pod."""
    entered = enter(account, stack, Keys("", ""), tmp_path, monkeypatch)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    token = tmp_path / "token"
    token.write_text("x" * 20, encoding="utf-8")
    monkeypatch.setenv("AWS_ROLE_ARN", stack.outputs["StageRoleArn"])
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(token))
    monkeypatch.setenv("AWS_ALLOW_INVALID_CERTIFICATES", "true")
    with sts_front(account.address, tmp_path) as front:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", front)
        yield entered


def test_every_client_takes_the_role_of_its_service_account(
    environment: Environment, account: Account
) -> None:
    """Those of objects (obstore), Delta tables (delta-rs) and scans (Polars), each for itself."""
    before = len(account.requests())
    uri = f"{environment.lake}/roles"
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
