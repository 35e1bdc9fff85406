"""What is known of each scored partition, kept in the commit that wrote it."""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import AwareDatetime

from airworthy.handover import Ref

KIND = "scored"
Cause = Literal["new", "champion", "restated"]


class ScoredPartition(Ref):
    """One partition of predictions as it was written.

    Attributes:
        partition: The UTC day of the rows' event times, ``2026-01-31``.
        model_version: The registered version that predicted.
        bundle_digest: Of its files, verified before they were loaded.
        input_table: The lake's table that the rows came from.
        input_version: Its Delta version.
        input_digest: The content digest of the rows.
        rows: Rows that have a prediction.
        quarantined: Rows that could not be scored.
        request_id: Of the whole batch: the prediction of row 3 has the id ``<request_id>:3``.
        scored_at: When it was predicted, UTC.
        resolved_at: When the run settled which version scores which rows, UTC.
        run_id: The run that scored.
        dag_id: Its DAG; None without Airflow.
        requested_by: Who asked for it.
        git_commit: The project's commit.
        cause: Why it was written: ``new``, another ``champion``, or ``restated`` rows.
        previous_version: The version that had predicted what was replaced; empty for a new partition.
        previous_digest: The content digest of the rows that had been scored; empty for a new partition.
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
        """Return the commit metadata that says all this."""
        values = self.model_dump(mode="json", exclude={"version"}) | {"at_version": self.version}
        texts = {
            name: value if isinstance(value, str) else json.dumps(value)
            for name, value in values.items()
        }
        return {"kind": KIND, **texts}

    @classmethod
    def from_metadata(cls, commit: dict[str, Any]) -> ScoredPartition:
        """Read what `metadata` wrote."""
        values = {name: commit[name] for name in cls.model_fields if name != "version"}
        dag_id = None if values["dag_id"] == "null" else values["dag_id"]
        return cls.model_validate(values | {"dag_id": dag_id, "version": commit["at_version"]})

    def scores_the_same(self, other: ScoredPartition) -> bool:
        """Tell whether both are the same version's predictions of the same rows."""
        return (self.input_digest, self.bundle_digest, self.model_version) == (
            other.input_digest,
            other.bundle_digest,
            other.model_version,
        )

    def follows(self, current: ScoredPartition | None, version: int) -> ScoredPartition:
        """Return this record as the one that replaces `current` at a Delta version."""
        if current is None:
            return self.model_copy(update={"version": version})
        same = (current.model_version, current.bundle_digest) == (
            self.model_version,
            self.bundle_digest,
        )
        cause: Cause = "restated" if same else "champion"
        previous = {
            "previous_version": current.model_version,
            "previous_digest": current.input_digest,
        }
        return self.model_copy(update={"version": version, "cause": cause, **previous})
