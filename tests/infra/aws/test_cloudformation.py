"""The stack of infra/cloudformation: it is created, and its roles can do what the product does."""

from __future__ import annotations

from pathlib import Path

import pytest

from airworthy.environment import Environment, load_environment
from airworthy.ledger import open_ledger

from ...core.champions import make_champion  # noqa: TID252 - tests are no installed package
from ...core.stages.conftest import MakeModel, RunStages, make_model, run_stages  # noqa: TID252 - tests are no installed package
from .account import REGION, Account, Keys
from .stack import Stack

__all__ = ["make_model", "run_stages"]

ENVIRONMENT_FILE = """\
lake: ${AIRWORTHY_LAKE}
artifacts: "{state}/artifacts"
tracking_uri: "sqlite:///{state}/mlflow.db"
server_url: http://127.0.0.1:9
release: {dirty_trees: allow}
anchors:
  - {type: bucket, uri: "${ANCHORS}"}
"""


@pytest.fixture
def environment(
    environment: Environment,
    account: Account,
    stack: Stack,
    stage: Keys,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Environment:
    """An environment whose lake and anchors are in the stack's buckets, reached as a stage."""
    folder = tmp_path / "project/include/environments"
    folder.mkdir(parents=True)
    (folder / "aws.yaml").write_text(ENVIRONMENT_FILE, encoding="utf-8")
    variables = {
        "AIRWORTHY_PROJECT": str(tmp_path / "project"),
        "AIRWORTHY_ENV": "aws",
        "AIRWORTHY_LAKE": stack.outputs["Lake"],
        "ANCHORS": stack.outputs["Anchors"],
        "AWS_ACCESS_KEY_ID": stage.key,
        "AWS_SECRET_ACCESS_KEY": stage.secret,
        "AWS_SESSION_TOKEN": stage.token,
        "AWS_ENDPOINT_URL": account.address,
        "AWS_REGION": REGION,
        "AWS_ALLOW_HTTP": "true",
        "AWS_CHECKSUM_ALGORITHM": "sha256",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return load_environment()


def test_a_train_run_needs_no_more_than_the_stage_role(
    environment: Environment,
    make_model: MakeModel,
    run_stages: RunStages,
    account: Account,
    stage: Keys,
) -> None:
    """Every call to S3 of a train run and of a release is allowed by actions and resources."""
    model = make_model()
    with account.enforced():
        run_stages(model)
        make_champion(environment, model, "1")
        assert open_ledger(environment, model).first_broken_entry() is None
    calls = [each for each in account.requests() if each.key_id == stage.key]
    print(
        len(calls),
        sorted(
            {(c.method, c.action, c.resource.split("/")[0], tuple(sorted(c.query))) for c in calls}
        ),
    )
    print(
        sorted(
            {
                h
                for c in calls
                if c.method == "PUT"
                for h in c.headers
                if "check" in h or "none" in h or "md5" in h
            }
        )
    )
    print(sorted({c.query["prefix"] for c in calls if "prefix" in c.query})[:40])
