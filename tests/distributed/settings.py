"""The variables of a deployment's processes, as docs/design/distributed.md lists them."""

from __future__ import annotations

import base64
import json
import os
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from tests.core.s3.s3_server import BUCKET, S3Server

from .machines import Network
from .services import Services, free_port

PROJECT = Path(__file__).resolve().parents[2]
SHARED = PROJECT / "infra" / "airflow" / "distributed.env"
BINARIES = Path(sys.executable).parent


def shared_settings() -> dict[str, str]:
    """Return the variables of `infra/airflow/distributed.env`."""
    lines = SHARED.read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


@dataclass(frozen=True)
class Storage:
    """Where the lake and the models' files are, and the variables that reach them."""

    lake: str
    artifacts: str
    logs: str
    variables: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def in_bucket(cls, server: S3Server) -> Storage:
        """Return storage in a server's bucket."""
        bucket = f"s3://{BUCKET}"
        return cls(f"{bucket}/lake", f"{bucket}/artifacts", f"{bucket}/logs", server.variables)

    @property
    def of_logs(self) -> dict[str, str]:
        """The variables by which Airflow keeps the logs of ended tasks there."""
        connection = {
            "conn_type": "aws",
            "login": self.variables["AWS_ACCESS_KEY_ID"],
            "password": self.variables["AWS_SECRET_ACCESS_KEY"],
            "extra": {"endpoint_url": self.variables["AWS_ENDPOINT_URL"]},
        }
        return {
            "AIRFLOW__LOGGING__REMOTE_LOGGING": "True",
            "AIRFLOW__LOGGING__REMOTE_BASE_LOG_FOLDER": self.logs,
            "AIRFLOW__LOGGING__REMOTE_LOG_CONN_ID": "aws_logs",
            "AIRFLOW_CONN_AWS_LOGS": json.dumps(connection),
        }


@dataclass(frozen=True)
class Addresses:
    """The addresses of the parts, for all machines."""

    airflow: str
    mlflow: str
    server: str

    @classmethod
    def on(cls, network: Network) -> Addresses:
        """Return addresses with free ports."""
        return cls(*(f"http://{network.address}:{free_port(network)}" for _ in range(3)))


@dataclass(frozen=True)
class Settings:
    """A deployment's addresses and secrets. `models` is the folder of the models."""

    models: Path
    services: Services
    addresses: Addresses
    storage: Storage
    password: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    mlflow_password: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    keys: Mapping[str, str] = field(
        default_factory=lambda: {
            "AIRFLOW__CORE__FERNET_KEY": base64.urlsafe_b64encode(os.urandom(32)).decode(),
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(48),
            "AIRFLOW__API__SECRET_KEY": secrets.token_urlsafe(48),
        }
    )

    def of_part(self, folder: Path) -> dict[str, str]:
        """Return the whole environment of a part of Airflow whose own files lie in a folder."""
        databases, airflow = self.services.databases, httpx.URL(self.addresses.airflow)
        return {
            "PATH": os.pathsep.join([str(BINARIES), os.defpath, "/usr/sbin", "/sbin"]),
            "LC_ALL": "C.UTF-8",
            "PYTHONPATH": os.pathsep.join(
                str(PROJECT / part) for part in ("include", "plugins", "infra/airflow")
            ),
            **shared_settings(),
            **self.keys,
            "AIRFLOW_HOME": str(folder / "airflow"),
            "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT / "plugins"),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.addresses.airflow}/execution/",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": databases["airflow"],
            "AIRFLOW__CELERY__RESULT_BACKEND": f"db+{databases['celery']}",
            "AIRFLOW__CELERY__BROKER_URL": self.services.redis,
            "AIRFLOW__API__BASE_URL": self.addresses.airflow,
            "AIRFLOW__API__HOST": airflow.host,
            "AIRFLOW__API__PORT": str(airflow.port),
            "AIRFLOW__METRICS__STATSD_HOST": airflow.host,
            **self.storage.of_logs,
            **self.of_airworthy(folder),
        }

    def of_worker(self, folder: Path) -> dict[str, str]:
        """Return the whole environment of a worker.

        Its tasks know neither Airflow's database nor the key that makes their tokens.
        """
        hidden = {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "AIRFLOW__API_AUTH__JWT_SECRET"}
        return {name: value for name, value in self.of_part(folder).items() if name not in hidden}

    def of_airworthy(self, folder: Path) -> dict[str, str]:
        """Return the variables of stages and model servers whose own files lie in a folder."""
        return {
            **self.storage.variables,
            "AIRWORTHY_ENV": "staging",
            "AIRWORTHY_PROJECT": str(PROJECT),
            "AIRWORTHY_MODELS": str(self.models),
            "AIRWORTHY_STATE": str(folder / "state"),
            "AIRWORTHY_LAKE": self.storage.lake,
            "AIRWORTHY_ARTIFACTS": "mlflow-artifacts:/",
            "AIRWORTHY_FLAGS": str(folder / "flags.json"),
            "AIRWORTHY_TRACKING_URI": self.addresses.mlflow,
            "MLFLOW_TRACKING_USERNAME": "admin",
            "MLFLOW_TRACKING_PASSWORD": self.mlflow_password,
            "AIRWORTHY_MLFLOW_URL": self.addresses.mlflow,
            "AIRWORTHY_SERVER_URL": self.addresses.server,
            "AIRWORTHY_SERVER_TOKEN": self.token,
        }
