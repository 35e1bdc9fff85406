"""Outputs of batch scoring, from the rows to the table of predictions."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, Field

from airworthy.handover.stage_output import StageOutput
from airworthy.handover.train_outputs import DatasetRef, Window

Outcome = Literal["new", "champion", "restated", "unchanged", "superseded"]


class ScoringInputs(StageOutput):
    """The rows of a scoring run, and the version that scores all of them.

    Attributes:
        model: The model.
        version: The champion by the ledger at the start of the run.
        bundle_digest: Digest of its files, as released.
        resolved_at: Time of resolving the version, UTC. The predictions of the later of two runs
            are kept.
        dataset: The pinned rows.
    """

    model: str
    version: str
    bundle_digest: str
    resolved_at: AwareDatetime
    dataset: DatasetRef


class BatchScore(StageOutput):
    """The result of a scoring run: the outcome of each partition.

    ``new``         scored for the first time
    ``champion``    scored again, by another version
    ``restated``    scored again, because its rows had changed
    ``unchanged``   not written: this version had scored these rows
    ``superseded``  not written: a run with a later start had scored it

    `rows` and `quarantined` count the table's rows in the whole window, `rows_written` those of
    this run. `days_written` are the partitions that this run wrote, in all of its tries.
    """

    model: str
    version: str
    bundle_digest: str
    table: str
    table_version: int
    window: Window
    partitions: dict[str, Outcome]
    rows: int
    rows_written: int
    quarantined: int
    days_written: list[str] = Field(default_factory=list)
