"""An environment whose lake and anchors are in the stack's buckets, reached with given keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from airworthy.environment import Environment, load_environment

from .account import REGION, Account, Keys
from .stack import Stack

# MLflow's own server reaches the artifacts, as a role of its own. Here they are on the disk.
ENVIRONMENT_FILE = """\
lake: ${AIRWORTHY_LAKE}
artifacts: "{state}/artifacts"
tracking_uri: "sqlite:///{state}/mlflow.db"
server_url: http://127.0.0.1:9
release: {dirty_trees: allow}
anchors:
  - {type: bucket, uri: "${ANCHORS}"}
"""


def enter(
    account: Account, stack: Stack, keys: Keys, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Environment:
    """Give this process the variables that lead to the stack; return the environment.

    Args:
        account: The account.
        stack: The stack.
        keys: The keys of a role.
        folder: Gets the project's folder.
        monkeypatch: Takes the variables back after the test.
    """
    environments = folder / "project/include/environments"
    environments.mkdir(parents=True)
    (environments / "aws.yaml").write_text(ENVIRONMENT_FILE, encoding="utf-8")
    variables = {
        "AIRWORTHY_PROJECT": str(folder / "project"),
        "AIRWORTHY_ENV": "aws",
        "AIRWORTHY_LAKE": stack.outputs["Lake"],
        "ANCHORS": stack.outputs["Anchors"],
        "AWS_ACCESS_KEY_ID": keys.key,
        "AWS_SECRET_ACCESS_KEY": keys.secret,
        "AWS_SESSION_TOKEN": keys.token,
        "AWS_ENDPOINT_URL": account.address,
        "AWS_REGION": REGION,
        "AWS_ALLOW_HTTP": "true",
        "AWS_CHECKSUM_ALGORITHM": "sha256",
        # moto looks for the right to delete many objects at the bucket. S3 does so at each object.
        "AWS_DISABLE_BULK_DELETE": "true",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return load_environment()
