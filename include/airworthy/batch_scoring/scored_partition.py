"""The record of a scored partition, stored in its commit."""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import AwareDatetime

from airworthy.handover import StageOutput

KIND = "scored"
Cause = Literal["new", "champion", "restated"]


class ScoredPartition(StageOutput):
    """One partition of predictions, as written.

    Attributes:
        partition: The UTC day of the rows' event times, ``2026-01-31``.
        model_version: The scoring version.
        bundle_digest: The digest of its files, verified before loading.
        input_table: The lake's table with the rows.
        input_version: Its Delta version.
        input_digest: The content digest of the rows.
        rows: The number of rows with a prediction.
        quarantined: The number of unscorable rows.
        request_id: The id of the whole batch. Row 3 has the prediction id ``<request_id>:3``.
        scored_at: The time of the predictions, UTC.
        resolved_at: The time when the run resolved its version and rows, UTC.
        run_id: The scoring run.
        dag_id: Its DAG. None without Airflow.
        requested_by: The person or schedule behind the run.
        git_commit: The project's commit.
        cause: The reason for the write: ``new``, another ``champion``, or ``restated`` rows.
        previous_version: The version of the replaced predictions. Empty for a new partition.
        previous_digest: The content digest of the rows scored before. Empty for a new partition.
        version: The Delta version of the commit.
    """

    partition: str
    model_version: str
    bundle_digest: str
    input_table: str
    input_version: int
    input_digest: str
    rows: int
    quarantined: int
    request_id: str
    scored_at: AwareDatetime
    resolved_at: AwareDatetime
    run_id: str
    dag_id: str | None
    requested_by: str
    git_commit: str
    cause: Cause = "new"
    previous_version: str = ""
    previous_digest: str = ""
    version: int = -1

    def metadata(self) -> dict[str, str]:
        """Return the record as commit metadata."""
        values = self.model_dump(mode="json", exclude={"version"}) | {"at_version": self.version}
        texts = {
            name: value if isinstance(value, str) else json.dumps(value)
            for name, value in values.items()
        }
        return {"kind": KIND, **texts}

    @classmethod
    def from_metadata(cls, commit: dict[str, Any]) -> ScoredPartition:
        """Read the record from commit metadata."""
        values = {name: commit[name] for name in cls.model_fields if name != "version"}
        dag_id = None if values["dag_id"] == "null" else values["dag_id"]
        return cls.model_validate(values | {"dag_id": dag_id, "version": commit["at_version"]})

    def is_same_scoring(self, other: ScoredPartition) -> bool:
        """Tell whether both are the same version's predictions of the same rows."""
        return (self.input_digest, self.bundle_digest, self.model_version) == (
            other.input_digest,
            other.bundle_digest,
            other.model_version,
        )

    def replacing(self, current: ScoredPartition | None, version: int) -> ScoredPartition:
        """Return this record with the values of its commit. It replaces `current`."""
        if current is None:
            return self.model_copy(update={"version": version})
        same_version = (current.model_version, current.bundle_digest) == (
            self.model_version,
            self.bundle_digest,
        )
        cause: Cause = "restated" if same_version else "champion"
        previous = {
            "previous_version": current.model_version,
            "previous_digest": current.input_digest,
        }
        return self.model_copy(update={"version": version, "cause": cause, **previous})
