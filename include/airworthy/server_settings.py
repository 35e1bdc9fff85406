"""Settings of the model servers of an environment, and their administration's token."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, model_validator

from airworthy.server_limits import ServerLimits
from airworthy.spec.fields import Duration, Violation, format_duration, raise_violations

SERVER_TOKEN = "AIRWORTHY_SERVER_TOKEN"  # noqa: S105 - the name of a variable


class ServerSettings(BaseModel):
    """The model servers of an environment.

    Attributes:
        on_lost_record: A server that cannot see the record serves on, or refuses requests.
        lost_after: With ``refuse``, the time without a look at the record until it refuses.
        lease: A server without a new report for this time counts as silent.
        limits: What one client, and all of them, may take of a server.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    on_lost_record: Literal["serve", "refuse"] = "serve"
    lost_after: Duration = timedelta(seconds=30)
    lease: Duration = timedelta(seconds=10)
    limits: ServerLimits = ServerLimits()

    @model_validator(mode="after")
    def _times_are_long_enough(self) -> ServerSettings:
        # A server looks and reports about once a second, and a store may need a moment.
        shortest = {"lost_after": timedelta(seconds=1), "lease": timedelta(seconds=5)}
        raise_violations(
            [
                Violation(
                    (key,),
                    "this is too short",
                    format_duration(getattr(self, key)),
                    f"{format_duration(least)} or more",
                )
                for key, least in shortest.items()
                if getattr(self, key) < least
            ]
        )
        return self


def server_token(file: Path) -> str | None:
    """Return the token for the model server's administration; None: there is none.

    It is the variable's value. Without the variable, which several machines need, it is the content
    of a file of this machine.

    Args:
        file: `Environment.server_token_file`.
    """
    token = os.environ.get(SERVER_TOKEN, "").strip()
    if token:
        return token
    try:
        return file.read_text(encoding="utf-8").strip() or None
    except OSError:
        return None
