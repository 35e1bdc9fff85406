"""The times for which an environment keeps files and records; see ``airworthy gc``."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from airworthy.spec.fields import Duration


class RetentionSettings(BaseModel):
    """What `airworthy gc` may remove, by its age. Without an age, all of its kind stays.

    Attributes:
        artifacts: The least age of a model's files; None: they stay.
        versions: The number of a model's newest versions whose files stay, whatever their age.
        champions: The number of former champions whose files stay, whatever their age: rollbacks go
            to these. None: those of all former champions stay. Rolled-back versions do not count,
            and a server keeps three on its own disk.
        evidence: The least age of a run's evidence: reports, verdicts and results of checks, beside
            the lake and on MLflow's runs, and of remembered results. None: it stays.
        predictions: The least age of logged predictions and labels, by their UTC day, and of
            damaged files of the spool; None: they stay.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    artifacts: Duration | None = None
    versions: Annotated[int, Field(ge=1)] = 5
    champions: Annotated[int, Field(ge=3)] | None = None
    evidence: Duration | None = None
    predictions: Duration | None = None
