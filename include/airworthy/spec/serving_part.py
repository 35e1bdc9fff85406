"""The ``serving`` part of a spec: the model server's treatment of unusual requests."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from airworthy.spec.fields import Part

OutOfContract = Literal["refuse", "answer"]


class Serving(Part):
    """The treatment of requests by the model server. Batch scoring has its own validation."""

    out_of_contract: OutOfContract = Field(
        default="refuse",
        description="Rows with values outside what critical expectations say of an input, or with "
        "numbers beyond float32. `refuse`: the server refuses the request. `answer`: it answers, "
        "and counts the rows.",
    )
