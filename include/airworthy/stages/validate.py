"""Validate: expectations on every partition, and a comparison with the champion's data."""

from __future__ import annotations

import json
import logging
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from airworthy.errors import TerminalError
from airworthy.handover import CheckResult, DatasetRef, ValidationResult
from airworthy.job import Job
from airworthy.lake.dataset_records import ValidationRecord
from airworthy.lake.datasets import open_datasets
from airworthy.lake.lake import open_lake
from airworthy.monitoring.column_profile import (
    Profile,
    comparable_columns,
    sample_rows,
    stability_indices,
)
from airworthy.registry.registry import open_registry
from airworthy.traffic.current_traffic import current_champion
from airworthy.validation.suite import Suite, data_docs
from airworthy.validation.validation_results import PartitionResults, suite_digest, summarise

if TYPE_CHECKING:
    import polars as pl

log = logging.getLogger("airworthy.validate")

_SHOWN_PARTITIONS = 5


def validate(job: Job, dataset: DatasetRef) -> ValidationResult:
    """Validate a dataset version.

    Returns:
        The result of every check, failed warnings included.

    Raises:
        TerminalError: when a critical check failed. The evidence of the result is written before.
        TransientError: when the lake or MLflow cannot be reached.
    """
    checks = [*_expectations(job, dataset), *_distribution(job, dataset)]
    critical = [check for check in checks if not check.success and check.severity == "critical"]
    folder = job.evidence
    folder.mkdir(parents=True, exist_ok=True)
    result = ValidationResult(
        success=not critical,
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
    if critical:
        raise TerminalError(
            f"{len(critical)} critical check(s) of the data failed",
            model=job.spec.model,
            stage="validate",
            received="; ".join(_describe(check) for check in critical),
            allowed="every critical check holds on every partition",
            next_step=f"look at {result.evidence}, correct the source or the expectation, "
            "then run again",
        )
    return result


def _record(job: Job, dataset: DatasetRef, result: ValidationResult) -> None:
    """Record the outcome with the dataset version."""
    failed = [check for check in result.checks if not check.success]
    record = ValidationRecord(
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
    open_datasets(job.environment, job.spec.model).add(dataset, record)


def _expectations(job: Job, dataset: DatasetRef) -> list[CheckResult]:
    """Run the suite on the partitions without a cached result, one partition at a time."""
    expectations = job.spec.validate_.expectations
    if not expectations:
        return []
    cache = PartitionResults(
        job.environment.evidence / job.spec.model / "partitions", suite_digest(expectations)
    )
    results: list[tuple[str, dict[str, Any]]] = []
    suite: Suite | None = None
    lake = open_lake(job.environment, job.spec.model)
    for day, digest in sorted(dataset.partitions.items()):
        result = cache.get(day, digest)
        if result is None:
            suite = suite or Suite(job.spec.model, expectations)
            validation = suite.run(lake.read_partition(dataset, date.fromisoformat(day)))
            result = dict(validation.to_json_dict())
            if not result["success"] or day == max(dataset.partitions):
                cache.path(day, digest, "html").write_text(data_docs(validation), encoding="utf-8")
            # Last: a cached partition is not validated again, so its page must exist.
            cache.put(day, digest, result)
            outcome = "pass" if result["success"] else "some checks failed"
            log.info("validated partition %s: %s", day, outcome)
        results.append((day, result))
    return summarise(expectations, results)


def _distribution(job: Job, dataset: DatasetRef) -> list[CheckResult]:
    """Compare the newest rows, for as long as a holdout, with the champion's training data."""
    profile = _champion_profile(job)
    if profile is None:
        return []
    rule, name = job.spec.validate_.distribution, "population_stability_index"
    newest = _newest_rows(job, dataset)
    if newest is None:
        since = dataset.window.end - job.spec.train.holdout
        observed = f"no rows from {since:%Y-%m-%d} on"
        return [
            CheckResult(
                check=name, column=None, severity=rule.severity, success=False, observed=observed
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
        for column, index in stability_indices(
            comparable_columns(profile, job.spec.inputs), newest
        ).items()
    ]


def _newest_rows(job: Job, dataset: DatasetRef) -> pl.LazyFrame | None:
    end = dataset.window.end
    days = dataset.partition_days(end - job.spec.train.holdout, end)
    if not days:
        return None
    lake = open_lake(job.environment, job.spec.model)
    frames = (lake.read_partition(dataset, day) for day in days)
    expected_rows = dataset.rows * len(days) // len(dataset.partitions)
    return sample_rows(frames, job.spec.inputs, expected_rows)


def _champion_profile(job: Job) -> Profile | None:
    champion = current_champion(job.environment, job.spec.model)
    if champion is None:
        return None
    registry = open_registry(job.environment)
    run_id = registry.version(job.spec.model, champion).run_id
    return Profile.model_validate_json(registry.run_artifact_text(run_id, "profile.json"))


def _describe(check: CheckResult) -> str:
    partitions = check.failed_partitions
    shown = f" on {', '.join(partitions[:_SHOWN_PARTITIONS])}" if partitions else ""
    hidden = len(partitions) - _SHOWN_PARTITIONS
    more = f" and {hidden} more" if hidden > 0 else ""
    column = f"({check.column})" if check.column else ""
    return f"{check.check}{column}{shown}{more}: {check.observed}"
