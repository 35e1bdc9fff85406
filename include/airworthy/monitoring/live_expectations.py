"""The expectations of the validate suite on live inputs."""

from __future__ import annotations

from typing import Any

from airworthy.handover import CheckResult, LiveWindow
from airworthy.job import Job
from airworthy.monitoring.live_rows import LiveRows, read_batches
from airworthy.monitoring.spans import Span
from airworthy.spec import ModelSpec
from airworthy.spec.validate_part import Expectation
from airworthy.validation.validation_results import summarise

_COLUMN_ARGUMENTS = ("column", "column_A", "column_B")
_COLUMN_LIST_ARGUMENTS = ("column_list", "column_set")


def live_expectations(spec: ModelSpec) -> list[Expectation]:
    """Return the expectations on inputs.

    Expectations on keys, labels and whole partitions do not apply to live rows.
    """
    inputs = set(spec.inputs)
    with_columns = ((each, _columns_of(each)) for each in spec.validate_.expectations)
    return [expectation for expectation, columns in with_columns if columns and columns <= inputs]


def _columns_of(expectation: Expectation) -> set[str]:
    arguments = expectation.arguments
    columns = {str(arguments[name]) for name in _COLUMN_ARGUMENTS if name in arguments}
    lists = (arguments.get(name) for name in _COLUMN_LIST_ARGUMENTS)
    return columns.union(*(map(str, names) for names in lists if isinstance(names, list)))


def check_expectations(job: Job, live: LiveWindow, rows: LiveRows) -> list[CheckResult]:
    """Run the expectations on a live window, one batch at a time.

    Args:
        job: Gives the model's spec.
        live: The live window.
        rows: The source of its rows.

    Raises:
        TerminalError: when Great Expectations cannot build an expectation.
    """
    expectations = live_expectations(job.spec)
    if not expectations or not live.rows:
        return []
    from airworthy.validation.suite import Suite

    suite, span = Suite(job.spec.model, expectations), Span(live.start, live.end)
    results: list[tuple[str, dict[str, Any]]] = [
        (span.name, dict(suite.run(batch).to_json_dict()))
        for batch in read_batches(rows.scan(span), list(job.spec.inputs))
        if batch.height
    ]
    return summarise(expectations, results)
