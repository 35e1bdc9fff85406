"""The base of everything that stages hand over."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class StageOutput(BaseModel):
    """Base of the inputs and outputs of stages."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())
