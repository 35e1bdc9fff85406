"""The rights of the stack's roles: role, buckets and endpoint together, with their conditions."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from typing import Any

from .account import NUMBER, REGION, Account, Keys, policy_document
from .both import bucket_policies
from .evaluation import is_allowed
from .requests_of import Request
from .stack import NAME, Stack


class Rights:
    """Answers what a role may do from inside the network."""

    def __init__(self, account: Account, administrator: Keys, stack: Stack) -> None:
        """Read the policies of the stack."""
        self._account = account
        self._administrator = administrator
        found = account.client("ec2", administrator).describe_vpc_endpoints()["VpcEndpoints"]
        self.endpoints: dict[str, Mapping[str, Any]] = {
            # moto answers with Python's text of a policy.
            each["ServiceName"].partition(f".{REGION}.")[2]: ast.literal_eval(
                each["PolicyDocument"]
            )
            for each in found
        }
        self.s3_endpoint = next(
            str(each["VpcEndpointId"]) for each in found if each["ServiceName"].endswith(".s3")
        )
        self.buckets: dict[str, Any] = bucket_policies(stack, self.s3_endpoint)

    def of_role(self, workload: str) -> dict[str, Any]:
        """Return what the role of a workload allows."""
        return policy_document(self._account, self._administrator, f"{NAME}-{workload}")

    def may(
        self, role: Mapping[str, Any], action: str, resource: str, values: Mapping[str, str | None]
    ) -> bool:
        """Return whether a role may do something on an object or a bucket.

        Args:
            role: From `of_role`.
            action: Such as ``s3:GetObject``.
            resource: Its ARN.
            values: Values of condition keys. None: the request has no such value.
        """
        inside = {
            "aws:SecureTransport": "true",
            "aws:PrincipalAccount": NUMBER,
            "aws:PrincipalArn": f"arn:aws:iam::{NUMBER}:role/{NAME}-workload",
            "aws:SourceVpce": self.s3_endpoint,
        }
        given = {**inside, **values}
        return is_allowed(
            role,
            action,
            resource,
            {key: value for key, value in given.items() if value is not None},
            bounds=[self.endpoints["s3"]],
            refusals=[self.buckets["data"], self.buckets["anchors"]],
        )

    def refused(self, workload: str, calls: Iterable[Request]) -> list[Request]:
        """Return those of some calls that the conditions refuse."""
        role = self.of_role(workload)
        return [
            each for each in calls if not self.may(role, each.action, each.resource, each.context)
        ]
