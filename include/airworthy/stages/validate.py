"""Validate: is the data fit to learn from? Expectations on every partition, and the champion's data as a measure."""

from __future__ import annotations

import json
import logging
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from airworthy.errors import TerminalError
from airworthy.handover import CheckResult, DatasetRef, ValidationResult
from airworthy.job import Job
from airworthy.lake.datasets import ValidationRecord, open_datasets
from airworthy.lake.lake import open_lake
from airworthy.monitoring.column_profile import Profile, comparable, sample_rows, stability_indices
from airworthy.registry.registry import Registry, open_registry
from airworthy.validation.suite import Suite, data_docs
from airworthy.validation.validation_results import Remembered, suite_digest, summarise

if TYPE_CHECKING:
    import polars as pl

log = logging.getLogger("airworthy.validate")


def validate(job: Job, dataset: DatasetRef) -> ValidationResult:
    """Validate a dataset version.

    Returns:
        Every check's result; warnings that failed are among them.

    Raises:
        TerminalError: when a critical check failed. The result is kept as evidence before.
        TransientError: when the lake or MLflow cannot be reached.
    """
    checks = [*_expectations(job, dataset), *_distribution(job, dataset)]
    broken = [check for check in checks if not check.success and check.severity == "critical"]
    folder = job.evidence
    folder.mkdir(parents=True, exist_ok=True)
    result = ValidationResult(
        success=not broken,
        dataset_digest=dataset.digest,
        checks=checks,
        evidence=str(folder / "validation.json"),
    )
    (folder / "validation.json").write_text(
        json.dumps(result.model_dump(mode="json"), indent=1), encoding="utf-8"
    )
    _record(job, dataset, result)
    for check in checks:
        if not check.success:
            log.warning("%s: %s", check.severity, _describe(check))
    log.info(
        "%d checks, %d of them failed", len(checks), sum(not check.success for check in checks)
    )
    if broken:
        raise TerminalError(
            f"{len(broken)} critical check(s) of the data failed",
            model=job.spec.model,
            stage="validate",
            received="; ".join(_describe(check) for check in broken),
            allowed="every critical check holds on every partition",
            next_step=f"look at {result.evidence}, correct the source or the expectation, then run again",
        )
    return result


def _record(job: Job, dataset: DatasetRef, result: ValidationResult) -> None:
    """Leave the outcome with the dataset version's record."""
    failed = [check for check in result.checks if not check.success]
    event = ValidationRecord(
        run_id=job.run.run_id,
        dag_id=job.run.dag_id,
        requested_by=job.run.requested_by,
        time=datetime.now(UTC),
        success=result.success,
        checks=len(result.checks),
        warnings=sum(check.severity == "warning" for check in failed),
        failed=[_describe(check) for check in failed],
        evidence=result.evidence,
    )
    open_datasets(job.environment, job.spec.model).add(dataset, event)


def _expectations(job: Job, dataset: DatasetRef) -> list[CheckResult]:
    """Run the suite on the partitions that have no remembered result; one partition is in memory at a time."""
    expectations = job.spec.validate_.expectations
    if not expectations:
        return []
    remembered = Remembered(
        job.environment.evidence / job.spec.model / "partitions", suite_digest(expectations)
    )
    results: list[tuple[str, dict[str, Any]]] = []
    suite: Suite | None = None
    lake = open_lake(job.environment, job.spec.model)
    for day, digest in sorted(dataset.partitions.items()):
        known = remembered.get(day, digest)
        if known is None:
            suite = suite or Suite(job.spec.model, expectations)
            found = suite.run(lake.read_partition(dataset, date.fromisoformat(day)))
            known = dict(found.to_json_dict())
            if not known["success"] or day == max(dataset.partitions):
                remembered.path(day, digest, "html").write_text(data_docs(found), encoding="utf-8")
            # Last: what is remembered is never looked at again, so its page must be there.
            remembered.put(day, digest, known)
            log.info(
                "validated partition %s: %s",
                day,
                "pass" if known["success"] else "some checks failed",
            )
        results.append((day, known))
    return summarise(expectations, results)


def _distribution(job: Job, dataset: DatasetRef) -> list[CheckResult]:
    """Compare the newest part of the data, as long as a holdout, with what the champion was trained on."""
    registry = open_registry(job.environment)
    profile = _champion_profile(registry, job.spec.model)
    if profile is None:
        return []
    rule, name = job.spec.validate_.distribution, "population_stability_index"
    newest = _newest_rows(job, dataset)
    if newest is None:
        since = dataset.window.end - job.spec.train.holdout
        seen = f"no rows from {since:%Y-%m-%d} on"
        return [
            CheckResult(
                check=name, column=None, severity=rule.severity, success=False, observed=seen
            )
        ]
    return [
        CheckResult(
            check=name,
            column=column,
            severity=rule.severity,
            success=index <= rule.max_psi,
            observed=f"{index:.3f}, at most {rule.max_psi:g} allowed",
        )
        for column, index in stability_indices(comparable(profile, job.spec.inputs), newest).items()
    ]


def _newest_rows(job: Job, dataset: DatasetRef) -> pl.LazyFrame | None:
    lake, since = (
        open_lake(job.environment, job.spec.model),
        dataset.window.end - job.spec.train.holdout,
    )
    days = [
        day for day in map(date.fromisoformat, sorted(dataset.partitions)) if day >= since.date()
    ]
    frames = (lake.read_partition(dataset, day) for day in days)
    return (
        sample_rows(frames, job.spec.inputs, dataset.rows * len(days) // len(dataset.partitions))
        if days
        else None
    )


def _champion_profile(registry: Registry, model: str) -> Profile | None:
    champion = registry.champion(model)
    if champion is None:
        return None
    run_id = registry.version(model, champion).run_id
    return Profile.model_validate_json(registry.run_text(run_id, "profile.json"))


def _describe(check: CheckResult) -> str:
    where = f" on {', '.join(check.failed_partitions[:5])}" if check.failed_partitions else ""
    more = (
        f" and {len(check.failed_partitions) - 5} more" if len(check.failed_partitions) > 5 else ""
    )
    column = f"({check.column})" if check.column else ""
    return f"{check.check}{column}{where}{more}: {check.observed}"
