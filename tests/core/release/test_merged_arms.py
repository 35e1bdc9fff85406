"""The arms of several servers, merged, say what one server would have counted."""

from __future__ import annotations

import random
import statistics
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.handover import ArmFigures
from airworthy.release.merged_arms import merge_arms
from airworthy.traffic.replica_report import ArmReport

_SECONDS = st.floats(0.001, 10.0)
_LOSSES = st.floats(0.0, 1e3)
_REQUESTS = st.lists(st.tuples(_SECONDS, _LOSSES, st.booleans()), max_size=60)


def report_of(requests: list[tuple[float, float, bool]]) -> ArmReport:
    """Return a server's report of requests: seconds, loss, and whether it failed."""
    answered = [(seconds, loss) for seconds, loss, failed in requests if not failed]
    losses = [loss for _, loss in answered]
    figures = ArmFigures(
        version="2",
        requests=len(requests),
        errors=len(requests) - len(answered),
        rows=len(answered),
        labels=len(losses),
        mean_loss=statistics.fmean(losses) if losses else None,
        loss_sd=statistics.stdev(losses) if len(losses) > 1 else None,
    )
    return ArmReport(
        figures=figures, predictions=losses, seconds=[seconds for seconds, _ in answered]
    )


@given(_REQUESTS, st.lists(st.integers(0, 60), max_size=4))
def test_parts_of_one_sample_merged_are_the_whole(
    requests: list[tuple[float, float, bool]], cuts: list[int]
) -> None:
    """However the requests were spread over servers, counts, latencies and loss are the same."""
    limits = [0, *sorted(min(cut, len(requests)) for cut in cuts), len(requests)]
    parts = [requests[start:end] for start, end in pairwise(limits)]
    merged = merge_arms("2", [report_of(part) for part in parts])
    whole = merge_arms("2", [report_of(requests)])
    assert sorted(map(str, merged.predictions)) == sorted(map(str, whole.predictions))
    for name, value in whole.figures.model_dump(exclude={"version"}).items():
        expected = None if value is None else pytest.approx(value, rel=1e-6, abs=1e-6)
        assert getattr(merged.figures, name) == expected, name


@given(_REQUESTS.filter(bool))
def test_percentiles_are_those_of_one_server(requests: list[tuple[float, float, bool]]) -> None:
    """Of a whole sample, a percentile is the value that a server reports."""
    answered = sorted(seconds for seconds, _, failed in requests if not failed)
    figures = merge_arms("2", [report_of(requests)]).figures
    for value, share in ((figures.p50_ms, 0.50), (figures.p99_ms, 0.99)):
        index = min(len(answered) - 1, int(share * len(answered)))
        assert value == (answered[index] * 1e3 if answered else None)


def arm(requests: int, value: float, sample: int) -> ArmReport:
    """Return a server's report of requests that all took `value` seconds, and said `value`."""
    figures = ArmFigures(version="2", requests=requests, errors=0, rows=requests)
    return ArmReport(figures=figures, predictions=[value] * sample, seconds=[value] * sample)


def test_a_busy_server_weighs_more_than_its_sample() -> None:
    """Of 100,000 requests in one server and 2,000 in another, samples of one size are kept."""
    merged = merge_arms("2", [arm(100_000, 0.001, 2000), arm(2000, 1.0, 2000)])
    assert (merged.figures.p50_ms, merged.figures.p99_ms) == (1.0, 1000.0)
    share = merged.predictions.count(1.0) / len(merged.predictions)
    assert share == pytest.approx(2000 / 102_000, abs=0.001)
    rare = merge_arms("2", [arm(100_000, 0.001, 2000), arm(500, 1.0, 500)])
    assert rare.figures.p99_ms == 1.0


def test_the_same_reports_give_the_same_sample() -> None:
    """A poll that is repeated does not come to another result by chance."""
    values = [random.Random(1).random() for _ in range(2000)]
    report = arm(50_000, 0.0, 2000).model_copy(update={"predictions": values})
    reports = [report, arm(20_000, 0.5, 2000)]
    assert merge_arms("2", reports).predictions == merge_arms("2", reports).predictions


def test_no_report_is_an_arm_without_requests() -> None:
    """Before the first report there is nothing to judge."""
    merged = merge_arms("2", [])
    assert merged.figures == ArmFigures(version="2", requests=0, errors=0, rows=0)
    assert merged.predictions == []
