"""Prints random Secrets for a trial in dev, as JSON for kubectl.

``python3 infra/kubernetes/trial_secrets.py | kubectl create --namespace airworthy-dev -f -``

Nothing is written to a disk, and no secret is in a command line. `kubectl create` keeps Secrets that
are there.
"""

from __future__ import annotations

import json
import secrets
import sys
from typing import Any

MLFLOW_DATABASE = "sqlite:////var/lib/airworthy/mlflow.db"
"""Gone with MLflow's pod, as all of a trial is. Otherwise it is a PostgreSQL."""


def trial_secrets() -> dict[str, dict[str, str]]:
    """Return new values by Secret and key."""
    store = {"AWS_ACCESS_KEY_ID": _random(), "AWS_SECRET_ACCESS_KEY": _random()}
    login = {"MLFLOW_TRACKING_USERNAME": "admin", "MLFLOW_TRACKING_PASSWORD": _random()}
    return {
        "airworthy": {**store, **login, "AIRWORTHY_SERVER_TOKEN": _random()},
        "airworthy-clients": {"AIRWORTHY_CLIENT_TOKENS": f"trial={_random()}"},
        "airworthy-mlflow": {**store, **login, "MLFLOW_BACKEND_STORE_URI": MLFLOW_DATABASE},
        "airworthy-grafana": {"admin-password": _random()},
    }


def _random() -> str:
    """Return 48 hexadecimal characters: they need no quotes anywhere."""
    return secrets.token_hex(24)


def as_list(values: dict[str, dict[str, str]]) -> dict[str, Any]:
    """Return the Secrets as one object for kubectl."""
    items = [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "labels": {"app.kubernetes.io/part-of": "airworthy"}},
            "type": "Opaque",
            "stringData": keys,
        }
        for name, keys in values.items()
    ]
    return {"apiVersion": "v1", "kind": "List", "items": items}


if __name__ == "__main__":
    json.dump(as_list(trial_secrets()), sys.stdout)
