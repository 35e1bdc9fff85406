"""Validate: expectations on every partition, and a comparison with the champion's data."""

from __future__ import annotations

import logging
from datetime import UTC, date, datetime
from typing import Any

from airworthy.errors import UnfitDataError
from airworthy.handover import CheckResult, DatasetRef, ValidationResult
from airworthy.job import Job
from airworthy.lake.dataset_records import ValidationRecord
from airworthy.lake.datasets import open_datasets
from airworthy.lake.lake import open_lake
from airworthy.monitoring.training_shift import check_training_shift
from airworthy.spec.waived import waived_expectations
from airworthy.traffic.current_traffic import current_traffic
from airworthy.validation.data_docs_pages import LIST, list_pages
from airworthy.validation.default_expectations import DefaultExpectations
from airworthy.validation.recent_days import DayExpectation, DayFigures
from airworthy.validation.suite import Suite, data_docs, result_values
from airworthy.validation.validation_results import PartitionResults, suite_digest, summarise

log = logging.getLogger("airworthy.validate")

_SHOWN_PARTITIONS = 5


def validate(job: Job, dataset: DatasetRef) -> ValidationResult:
    """Validate a dataset version.

    Returns:
        The result of every check, failed warnings included.

    Raises:
        UnfitDataError: when a critical check failed. The evidence of the result is written before.
        TransientError: when the lake or MLflow cannot be reached.
    """
    champion = current_traffic(job.environment, job.spec.model).champion
    shifts = [] if champion is None else check_training_shift(job, dataset, champion)
    checks = [*_expectations(job, dataset), *shifts]
    critical = [check for check in checks if check.stops]
    result = ValidationResult(
        success=not critical,
        dataset_digest=dataset.digest,
        checks=checks,
        evidence=job.evidence.address("validation.json"),
    )
    job.evidence.write_json("validation.json", result.model_dump(mode="json"))
    _record(job, dataset, result)
    for check in checks:
        if not check.success:
            outcome = check.severity if check.waived is None else "waived"
            log.warning("%s: %s", outcome, _describe(check))
    log.info(
        "%d checks, %d of them failed", len(checks), sum(not check.success for check in checks)
    )
    if critical:
        raise UnfitDataError(
            f"{len(critical)} critical check(s) of the data failed",
            model=job.spec.model,
            stage="validate",
            received="; ".join(_describe(check) for check in critical),
            allowed="every critical check holds on every partition",
            next_step=f"look at {result.evidence}, correct the source or the expectation, "
            f"then run again{_way_out(critical)}",
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
        waivers=waived_expectations(job.spec),
        evidence=result.evidence,
    )
    open_datasets(job.environment, job.spec.model).add(dataset, record)


def _expectations(job: Job, dataset: DatasetRef) -> list[CheckResult]:
    """Run the suite on the partitions without a remembered result, one at a time."""
    expectations = job.spec.validate_.expectations
    defaults = DefaultExpectations.of(job.spec)
    environment, model = job.environment, job.spec.model
    remembered = PartitionResults(
        environment.beside_lake(model, "validations"),
        suite_digest(expectations),
        environment.copies / model / "partitions",
    )
    results: list[tuple[str, dict[str, Any]]] = []
    suite: Suite | None = None
    of_days: dict[date, list[DayExpectation]] = {}
    lake = open_lake(environment, model)
    for day, digest in sorted(dataset.partitions.items()):
        result = remembered.get(day, digest)
        if result is None:
            if suite is None:
                suite = Suite(model, expectations)
                of_days = defaults.of_days(_day_figures(job, dataset))
            partition = lake.read_partition(dataset, date.fromisoformat(day))
            validation = suite.run(partition, of_days[date.fromisoformat(day)])
            result = result_values(validation)
            if not result["success"] or day == max(dataset.partitions):
                remembered.put_page(day, digest, data_docs(validation))
            # Last: a remembered partition is not validated again, so its page must exist.
            remembered.put(day, digest, result)
            outcome = "pass" if result["success"] else "some checks failed"
            log.info("validated partition %s: %s", day, outcome)
        results.append((day, result))
    pages = {day: remembered.page(day, digest) for day, digest in dataset.partitions.items()}
    # Written before a failure stops the run: its reader needs the pages most.
    job.evidence.write_json(LIST, list_pages(pages, results))
    own = summarise(expectations, results, job.spec.ingest.since)
    return [*own, *defaults.summarise(results)]


def _day_figures(job: Job, dataset: DatasetRef) -> dict[date, DayFigures]:
    """Return the figures of the dataset's days, from the statistics of its partitions."""
    lake = open_lake(job.environment, job.spec.model)
    daily = open_datasets(job.environment, job.spec.model).daily_statistics(dataset, lake)
    label = job.spec.ingest.label
    return {
        date.fromisoformat(day): DayFigures(
            rows=columns[label].count + columns[label].nulls,
            nulls={name: column.nulls for name, column in columns.items()},
        )
        for day, columns in daily.items()
    }


def _way_out(checks: list[CheckResult]) -> str:
    """Return the ways to let default expectations go; empty when none of the checks is one."""
    waivers = [
        f"{{expectation: {check.rule}, days: [{', '.join(check.failed_partitions)}], because: ...}}"
        for check in {check.rule: check for check in checks if check.rule}.values()
    ]
    if not waivers:
        return ""
    return (
        f"; if the data are right, add validate.waive: [{', '.join(waivers)}] (without days: every "
        "day), or an expectation of this type in validate.expectations, which replaces the default"
    )


def _describe(check: CheckResult) -> str:
    partitions = check.failed_partitions
    shown = f" on {', '.join(partitions[:_SHOWN_PARTITIONS])}" if partitions else ""
    hidden = len(partitions) - _SHOWN_PARTITIONS
    more = f" and {hidden} more" if hidden > 0 else ""
    column = f"({check.column})" if check.column else ""
    waived = f" (waived: {check.waived})" if check.waived else ""
    return f"{check.check}{column}{shown}{more}: {check.observed}{waived}"
