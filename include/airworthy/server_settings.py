"""Settings of the model servers of an environment, and their administration's token."""

from __future__ import annotations

import os
import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from airworthy.server_limits import ServerLimits
from airworthy.spec.fields import Duration, Violation, format_duration, raise_violations

_HOST = re.compile(r"\*|[A-Za-z0-9][A-Za-z0-9._-]*|\[?[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*\]?")
SERVER_TOKEN = "AIRWORTHY_SERVER_TOKEN"  # noqa: S105 - the name of a variable


class ClientSettings(BaseModel):
    """The clients of the model servers. Their tokens are no settings: see `client_tokens`.

    Attributes:
        required: The servers that ask for a client's token: those that listen beyond loopback,
            all, or none. With ``never`` whoever reaches a server may ask, and releases say so.
        label_all: Clients that may send labels for answers to others.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    required: Literal["beyond_loopback", "always", "never"] = "beyond_loopback"
    label_all: tuple[str, ...] = ()


class TlsSettings(BaseModel):
    """The PEM files of the model servers. They are read again when they change.

    Attributes:
        certificate: The certificate, and those that sign it. A path from the project's folder.
        key: Its key, without a password. A path from the project's folder.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    certificate: Annotated[str, Field(min_length=1)]
    key: Annotated[str, Field(min_length=1)]


class ServerSettings(BaseModel):
    """The model servers of an environment.

    Attributes:
        on_lost_record: A server that cannot see the record serves on, or refuses requests.
        lost_after: With ``refuse``, the time without a look at the record until it refuses.
        lease: A server without a new report for this time counts as silent.
        limits: What one client, and all of them, may take of a server.
        clients: Who may ask.
        tls: The certificate of the servers; None: they speak HTTP without TLS.
        hosts: Further names by which servers are asked (the header Host), without ports; ``*``:
            any. Loopback, the addresses of the environment and the host's own name are known.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    on_lost_record: Literal["serve", "refuse"] = "serve"
    lost_after: Duration = timedelta(seconds=30)
    lease: Duration = timedelta(seconds=10)
    limits: ServerLimits = ServerLimits()
    clients: ClientSettings = ClientSettings()
    tls: TlsSettings | None = None
    hosts: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _hosts_are_names(self) -> ServerSettings:
        raise_violations(
            [
                Violation(
                    ("hosts", index),
                    "this is no host",
                    host,
                    "a name or an address, without a port",
                )
                for index, host in enumerate(self.hosts)
                if _HOST.fullmatch(host) is None
            ]
        )
        return self

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
