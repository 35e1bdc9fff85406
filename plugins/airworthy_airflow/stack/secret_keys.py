"""The stack's secrets: made once, in files readable by their owner only."""

from __future__ import annotations

import base64
import json
import os
import secrets
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from airworthy_airflow.stack.layout import Layout
from airworthy_airflow.stack.users import USER as USER


@dataclass(frozen=True)
class Secrets:
    """Airflow's keys, the password of its user `admin`, and that of the same user in MLflow.

    Secrets of a stack before 0.3.0 have no password for MLflow: `ensure_secrets` adds it.
    """

    fernet_key: str
    jwt_secret: str
    secret_key: str
    password: str
    mlflow_password: str = ""


def ensure_secrets(layout: Layout) -> Secrets:
    """Return the stack's secrets. The first call makes them, the password file and the server's token."""
    path = layout.folder / "secrets.json"
    if not path.exists():
        write_private(path, json.dumps(asdict(_new_secrets())))
    found = Secrets(**json.loads(path.read_text(encoding="utf-8")))
    if not found.mlflow_password:
        found = replace(found, mlflow_password=secrets.token_urlsafe(24))
        write_private(path, json.dumps(asdict(found)))
    write_private(
        password_file(layout), json.dumps({**user_passwords(layout), USER: found.password})
    )
    if not layout.token_file.exists():
        write_private(layout.token_file, secrets.token_urlsafe(32))
    return found


def user_passwords(layout: Layout) -> dict[str, str]:
    """Return the passwords of the stack's further users by their names: those that are kept, and a new
    one for each user without.

    A user who was taken away keeps the password and has no access: Airflow asks for the user first.
    """
    path = password_file(layout)
    kept: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    fresh = {name: secrets.token_urlsafe(12) for name in layout.users if name not in kept}
    return {name: password for name, password in {**kept, **fresh}.items() if name != USER}


def _new_secrets() -> Secrets:
    fernet = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    keys = (secrets.token_urlsafe(48), secrets.token_urlsafe(48))
    return Secrets(fernet, *keys, secrets.token_urlsafe(12), secrets.token_urlsafe(24))


def password_file(layout: Layout) -> Path:
    """Return the password file of Airflow's simple auth manager."""
    return layout.folder / "passwords.json"


def write_private(path: Path, text: str) -> None:
    """Write a file readable by its owner only, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(
        os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8"
    ) as stream:
        stream.write(text)
    fresh.replace(path)
