"""The metrics of several worker processes are one scrape, whatever happens to a worker."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from airworthy.serving.loaded_model import LoadedModel
from airworthy.serving.metrics_folder import metrics_folder
from airworthy.serving.server_metrics import ServerMetrics
from airworthy.serving.shared_metrics import SharedMetrics, forget_gauges

from .conftest import FolderRegistry

PROGRAM = Path(__file__).with_name("counting_process.py")
Samples = dict[tuple[Any, ...], float]


class Counting:
    """One worker's metrics, in a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def do(self, name: str, *arguments: Any) -> None:
        """Have it count, and wait until it has."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(json.dumps([name, *arguments]), file=self.process.stdin, flush=True)
        assert self.process.stdout.readline() == "done\n"

    def kill(self) -> None:
        """Kill it as the kernel does."""
        self.process.kill()
        self.process.wait()


@contextmanager
def worker(folder: Path, number: int, bundle: Path) -> Iterator[Counting]:
    """Run a worker's metrics until the block ends."""
    command = [sys.executable, str(PROGRAM), str(folder), str(number), str(bundle)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Counting(process)
        process.kill()


def samples(text: bytes) -> Samples:
    """Return all samples that a worker counts: name and labels -> value."""
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
        if not sample.name.endswith("_created") and not sample.name.startswith("process_")
    }


def without_times(counted: Samples) -> Samples:
    """Return the samples that do not depend on the speed of the machine."""
    timed = ("airworthy_request_seconds_bucket", "airworthy_request_seconds_sum")
    return {key: value for key, value in counted.items() if key[0] not in timed}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder of workers' metrics."""
    with metrics_folder(tmp_path / "metrics") as opened:
        yield opened


def merged(folder: Path) -> Samples:
    """Return what a scrape shows, whichever worker answers it."""
    return samples(SharedMetrics(folder, 99, os.getpid()).text())


PARTS = [
    np.random.default_rng(3).normal(20.0, 6.0, 500).tolist(),
    [5.0, -3.0, 0.0, 2.5e6, 1e12, -1e12, float("nan"), 8_000_000.0],
    [25.0],
]


@pytest.mark.parametrize("model", ["eta", "late", "status"])
def test_workers_show_together_what_one_process_would(
    folder: Path, registry: FolderRegistry, model: str
) -> None:
    """Requests, rows, times and distributions add up, name by name and bound by bound."""
    bundle, digest = registry.bundle(model, "1")
    one = ServerMetrics()
    loaded = LoadedModel.load(model, "1", bundle, digest)
    parts: list[Any] = PARTS
    if model == "late":
        parts = [[0.1, 0.2, 0.955], [0.5] * 30]
    if model == "status":
        parts = [[[0.1, 0.2, 0.7]] * 3, [[0.9, 0.1, 0.0], [0.0, 1.0, 0.0]]]
    with ExitStack() as stack:
        workers = [stack.enter_context(worker(folder, number, bundle)) for number in range(3)]
        for number, part in enumerate(parts):
            one.record_request(loaded, "champion", 200, part, perf_counter())
            workers[number % 3].do("answer", "champion", 200, part)
        one.record_request(loaded, "challenger", 400, (), perf_counter())
        workers[1].do("answer", "challenger", 400, [])
        expected = samples(generate_latest(one.registry))
        shown = merged(folder)
    for counted in (expected, shown):
        counted.pop(("airworthy_flag_problems",), None)
        counted.pop(("airworthy_predictions_lost_total",), None)
    assert without_times(shown) == pytest.approx(without_times(expected))
    assert shown.keys() == expected.keys()


def test_a_killed_worker_takes_no_count_along(folder: Path, registry: FolderRegistry) -> None:
    """Its last answer is counted, and the worker in its place goes on from there, in the same
    files.
    """
    bundle, _ = registry.bundle("eta", "1")
    with worker(folder, 0, bundle) as first, worker(folder, 1, bundle) as second:
        first.do("answer", "champion", 200, [5.0, 7e6])
        first.do("lose")
        second.do("answer", "champion", 200, [5.0])
        before = merged(folder)
        first.kill()
        forget_gauges(folder, 0)
        assert merged(folder) == before
        files = set(folder.iterdir())
        with worker(folder, 0, bundle) as third:
            third.do("answer", "champion", 200, [5.0])
            after = merged(folder)
        assert {each for each in folder.iterdir() if "gauge" not in each.name} <= files
    counter = ("airworthy_rows_total", ("model", "eta"), ("version", "1"))
    assert (before[counter], after[counter]) == (3, 4)
    assert after[("airworthy_predictions_lost_total",)] == 1
    assert all(after[key] >= value for key, value in before.items())


def test_facts_are_those_of_running_workers(folder: Path, registry: FolderRegistry) -> None:
    """A version is shown while some running worker has it loaded; a kill switch while one is on."""
    bundle, digest = registry.bundle("eta", "1")
    info = (
        "airworthy_version_info",
        ("digest", digest),
        ("model", "eta"),
        ("role", "candidate"),
        ("version", "1"),
    )
    switch = ("airworthy_kill_switch", ("model", "eta"))
    with worker(folder, 0, bundle) as first, worker(folder, 1, bundle) as second:
        for each in (first, second):
            each.do("add_version", "loaded", "candidate")
            each.do("set_flags", {"eta": each is first}, 0)
        assert (merged(folder)[info], merged(folder)[switch]) == (1, 1)
        second.do("remove_version", "loaded", "candidate")
        assert merged(folder)[info] == 1
        first.kill()
        forget_gauges(folder, 0)
        assert info not in merged(folder)
        assert merged(folder)[switch] == 0


def test_process_metrics_are_those_of_all_processes(folder: Path, registry: FolderRegistry) -> None:
    """Memory and descriptors add up; the CPU time of a worker that has ended stays."""
    bundle, _ = registry.bundle("eta", "1")

    def values(name: str) -> float:
        text = SharedMetrics(folder, 0, os.getpid()).text().decode()
        return next(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name
        )

    alone = values("process_resident_memory_bytes")
    with worker(folder, 0, bundle) as first:
        first.do("answer", "champion", 200, [5.0])
        assert values("process_resident_memory_bytes") > alone
        cpu = values("process_cpu_seconds_total")
        first.kill()
    assert values("process_cpu_seconds_total") >= cpu


def test_folders_of_killed_servers_are_removed_and_others_are_not(tmp_path: Path) -> None:
    """A start removes what a killed server left; a running server keeps its folder."""
    (tmp_path / "left").mkdir()
    (tmp_path / "left" / "counter_0.db").write_bytes(b"x")
    with metrics_folder(tmp_path) as first, metrics_folder(tmp_path) as second:
        assert {each.name for each in tmp_path.iterdir()} == {first.name, second.name}
    assert list(tmp_path.iterdir()) == []
