"""Fixtures of the tests on AWS: one account with one stack, and the keys of its roles."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from .account import Account, Keys, aws_account
from .rights import Rights
from .stack import SOURCES, Stack, create_stack

EVERYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}


@pytest.fixture(scope="session")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """An account that runs as long as the tests."""
    with aws_account(tmp_path_factory.mktemp("aws")) as running:
        yield running


@pytest.fixture(scope="session")
def administrator(account: Account) -> Keys:
    """The keys of somebody who may do all."""
    iam = account.client("iam", Keys("root", "root"))
    iam.create_user(UserName="administrator")
    document = json.dumps({"Version": "2012-10-17", "Statement": [EVERYTHING]})
    iam.put_user_policy(UserName="administrator", PolicyName="all", PolicyDocument=document)
    made = iam.create_access_key(UserName="administrator")["AccessKey"]
    return Keys(made["AccessKeyId"], made["SecretAccessKey"])


@pytest.fixture(scope="session")
def stack(account: Account, administrator: Keys) -> Stack:
    """The stack, and the buckets of others that stages read."""
    s3 = account.client("s3", administrator)
    for arn in SOURCES:
        bucket = arn.rpartition(":")[2]
        s3.create_bucket(
            Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
        )
        s3.put_object(Bucket=bucket, Key="rows.csv", Body=b"a\n1\n")
    return create_stack(account, administrator)


@pytest.fixture(scope="session")
def stage(account: Account, stack: Stack) -> Keys:
    """The keys of the role of stages."""
    return account.take_role(stack.outputs["StageRoleArn"])


@pytest.fixture(scope="session")
def rights(account: Account, administrator: Keys, stack: Stack) -> Rights:
    """The policies of the stack's roles."""
    return Rights(account, administrator, stack)
