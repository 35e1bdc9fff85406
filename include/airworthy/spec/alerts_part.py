"""The ``alerts`` part of a spec, and the alert channels of an environment file.

A spec lists the kinds of alerts of a model. An environment lists the channels: people differ
between environments.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal, get_args

from pydantic import Field

from airworthy.spec.fields import Duration, ModelName, Part, Share

AlertKind = Literal[
    "drift",
    "performance",
    "circuit_breaker",
    "champion_fails",
    "approval_waiting",
    "approval_reminder",
    "approval_expired",
    "promoted",
    "rejected",
    "held",
    "guard_trip",
    "rolled_back",
    "rollback_drill",
    "alias_moved",
    "failed_validation",
    "live_expectation",
    "restated_partition",
    "schema_change",
    "source_changed",
    "invalid_requests",
    "blind_monitor",
    "champion_age",
    "data_delay",
    "late_run",
]
ALERT_KINDS: tuple[AlertKind, ...] = get_args(AlertKind)
Connection = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9_.-]{1,250}$",
        description="the id of an Airflow connection, which has the secrets",
    ),
]


class Alerts(Part):
    """The alerts about a model. The environment names the channels."""

    kinds: list[AlertKind] = Field(
        default_factory=lambda: list(ALERT_KINDS),
        description="Kinds of alerts to send.",
        examples=[["drift", "guard_trip", "late_run"]],
    )
    champion_max_age: Annotated[
        Duration | None,
        Field(
            description="Maximum age of the champion: from the end of its training data to the "
            "run's `as_of`; "
            "null: any.",
            json_schema_extra={"default": "30d", "examples": ["30d", "12w"]},
        ),
    ] = timedelta(days=30)
    data_max_delay: Annotated[
        Duration | None,
        Field(
            description="Maximum delay of the data: from the end of the newest day with rows to "
            "the run's `as_of`; "
            "null: any.",
            json_schema_extra={"default": "2d", "examples": ["2d", "36h"]},
        ),
    ] = timedelta(days=2)
    invalid_requests_max_share: Annotated[
        Share | None,
        Field(
            description="Maximum share of rows of requests outside the contract, between two looks "
            "of the monitor; null: any.",
            json_schema_extra={"default": 0.01, "examples": [0.01, 0.2]},
        ),
    ] = 0.01
    late_after: Annotated[
        Duration | None,
        Field(
            description="Maximum time from the queuing of a run to its success, without the time "
            "allowed for an "
            "approval and for the steps of a rollout; null: any.",
            json_schema_extra={"default": "6h", "examples": ["6h", "90m"]},
        ),
    ] = timedelta(hours=6)


class _Channel(Part):
    """Base of the channels: the alerts to send to it."""

    kinds: list[AlertKind] = Field(
        default_factory=lambda: list(ALERT_KINDS),
        description="Kinds of alerts to send to it.",
        examples=[["guard_trip"]],
    )
    models: list[ModelName] = Field(
        default_factory=list, description="Models with alerts to this channel; empty: all."
    )


class SlackChannel(_Channel):
    """A Slack channel.

    With `channel`, the connection is of type `slack`. Without it, the connection is of type
    `slackwebhook`, and its own channel is used.
    """

    type: Literal["slack"]
    connection: Connection = "slack_default"
    channel: Annotated[str, Field(min_length=1, examples=["#ml"])] | None = None

    @property
    def name(self) -> str:
        """The name in logs and in the ledger."""
        return " ".join(part for part in (self.type, self.connection, self.channel) if part)


class EmailChannel(_Channel):
    """E-mail through an `smtp` connection. Its extra has the sender (``from_email``)."""

    type: Literal["email"]
    connection: Connection = "smtp_default"
    to: Annotated[
        list[
            Annotated[
                str,
                Field(pattern=r"^[^@\s,;<>]+@[^@\s,;<>]+$", description="of the form name@host"),
            ]
        ],
        Field(min_length=1, examples=[["ml-team@example.org"]]),
    ]

    @property
    def name(self) -> str:
        """The name in logs and in the ledger."""
        return f"{self.type} {self.connection} {', '.join(self.to)}"


class WebhookChannel(_Channel):
    """A webhook: POST of the alert as JSON to an endpoint below an `http` connection's address.

    With a key, requests are signed by the convention Standard Webhooks. The key is the field
    ``secret`` of the connection's extra, or its password when it has no login.
    """

    type: Literal["webhook"]
    connection: Connection = "http_default"
    endpoint: Annotated[
        str, Field(pattern=r"^[^\s:]*$", description="a path below the connection's address")
    ] = ""

    @property
    def name(self) -> str:
        """The name in logs and in the ledger."""
        return " ".join(part for part in (self.type, self.connection, self.endpoint) if part)


Channel = Annotated[SlackChannel | EmailChannel | WebhookChannel, Field(discriminator="type")]
