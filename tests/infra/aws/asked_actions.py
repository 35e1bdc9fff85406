"""Actions that are tried with the role of each workload, and those that are its work."""

from __future__ import annotations

from typing import Any

from .account import NUMBER, REGION
from .stack import NAME

DATA = f"{NAME}-data-{NUMBER}"
ANCHORS = f"{NAME}-anchors-{NUMBER}"
OBJECT = {"Bucket": DATA, "Key": "lake/small_model/data/x"}
RULE = {"Rules": [{"ID": "all", "Status": "Enabled", "Filter": {}, "Expiration": {"Days": 1}}]}

# What is asked -> service, method, arguments.
ASKED: dict[str, tuple[str, str, dict[str, Any]]] = {
    "read MLflow's artifacts": ("s3", "get_object", {"Bucket": DATA, "Key": "artifacts/1/model"}),
    "write MLflow's artifacts": ("s3", "put_object", {"Bucket": DATA, "Key": "artifacts/1/model"}),
    "read task logs": ("s3", "get_object", {"Bucket": DATA, "Key": "airflow-logs/dag/1.log"}),
    "write task logs": (
        "s3",
        "put_object",
        {"Bucket": DATA, "Key": "airflow-logs/dag/1.log", "Body": b"x"},
    ),
    "change the flags": ("s3", "put_object", {"Bucket": DATA, "Key": "flags.json"}),
    "write rows": ("s3", "put_object", {**OBJECT, "Body": b"x"}),
    "write a report of a server": (
        "s3",
        "put_object",
        {"Bucket": DATA, "Key": "lake/_servers/production/x.json", "Body": b"x"},
    ),
    "add a head": ("s3", "put_object", {"Bucket": ANCHORS, "Key": "anchors/m/2.json"}),
    "read the buckets of others": (
        "s3",
        "get_object",
        {"Bucket": "rows-of-others", "Key": "rows.csv"},
    ),
    "write beside the lake": ("s3", "put_object", {"Bucket": DATA, "Key": "lakes/x"}),
    "write to the buckets of others": (
        "s3",
        "put_object",
        {"Bucket": "rows-of-others", "Key": "rows.csv"},
    ),
    "remove a head": ("s3", "delete_object", {"Bucket": ANCHORS, "Key": "anchors/m/1.json"}),
    "remove a version": ("s3", "delete_object", {**OBJECT, "VersionId": "1"}),
    "list versions": ("s3", "list_object_versions", {"Bucket": DATA}),
    "list the account's buckets": ("s3", "list_buckets", {}),
    "make a bucket": (
        "s3",
        "create_bucket",
        {"Bucket": "mine", "CreateBucketConfiguration": {"LocationConstraint": REGION}},
    ),
    "remove the bucket": ("s3", "delete_bucket", {"Bucket": DATA}),
    "open the bucket": ("s3", "put_bucket_policy", {"Bucket": DATA, "Policy": "{}"}),
    "remove the bucket's policy": ("s3", "delete_bucket_policy", {"Bucket": DATA}),
    "stop the versions": (
        "s3",
        "put_bucket_versioning",
        {"Bucket": DATA, "VersioningConfiguration": {"Status": "Suspended"}},
    ),
    "let objects expire": (
        "s3",
        "put_bucket_lifecycle_configuration",
        {"Bucket": DATA, "LifecycleConfiguration": RULE},
    ),
    "make an object public": ("s3", "put_object_acl", {**OBJECT, "ACL": "public-read"}),
    "read a secret": ("secretsmanager", "get_secret_value", {"SecretId": f"{NAME}/server_token"}),
    "list secrets": ("secretsmanager", "list_secrets", {}),
    "end the key": ("kms", "schedule_key_deletion", {"KeyId": f"alias/{NAME}"}),
    "turn the key off": ("kms", "disable_key", {"KeyId": f"alias/{NAME}"}),
    "make a user": ("iam", "create_user", {"UserName": "intruder"}),
    "widen its role": (
        "iam",
        "attach_role_policy",
        {
            "RoleName": f"{NAME}-stage",
            "PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess",
        },
    ),
    "take another role": (
        "sts",
        "assume_role",
        {"RoleArn": f"arn:aws:iam::{NUMBER}:role/{NAME}-server", "RoleSessionName": "tests"},
    ),
    "remove the database": (
        "rds",
        "delete_db_instance",
        {"DBInstanceIdentifier": NAME, "SkipFinalSnapshot": True},
    ),
    "copy the database": (
        "rds",
        "create_db_snapshot",
        {"DBInstanceIdentifier": NAME, "DBSnapshotIdentifier": "x"},
    ),
    "remove images": ("ecr", "delete_repository", {"repositoryName": f"{NAME}/airworthy-stage"}),
    "remove an endpoint": ("ec2", "delete_vpc_endpoints", {"VpcEndpointIds": ["vpce-1"]}),
    "remove the stack": ("cloudformation", "delete_stack", {"StackName": NAME}),
}


_STAGE = {"write rows", "write a report of a server", "add a head", "read the buckets of others"}
_AIRFLOW = {*_STAGE, "change the flags", "read task logs", "write task logs"}
# Workload -> what of it is its work. Nobody else may.
ALLOWED: dict[str, set[str]] = {
    "stage": _STAGE,
    "worker": _AIRFLOW,
    "airflow": _AIRFLOW,
    "server": {"write a report of a server", "add a head", "change the flags"},
    "mlflow": {"read MLflow's artifacts", "write MLflow's artifacts"},
    "secrets": set(),
}
