"""The time and the number of versions for which an environment keeps files; see ``airworthy gc``."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from airworthy.spec.fields import Duration


class RetentionSettings(BaseModel):
    """The old files that `airworthy gc` may remove. Nothing is removed without `artifacts`.

    Attributes:
        artifacts: The least age of a model's files; None: they stay.
        versions: The number of a model's newest versions whose files stay, whatever their age.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    artifacts: Duration | None = None
    versions: Annotated[int, Field(ge=1)] = 5
