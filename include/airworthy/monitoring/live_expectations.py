"""The validate suite on live inputs: the expectations that speak of columns which production has."""

from __future__ import annotations

from typing import Any

from airworthy.handover import CheckResult, LiveWindow
from airworthy.job import Job
from airworthy.monitoring.live_rows import Production, frames
from airworthy.monitoring.spans import Span
from airworthy.spec import ModelSpec
from airworthy.spec.model_spec import Expectation
from airworthy.validation.validation_results import summarise

_ONE_COLUMN = ("column", "column_A", "column_B")
_COLUMNS = ("column_list", "column_set")


def live_expectations(spec: ModelSpec) -> list[Expectation]:
    """Return the expectations on inputs; those on keys, on labels and on whole partitions say nothing of live rows."""
    named = ((expectation, _columns_of(expectation)) for expectation in spec.validate_.expectations)
    return [
        expectation for expectation, columns in named if columns and columns <= set(spec.inputs)
    ]


def _columns_of(expectation: Expectation) -> set[str]:
    arguments = expectation.arguments
    found = {str(arguments[name]) for name in _ONE_COLUMN if name in arguments}
    return found.union(
        *(map(str, arguments[name]) for name in _COLUMNS if isinstance(arguments.get(name), list))
    )


def check_expectations(job: Job, live: LiveWindow, rows: Production) -> list[CheckResult]:
    """Run the expectations on a live window, a piece at a time.

    Raises:
        TerminalError: when Great Expectations cannot build one.
    """
    expectations = live_expectations(job.spec)
    if not expectations or not live.rows:
        return []
    from airworthy.validation.suite import Suite

    suite, span = Suite(job.spec.model, expectations), Span(live.start, live.end)
    results: list[tuple[str, dict[str, Any]]] = [
        (span.name, dict(suite.run(frame).to_json_dict()))
        for frame in frames(rows.scan(span), list(job.spec.inputs))
        if frame.height
    ]
    return summarise(expectations, results)
