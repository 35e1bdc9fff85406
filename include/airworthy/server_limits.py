"""Limits of the model servers: what one client, and all of them together, may take of a server.

Each process of a server has these limits for itself. An address is a client's IP address. Behind a
proxy all clients have the proxy's address: raise the limits per address there.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from airworthy.spec.fields import Duration, Violation, format_duration, raise_violations

_MIB = 1024 * 1024

Count = Annotated[int, Field(ge=1)]


class ServerLimits(BaseModel):
    """The limits. Sizes are in bytes.

    Attributes:
        rows: The rows of one scoring request.
        body_bytes: The body of one scoring request.
        label_bytes: The body of one request with labels.
        header_bytes: A request's line and headers.
        headers: The number of a request's headers.
        header_time: The time from a request's first byte, or its connection, to its last header.
        gap_time: The time between two pieces of a body.
        body_time: The time from the headers to the body's end.
        read_time: The time in which a client takes a piece of its answer.
        requests_per_second_per_client: The requests of one client below ``/models``: of its token's
            name, else of its address. None: any number. Each process counts for itself.
        connections: Open connections in all.
        connections_per_address: Open connections of one address.
        held_bytes: Bodies that are being received, in all. Small bodies do not count.
        held_bytes_per_address: The same, of one address.
        large_requests: Large requests that wait or are scored, in all.
        large_requests_per_address: The same, of one address.
        spool_bytes: The files of the prediction log on this machine that were not collected yet.
            Beyond it, answers are given and not logged.
        spool_bytes_per_address: The bodies of large requests of one address that are logged within
            `spool_time`. Beyond it, its large requests are refused.
        spool_time: See above.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: Count = 20_000
    body_bytes: Count = 16 * _MIB
    label_bytes: Count = 2 * _MIB
    header_bytes: Annotated[int, Field(ge=1024)] = 16 * 1024
    headers: Annotated[int, Field(ge=16)] = 100
    header_time: Duration = timedelta(seconds=10)
    gap_time: Duration = timedelta(seconds=10)
    body_time: Duration = timedelta(minutes=1)
    read_time: Duration = timedelta(seconds=30)
    requests_per_second_per_client: Count | None = None
    connections: Annotated[int, Field(ge=8)] = 1024
    connections_per_address: Annotated[int, Field(ge=4)] = 256
    held_bytes: Count = 256 * _MIB
    held_bytes_per_address: Count = 128 * _MIB
    large_requests: Count = 128
    large_requests_per_address: Count = 64
    spool_bytes: Annotated[int, Field(ge=64 * _MIB)] = 4096 * _MIB
    spool_bytes_per_address: Count = 256 * _MIB
    spool_time: Duration = timedelta(minutes=10)

    @model_validator(mode="after")
    def _one_address_leaves_room(self) -> ServerLimits:
        pairs = {
            "connections_per_address": "connections",
            "held_bytes_per_address": "held_bytes",
            "large_requests_per_address": "large_requests",
            "spool_bytes_per_address": "spool_bytes",
        }
        too_many = [
            Violation(
                (one,),
                f"this is more than {of_all}",
                str(getattr(self, one)),
                f"{getattr(self, of_all)} or less",
            )
            for one, of_all in pairs.items()
            if getattr(self, one) > getattr(self, of_all)
        ]
        raise_violations([*too_many, *self._too_short()])
        return self

    def _too_short(self) -> list[Violation]:
        least = timedelta(seconds=1)
        names = ("header_time", "gap_time", "body_time", "read_time", "spool_time")
        return [
            Violation(
                (name,),
                "this is too short",
                format_duration(getattr(self, name)),
                f"{format_duration(least)} or more",
            )
            for name in names
            if getattr(self, name) < least
        ]
