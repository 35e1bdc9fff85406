"""Who is told what: the ``alerts`` part of a spec, and the channels in an environment's file.

A spec says what is worth telling about a model, an environment whom to tell: people differ from place to place.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal, get_args

from pydantic import Field

from airworthy.spec.fields import Duration, ModelName, Part

AlertKind = Literal[
    "drift",
    "performance",
    "circuit_breaker",
    "guard_trip",
    "failed_validation",
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
    """What is worth telling about a model, to whom the environment says."""

    kinds: list[AlertKind] = Field(
        default_factory=lambda: list(ALERT_KINDS),
        description="What is told.",
        examples=[["drift", "guard_trip", "late_run"]],
    )
    champion_max_age: Annotated[
        Duration | None,
        Field(
            description="From the end of the data that the champion was trained on, in the data's own time; null: any.",
            json_schema_extra={"default": "30d", "examples": ["30d", "12w"]},
        ),
    ] = timedelta(days=30)
    data_max_delay: Annotated[
        Duration | None,
        Field(
            description="From the end of the newest day with rows, in the data's own time; null: any.",
            json_schema_extra={"default": "2d", "examples": ["2d", "36h"]},
        ),
    ] = timedelta(days=2)
    late_after: Annotated[
        Duration | None,
        Field(
            description="How long after it was queued a run may still not have succeeded, beside the time that an "
            "approval and the steps of a rollout may take; null: any.",
            json_schema_extra={"default": "6h", "examples": ["6h", "90m"]},
        ),
    ] = timedelta(hours=6)


class _Channel(Part):
    """What every channel may say: which alerts it is for."""

    kinds: list[AlertKind] = Field(
        default_factory=lambda: list(ALERT_KINDS),
        description="What it is told.",
        examples=[["guard_trip"]],
    )
    models: list[ModelName] = Field(
        default_factory=list, description="Which models it is told about; empty: all."
    )


class SlackChannel(_Channel):
    """A Slack channel by name, with a `slack` connection; without one, the `slackwebhook` connection's own."""

    type: Literal["slack"]
    connection: Connection = "slack_default"
    channel: Annotated[str, Field(min_length=1, examples=["#ml"])] | None = None

    @property
    def name(self) -> str:
        """What logs and ledger call it."""
        return " ".join(part for part in (self.type, self.connection, self.channel) if part)


class EmailChannel(_Channel):
    """E-mail through an `smtp` connection, whose extra has the sender (``from_email``)."""

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
        """What logs and ledger call it."""
        return f"{self.type} {self.connection} {', '.join(self.to)}"


class WebhookChannel(_Channel):
    """The alert as JSON, sent with POST to an endpoint below an `http` connection's address."""

    type: Literal["webhook"]
    connection: Connection = "http_default"
    endpoint: Annotated[
        str, Field(pattern=r"^[^\s:]*$", description="a path below the connection's address")
    ] = ""

    @property
    def name(self) -> str:
        """What logs and ledger call it."""
        return " ".join(part for part in (self.type, self.connection, self.endpoint) if part)


Channel = Annotated[SlackChannel | EmailChannel | WebhookChannel, Field(discriminator="type")]
