"""An account of AWS: moto's server, which enforces the actions and resources of IAM's policies."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import httpx

from ...core.eventually import eventually  # noqa: TID252 - tests are no installed package
from .requests_of import Request, read_requests

NUMBER = "123456789012"
REGION = "eu-central-1"
START_SECONDS = 300.0


@dataclass(frozen=True)
class Keys:
    """Keys of an identity; `token` is empty for an administrator."""

    key: str
    secret: str
    token: str = ""


@dataclass(frozen=True)
class Account:
    """A running server, and the file with the requests that it got."""

    address: str
    recording: Path

    def client(self, service: str, keys: Keys) -> Any:
        """Return boto3's client of a service, as an identity."""
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=self.address,
            aws_access_key_id=keys.key,
            aws_secret_access_key=keys.secret,
            aws_session_token=keys.token or None,
        )

    def take_role(self, arn: str) -> Keys:
        """Return the keys of a role, as a pod gets them for the token of its service account."""
        sts = self.client("sts", Keys("nobody", "nothing"))
        answer = sts.assume_role_with_web_identity(
            RoleArn=arn, RoleSessionName="tests", WebIdentityToken="x" * 20
        )["Credentials"]
        return Keys(answer["AccessKeyId"], answer["SecretAccessKey"], answer["SessionToken"])

    @contextmanager
    def enforced(self) -> Iterator[None]:
        """Refuse in the block what an identity's policies do not allow."""
        self._count_free_requests("0")
        try:
            yield
        finally:
            self._count_free_requests("inf")

    def requests(self) -> list[Request]:
        """Return the requests so far, oldest first."""
        return read_requests(self.recording)

    def _count_free_requests(self, number: str) -> None:
        httpx.post(f"{self.address}/moto-api/reset-auth", content=number).raise_for_status()


@contextmanager
def aws_account(folder: Path) -> Iterator[Account]:
    """Run a server until the block ends. Its log and the requests are files of a folder."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    account = Account(f"http://127.0.0.1:{port}", folder / "requests.jsonl")
    variables = {
        "MOTO_ACCOUNT_ID": NUMBER,
        "MOTO_ENABLE_RECORDING": "yes",
        "MOTO_RECORDER_FILEPATH": str(account.recording),
    }
    command = [sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", str(port)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env={**os.environ, **variables}, stdout=log, stderr=log)
    try:
        eventually("moto answers", lambda: _answers(account, process), START_SECONDS)
        yield account
    finally:
        process.kill()
        process.wait()


def policy_document(account: Account, administrator: Keys, role: str) -> dict[str, Any]:
    """Return all that a role may do as one document."""
    iam = account.client("iam", administrator)
    names = iam.list_role_policies(RoleName=role)["PolicyNames"]
    documents = [
        iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names
    ]
    statements = [each for document in documents for each in document["Statement"]]
    return {"Version": "2012-10-17", "Statement": statements}


def _answers(account: Account, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, "moto ended at its start"
    try:
        return httpx.get(f"{account.address}/moto-api/", timeout=5).is_success
    except httpx.HTTPError:
        return False
