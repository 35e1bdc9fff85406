"""A SeaweedFS server: a real S3-compatible object store, in one process."""

from __future__ import annotations

import json
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from ..eventually import eventually  # noqa: TID252 - tests are no installed package

BUCKET = "models"
REGION = "us-east-1"
START_SECONDS = 300.0
# boto3 remembers the first keys of a process, so all servers of a process have the same.
_ACCESS_KEY, _SECRET_KEY = secrets.token_hex(10), secrets.token_hex(20)
LOOPBACK = "127.0.0.1"
_PORTS = ("master", "volume", "filer", "s3")


@dataclass(frozen=True)
class S3Server:
    """A running server with one bucket."""

    address: str
    access_key: str
    secret_key: str

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables by which a client reaches it."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_ENDPOINT_URL": self.address,
            "AWS_REGION": REGION,
            "AWS_ALLOW_HTTP": "true",
        }

    @property
    def of_tests(self) -> dict[str, str]:
        """The variables of a process that meets more than one server.

        MLflow remembers a client for each value of its own variable, and not for each of the others.
        """
        return {**self.variables, "MLFLOW_S3_ENDPOINT_URL": self.address}


@contextmanager
def s3_server(folder: Path, host: str = LOOPBACK) -> Iterator[S3Server]:
    """Run a server with its data in a folder, and make the bucket. It listens on one address."""
    identity = {
        "name": "tests",
        "credentials": [{"accessKey": _ACCESS_KEY, "secretKey": _SECRET_KEY}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    (folder / "data").mkdir(parents=True)
    (folder / "identities.json").write_text(json.dumps({"identities": [identity]}))
    ports = _free_ports(2 * len(_PORTS), host)
    server = S3Server(f"http://{host}:{ports['s3.port']}", _ACCESS_KEY, _SECRET_KEY)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [_program(), "server", *_options(folder, ports, host)], stdout=log, stderr=log
        )
    try:
        eventually("the S3 server is up", lambda: _is_up(server, process), START_SECONDS)
        _make_bucket(server)
        yield server
    finally:
        process.kill()
        process.wait()


def _program() -> str:
    beside = Path(sys.executable).with_name("weed")
    return str(beside) if beside.exists() else str(shutil.which("weed"))


def _options(folder: Path, ports: dict[str, int], host: str) -> list[str]:
    values = {
        "dir": folder / "data",
        "ip": host,
        "ip.bind": host,
        "master.telemetry": "false",
        "volume.max": 20,
        "volume.preStopSeconds": 0,
        "filer": "true",
        "filer.localSocket": folder / "filer.sock",
        "s3": "true",
        "s3.config": folder / "identities.json",
        "s3.localSocket": folder / "s3.sock",
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        **ports,
    }
    return [f"-{name}={value}" for name, value in values.items()]


def _free_ports(count: int, host: str) -> dict[str, int]:
    with ExitStack() as sockets:
        free = iter([sockets.enter_context(socket.create_server((host, 0))) for _ in range(count)])
        names = [f"{part}.port{kind}" for part in _PORTS for kind in ("", ".grpc")]
        return {name: next(free).getsockname()[1] for name in names}


def _is_up(server: S3Server, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, "the S3 server ended at its start"
    try:
        return httpx.get(f"{server.address}/healthz", timeout=5).is_success
    except httpx.HTTPError:
        return False


def _make_bucket(server: S3Server) -> None:
    """Make the bucket and write once: the first write makes the server allot its space."""
    import boto3

    client = boto3.client(
        "s3",
        region_name=REGION,
        endpoint_url=server.address,
        aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key,
    )
    client.create_bucket(Bucket=BUCKET)
    client.put_object(Bucket=BUCKET, Key="first", Body=b"x")
