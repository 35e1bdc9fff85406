"""Answers reach the lake by themselves, soon; a burnt machine takes only the last seconds along."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from deltalake import DeltaTable

from airworthy.environment import Environment
from airworthy.predictions.collect import Collector, collect
from airworthy.predictions.log_tables import table_uri
from airworthy.predictions.spool import PredictionLog

from ..eventually import eventually  # noqa: TID252 - tests are no installed package
from .conftest import Record, in_lake


def test_an_answered_prediction_is_in_the_lake_before_long(
    environment: Environment, record: Record
) -> None:
    """While the server goes on writing to its open file, the collector brings each answer over."""
    command = [sys.executable, "-m", "airworthy", "collect", "--all", "--every", "0.2"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as collector:
        try:
            for _ in range(3):
                ids = set(record(rows=2))
                eventually("the answer is in the lake", lambda: ids <= collected(environment))  # noqa: B023
        finally:
            collector.terminate()


def test_an_ended_collector_takes_the_last_answers_along(
    environment: Environment, record: Record
) -> None:
    """It looks once more after SIGTERM: a pod's server ends before its collector, and its disk after."""
    first = set(record(rows=1))
    command = [sys.executable, "-m", "airworthy", "collect", "--all", "--every", "3600"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as collector:
        try:
            eventually("the first answer is in the lake", lambda: first <= collected(environment))
            last = set(record(rows=2))
        finally:
            collector.terminate()
        assert collector.wait() == 0
    assert first | last <= collected(environment)


def collected(environment: Environment) -> set[str]:
    """Return the ids of the collected predictions."""
    if not DeltaTable.is_deltatable(table_uri(environment, "eta", "predictions")):
        return set()
    return set(in_lake(environment)["id"])


def test_without_news_the_lake_is_left_alone(
    environment: Environment, log: PredictionLog, record: Record, tmp_path: Path
) -> None:
    """A collector that knows the lake's positions opens it for new records only."""
    collector, lake, away = Collector(environment), Path(environment.lake), tmp_path / "away"
    first = record(rows=3)
    log.record_labels("eta", [(first[0], 1.0)])
    assert (collector.collect("eta").predictions, collector.collect("eta").labels) == (3, 0)
    lake.rename(away)
    assert collector.collect("eta").predictions == 0
    assert not lake.exists()
    away.rename(lake)
    second = record(rows=2)
    assert collector.collect("eta").predictions == 2
    assert set(in_lake(environment)["id"]) == {*first, *second}


def test_a_collector_that_was_overtaken_takes_nothing_twice(
    environment: Environment, record: Record
) -> None:
    """Another collector, such as the monitor's, may come first."""
    collector = Collector(environment)
    ids = record()
    assert collector.collect("eta").predictions == 1
    ids += record()
    assert collect(environment, "eta").predictions == 1
    assert collector.collect("eta").predictions == 0
    ids += record()
    assert collector.collect("eta").predictions == 1
    assert sorted(in_lake(environment)["id"]) == sorted(ids)


def test_a_closed_file_is_removed_when_the_lake_has_it(
    environment: Environment, log: PredictionLog, record: Record
) -> None:
    """A server that ended leaves no file behind, though nothing new was written."""
    collector = Collector(environment)
    record()
    assert collector.collect("eta").predictions == 1
    assert list((environment.state / "spool").rglob("*.seg"))
    log.close()
    assert collector.collect("eta").predictions == 0
    assert not list((environment.state / "spool").rglob("*.seg"))
