"""Nothing is lost and nothing is there twice, whenever a collector or the model server is killed."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

from tests.core.predictions.conftest import Record, in_lake

from airworthy.environment import Environment
from airworthy.predictions.collect import collect
from airworthy.predictions.segments import segments_in
from airworthy.predictions.spool import PredictionLog, spool_folder

COLLECTOR = Path(__file__).with_name("killed_collector.py")


def test_a_collector_killed_at_any_step_loses_and_doubles_nothing(
    environment: Environment, log: PredictionLog, record: Record
) -> None:
    """Over a closed and an open segment and labels, each collector gets a few steps further.

    The next one takes up the rest. In the end every prediction and every label is in the lake once.
    """
    ids: list[str] = []
    ends: list[str] = []
    with subprocess.Popen(
        [sys.executable, str(COLLECTOR)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as collector:
        assert collector.stdin is not None
        assert collector.stdout is not None
        while "done" not in ends:
            ids += record(rows=2)
            log.close()
            ids += record(rows=2)
            assert log.record_labels("eta", [(ids[-1], 1.0)])
            print(4 * len(ends), file=collector.stdin, flush=True)
            ends.append(collector.stdout.readline().strip())
            collect(environment, "eta")
        collector.stdin.close()
    assert set(ends) == {"killed", "done"}
    assert len(ends) > 50
    assert sorted(in_lake(environment)["id"]) == sorted(ids)
    assert sorted(in_lake(environment, "labels")["id"]) == sorted(ids[3::4])
    assert len(segments_in(spool_folder(environment) / "eta" / "predictions")) == 1


def test_a_collector_killed_at_any_moment_loses_and_doubles_nothing(
    environment: Environment, log: PredictionLog, record: Record
) -> None:
    """The command is killed again and again while it commits predictions logged all the time."""
    ids: list[str] = []
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            ids.extend(record(rows=3))
            if len(ids) % 100 == 0:
                log.close()
            stop.wait(0.001)

    writing = threading.Thread(target=write)
    writing.start()
    try:
        for lines in (1, 2, 1, 3, 1):
            _collect_and_kill(lines)
    finally:
        stop.set()
        writing.join()
    log.close()
    collect(environment, "eta")
    assert sorted(in_lake(environment)["id"]) == sorted(ids)


def _collect_and_kill(lines: int) -> None:
    """Run the command until it has reported this many collections, and kill it in its next round."""
    command = [sys.executable, "-m", "airworthy", "collect", "--all", "--every", "0.1"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as collector:
        assert collector.stdout is not None
        for _ in range(lines):
            assert "predictions" in collector.stdout.readline()
        collector.kill()
