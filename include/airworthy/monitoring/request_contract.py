"""The rows of requests outside the contract, between two looks at the model servers' counts.

A server counts since its start. So a look remembers every server's counts, beside the lake, and the
next look of another run subtracts them. A retry of a run compares with the same look again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from airworthy.environment import Environment
from airworthy.handover import RequestCheck
from airworthy.job import Job
from airworthy.object_store import ObjectStore, open_store
from airworthy.traffic.replica_report import ContractReport
from airworthy.traffic.replica_reports import open_replica_reports

_FOLDER, _LOOKS = "requests", "looks.json"


class Look(BaseModel):
    """A look at the servers: the counts since each server's start, by the server's name."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    run_id: str
    at: AwareDatetime
    counts: dict[str, ContractReport]


class Looks(BaseModel):
    """The last looks of different runs, oldest first."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    looks: list[Look] = []

    def before(self, run_id: str) -> Look | None:
        """Return the last look of another run."""
        return next((look for look in reversed(self.looks) if look.run_id != run_id), None)

    def with_look(self, look: Look) -> Looks:
        """Return the look of the run before and this one."""
        before = self.before(look.run_id)
        return Looks(looks=[*([before] if before is not None else []), look])


def check_request_contract(job: Job) -> RequestCheck:
    """Count the rows of requests, and those outside the contract, since the look of the run before.

    Raises:
        TransientError: when the object store cannot be reached.
    """
    model, run_id = job.spec.model, job.run.run_id
    store = open_store(job.environment.beside_lake(model, _FOLDER))
    looks = _read(store)
    look = Look(run_id=run_id, at=datetime.now(UTC), counts=_counts(job.environment, model))
    before = looks.before(run_id)
    store.write(_LOOKS, looks.with_look(look).model_dump_json().encode())
    since = counts_since(before.counts if before is not None else {}, look.counts)
    return RequestCheck(
        model=model,
        since=before.at if before is not None else None,
        until=look.at,
        servers=len(look.counts),
        rows=since.rows,
        outside=since.outside,
        columns=since.columns,
        max_share=job.spec.alerts.invalid_requests_max_share,
    )


def counts_since(
    before: Mapping[str, ContractReport], now: Mapping[str, ContractReport]
) -> ContractReport:
    """Return the sum of the servers' counts since a look. A server without an earlier count began since.

    >>> counts_since({"a": ContractReport(rows=5)}, {"a": ContractReport(rows=7, outside=1)}).rows
    2
    """
    total: Counter[str] = Counter()
    columns: Counter[str] = Counter()
    for name, counts in now.items():
        old = before.get(name, ContractReport())
        # A name is of one process. Smaller counts than before would be of another one.
        old = old if old.rows <= counts.rows else ContractReport()
        total.update(rows=counts.rows - old.rows, outside=max(counts.outside - old.outside, 0))
        columns.update(
            {each: count - old.columns.get(each, 0) for each, count in counts.columns.items()}
        )
    return ContractReport(
        rows=total["rows"],
        outside=total["outside"],
        columns={name: count for name, count in columns.most_common() if count > 0},
    )


def _counts(environment: Environment, model: str) -> dict[str, ContractReport]:
    """Return each server's counts of a model. A server that does not count has none."""
    replicas = open_replica_reports(environment).read()
    reports = [(each.name, each.report.models.get(model)) for each in replicas]
    return {
        name: report.contract
        for name, report in reports
        if report is not None and report.contract is not None
    }


def _read(store: ObjectStore) -> Looks:
    stored = store.read(_LOOKS)
    if stored is None:
        return Looks()
    try:
        return Looks.model_validate_json(stored.content)
    except ValidationError:
        return Looks()
