"""Writes the secrets of docker-compose.yaml: ``python3 infra/docker/compose_env.py [FILE]``.

The file (``.env`` in the current folder, unless another one is named) is readable by its owner
only. One that is there is never written over: it has the passwords of the databases that were made
with it. Secrets that came with a later release are added at its end.
"""

from __future__ import annotations

import base64
import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

PASSWORDS = (
    "POSTGRES_PASSWORD",
    "AIRFLOW_DATABASE_PASSWORD",
    "MLFLOW_DATABASE_PASSWORD",
    "REDIS_PASSWORD",
    "S3_ACCESS_KEY",
    "S3_SECRET_KEY",
    "AIRFLOW_JWT_SECRET",
    "AIRFLOW_SECRET_KEY",
    "AIRFLOW_ADMIN_PASSWORD",
    "GRAFANA_ADMIN_PASSWORD",
    "AIRWORTHY_SERVER_TOKEN",
    "MLFLOW_LOGIN_PASSWORD",
    "AIRWORTHY_CLIENT_TOKEN",
)


def new_settings() -> dict[str, str]:
    """Return new random secrets, and the settings of Compose itself.

    The secrets are hexadecimal: they need no quotes in a shell, an address or a YAML file.
    """
    fernet_key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    return {
        "COMPOSE_PROJECT_NAME": "airworthy",
        "COMPOSE_PROFILES": "all",
        "AIRFLOW_FERNET_KEY": fernet_key,
        **{name: secrets.token_hex(24) for name in PASSWORDS},
    }


def write_settings(path: Path, settings: Mapping[str, str]) -> None:
    """Write the file, readable by its owner only.

    Raises:
        FileExistsError: when it is there.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.writelines(f"{name}={value}\n" for name, value in settings.items())


def add_missing(path: Path, settings: Mapping[str, str]) -> list[str]:
    """Add the settings that a file does not have, and return their names."""
    text = path.read_text(encoding="utf-8")
    there = {line.partition("=")[0].strip() for line in text.splitlines()}
    missing = [name for name in PASSWORDS if name not in there]
    if missing:
        with path.open("a", encoding="utf-8") as stream:
            stream.write("" if text.endswith("\n") or not text else "\n")
            stream.writelines(f"{name}={settings[name]}\n" for name in missing)
    return missing


def main(name: str = ".env") -> int:
    """Write the file if it is not there; say what was done."""
    path = Path(name)
    try:
        write_settings(path, new_settings())
    except FileExistsError:
        added = add_missing(path, new_settings())
        print(f"{path} is there and stays as it is; added: {', '.join(added) or 'nothing'}")
        return 0
    print(f"{path}: written; keep it: the databases are made with these passwords")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
