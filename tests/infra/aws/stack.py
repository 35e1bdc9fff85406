"""The stack of infra/cloudformation in an account, with the network and cluster that it needs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .account import NUMBER, Account, Keys

TEMPLATE = Path(__file__).resolve().parents[3] / "infra/cloudformation/airworthy.yaml"
NAME = "airworthy-test"
ISSUER = "oidc.eks.eu-central-1.amazonaws.com/id/X"
SOURCES = ("arn:aws:s3:::rows-of-others", "arn:aws:s3:::more-rows")
ADMINISTRATOR = f"arn:aws:iam::{NUMBER}:role/administrator"
ADMIN_SECRET = f"arn:aws:secretsmanager:eu-central-1:{NUMBER}:secret:rds!db-1"
# What moto's CloudFormation does not know, and what it gets instead. cfn-lint checks these lines.
UNKNOWN_TO_MOTO = {
    "!GetAtt Database.MasterUserSecret.SecretArn": ADMIN_SECRET,
    "!Ref DatabaseParameters": "default.postgres17",
}


@dataclass(frozen=True)
class Stack:
    """A created stack: its parameters, its outputs and the type of each resource by name."""

    parameters: dict[str, str]
    outputs: dict[str, str]
    resources: dict[str, str]


def create_stack(account: Account, administrator: Keys) -> Stack:
    """Create the stack; fail when it is not whole."""
    cloudformation = account.client("cloudformation", administrator)
    parameters = {
        "Name": NAME,
        **_network(account, administrator),
        "OidcProviderArn": _oidc_provider(account, administrator),
        "AdministratorArns": ADMINISTRATOR,
        "SourceBucketArns": ",".join(SOURCES),
    }
    cloudformation.create_stack(
        StackName=NAME,
        TemplateBody=template_for_moto(),
        Parameters=[
            {"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()
        ],
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    stack = cloudformation.describe_stacks(StackName=NAME)["Stacks"][0]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}
    found = cloudformation.list_stack_resources(StackName=NAME)["StackResourceSummaries"]
    resources = {each["LogicalResourceId"]: each.get("ResourceType", "") for each in found}
    return Stack(parameters, outputs, resources)


def template_for_moto() -> str:
    """Return the template with the lines replaced that moto does not know."""
    text = TEMPLATE.read_text(encoding="utf-8")
    for line, other in UNKNOWN_TO_MOTO.items():
        assert line in text
        text = text.replace(line, other)
    return text


def _network(account: Account, administrator: Keys) -> dict[str, str]:
    ec2 = account.client("ec2", administrator)
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=zone)
        for number, zone in enumerate(("eu-central-1a", "eu-central-1b"))
    ]
    routes = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    nodes = ec2.create_security_group(GroupName="nodes", Description="nodes", VpcId=vpc)
    return {
        "VpcId": vpc,
        "PrivateSubnetIds": ",".join(each["Subnet"]["SubnetId"] for each in subnets),
        "PrivateRouteTableIds": routes,
        "ClientSecurityGroupId": nodes["GroupId"],
    }


def _oidc_provider(account: Account, administrator: Keys) -> str:
    iam = account.client("iam", administrator)
    made = iam.create_open_id_connect_provider(
        Url=f"https://{ISSUER}", ClientIDList=["sts.amazonaws.com"], ThumbprintList=["a" * 40]
    )
    return str(made["OpenIDConnectProviderArn"])
