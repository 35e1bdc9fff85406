"""MLflow's server behind a login: ``python -m airworthy_airflow.stack.mlflow_server --port 5000``.

It is ``mlflow server`` with one process and `LoginRequired` before its application. The login is in
``MLFLOW_TRACKING_USERNAME`` and ``MLFLOW_TRACKING_PASSWORD``, the variables of MLflow's clients. The
database's address is in ``MLFLOW_BACKEND_STORE_URI``: it may have a password, which no command line
shows.
"""

from __future__ import annotations

import argparse
import os
import sys
import uuid
from collections.abc import Sequence

from airworthy.registry.mlflow_login import PASSWORD, USERNAME
from airworthy_airflow.stack.mlflow_login import LoginRequired

DATABASE = "MLFLOW_BACKEND_STORE_URI"


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until ended. Return 2 when the login or the database's address is missing."""
    options = _parser().parse_args(arguments)
    missing = [name for name in (USERNAME, PASSWORD, DATABASE) if not os.environ.get(name)]
    if missing:
        print(f"MLflow does not start without {', '.join(missing)} (make up sets them)")
        return 2
    import uvicorn

    _configure(options)
    from mlflow.server.fastapi_app import app
    from mlflow.server.handlers import initialize_backend_stores

    database = os.environ[DATABASE]
    initialize_backend_stores(database, database, options.default_artifact_root)
    closed = LoginRequired(app, os.environ[USERNAME], os.environ[PASSWORD])
    uvicorn.run(closed, host=options.host, port=options.port)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="MLflow's server behind a login.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=5000)
    parser.add_argument("--default-artifact-root", default="mlflow-artifacts:/")
    parser.add_argument(
        "--artifacts-destination", help="Serve the models' files from here; else clients open them."
    )
    parser.add_argument("--allowed-hosts", help="As of mlflow server; default: this machine's.")
    return parser


def _configure(options: argparse.Namespace) -> None:
    """Set the variables by which ``mlflow server`` configures its application."""
    from mlflow.environment_variables import (
        _MLFLOW_IN_JOB_EXECUTOR,
        _MLFLOW_SERVER_BOOT_ID,
        _MLFLOW_SGI_NAME,
        MLFLOW_SERVER_ALLOWED_HOSTS,
    )

    if options.allowed_hosts:
        # The import of mlflow.server reads it.
        os.environ[MLFLOW_SERVER_ALLOWED_HOSTS.name] = options.allowed_hosts
    from mlflow.server import constants

    variables = {
        constants.BACKEND_STORE_URI_ENV_VAR: os.environ[DATABASE],
        constants.REGISTRY_STORE_URI_ENV_VAR: os.environ[DATABASE],
        constants.ARTIFACT_ROOT_ENV_VAR: options.default_artifact_root,
        _MLFLOW_SGI_NAME.name: "uvicorn",
        _MLFLOW_SERVER_BOOT_ID.name: uuid.uuid4().hex,
        _MLFLOW_IN_JOB_EXECUTOR.name: "false",
    }
    if options.artifacts_destination:
        variables[constants.SERVE_ARTIFACTS_ENV_VAR] = "true"
        variables[constants.ARTIFACTS_DESTINATION_ENV_VAR] = options.artifacts_destination
    os.environ.update(variables)


if __name__ == "__main__":
    sys.exit(main())
