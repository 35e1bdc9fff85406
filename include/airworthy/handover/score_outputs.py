"""From rows to a table of predictions, a partition at a time."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime

from airworthy.handover.train_outputs import DatasetRef, Ref, Window

Outcome = Literal["new", "champion", "restated", "unchanged", "superseded"]


class ScoringInputs(Ref):
    """What a run scores and by which version: settled before its first row, so that every partition has one version.

    Attributes:
        model: The model.
        version: The registry's champion when the run began.
        bundle_digest: Of its files, as recorded at its registration.
        resolved_at: When that was settled, UTC: of two runs, the later one's predictions stand.
        dataset: The rows, pinned.
    """

    model: str
    version: str
    bundle_digest: str
    resolved_at: AwareDatetime
    dataset: DatasetRef


class BatchScore(Ref):
    """What became of each partition.

    ``new``         scored for the first time
    ``champion``    scored again, by another version
    ``restated``    scored again, because its rows had changed
    ``unchanged``   left alone: this version had scored these rows
    ``superseded``  left alone: a run that began later had scored it

    `rows` and `quarantined` count what the table holds of the whole window, `rows_written` what this run wrote.
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
