"""Prepares the services of docker-compose.yaml or a cluster before the parts start: databases, roles, user, bucket.

Every step may be repeated: it runs at every start, and brings older databases up to date. A cluster
gives no ``AIRWORTHY_BUCKET``, as its bucket is there, and MLflow's pods make MLflow's tables.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

import boto3
from botocore.exceptions import ClientError

USER = "admin"


def main() -> None:
    """Make what is missing. A failed step ends the program, and no part starts."""
    if bucket := os.environ.get("AIRWORTHY_BUCKET"):
        make_bucket(bucket)
    if "MLFLOW_BACKEND_STORE_URI" in os.environ:
        run(sys.executable, "-m", "airworthy_airflow.stack.mlflow_database", **mlflow_database())
    run("airflow", "db", "migrate")
    run(sys.executable, "-m", "airworthy_fab_roles")
    make_user(os.environ["AIRFLOW_ADMIN_PASSWORD"])
    print("prepared")


def make_bucket(name: str) -> None:
    """Make the bucket of lake, artifacts and task logs."""
    try:
        boto3.client("s3").create_bucket(Bucket=name)
    except ClientError as error:
        if error.response["Error"]["Code"] not in (
            "BucketAlreadyOwnedByYou",
            "BucketAlreadyExists",
        ):
            raise


def mlflow_database() -> dict[str, str]:
    """Return the variables with which MLflow's tables are made in its database."""
    return {"AIRWORTHY_TRACKING_URI": os.environ["MLFLOW_BACKEND_STORE_URI"]}


def make_user(password: str) -> None:
    """Make Airflow's first user, or give him the password of the settings."""
    person = ("--firstname", "Air", "--lastname", "Worthy", "--email", "admin@example.org")
    named = ("--username", USER)
    run("airflow", "users", "create", "--role", "Admin", *person, *named, answers=[password] * 2)
    run("airflow", "users", "reset-password", *named, answers=[password] * 2)


def run(*command: str, answers: Sequence[str] = (), **variables: str) -> None:
    """Run a command.

    Args:
        command: The command, without secrets: other processes see it.
        answers: Its answers to what it asks, such as a password. Without a terminal it reads them.
        variables: Further environment variables.
    """
    subprocess.run(
        command,
        env={**os.environ, **variables},
        input="".join(f"{answer}\n" for answer in answers) if answers else None,
        text=True,
        check=True,
        start_new_session=bool(answers),  # it would ask the terminal
    )


if __name__ == "__main__":
    main()
