"""Prepares the services of docker-compose.yaml before the parts start: databases, user, bucket.

Every step may be repeated: it runs at every start, and brings older databases up to date.
"""

from __future__ import annotations

import os
import subprocess
import sys

import boto3
from botocore.exceptions import ClientError

USER = "admin"


def main() -> None:
    """Make what is missing. A failed step ends the program, and no part starts."""
    make_bucket(os.environ["AIRWORTHY_BUCKET"])
    run(sys.executable, "-m", "airworthy_airflow.stack.mlflow_database", **mlflow_database())
    run("airflow", "db", "migrate")
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
    named = ("--username", USER, "--password", password)
    run("airflow", "users", "create", "--role", "Admin", *person, *named)
    run("airflow", "users", "reset-password", *named)


def run(*command: str, **variables: str) -> None:
    """Run a command with further variables."""
    subprocess.run(command, env={**os.environ, **variables}, check=True)


if __name__ == "__main__":
    main()
