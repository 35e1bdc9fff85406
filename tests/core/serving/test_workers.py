"""Several workers on one port are one server: its canary, its kill switch, its labels, its metrics.

Real processes: workers are killed as the kernel does it.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from airworthy.handover import ArmFigures
from airworthy.predictions.segments import segments_in
from airworthy.predictions.spool_batches import batches
from airworthy.release.rollout_flags import set_kill_switch
from airworthy.serving.in_process_server import RunningServer
from airworthy.traffic.replica_report import RolloutReport

from ..eventually import eventually  # noqa: TID252 - tests are no installed package
from .conftest import FolderRegistry
from .release_record import ReleaseRecord
from .rollout_client import EXAMPLE, JSON, RolloutClient, ask_all

PROJECT = Path(__file__).resolve().parents[3]
KEYS = [f"customer-{number}" for number in range(20_000)]
FEW = KEYS[:200]
WORKERS = 2
_START_SECONDS = 600.0


class Workers:
    """A server with workers, through its processes and over HTTP."""

    def __init__(self, process: subprocess.Popen[str], url: str, record: ReleaseRecord) -> None:
        self.process = process
        self.url = url
        self.record = record

    @property
    def pids(self) -> set[int]:
        """The process ids of the workers that have reported and are alive."""
        names = [each.report.replica for each in self.record.reports().read() if each.report.ready]
        reported = {int(name.split("-")[-2]) for name in names}
        alive = {child.pid for child in psutil.Process(self.process.pid).children()}
        return reported & alive

    def wait_for_all(self) -> set[int]:
        """Wait until all workers are ready; return their process ids."""

        def all_of_them() -> set[int] | None:
            pids = self.pids
            return pids if len(pids) == WORKERS and self._answers() else None

        return eventually("all workers are ready", all_of_them, _START_SECONDS)

    def _answers(self) -> bool:
        with suppress(httpx.HTTPError):
            return httpx.get(f"{self.url}/health/ready").status_code == httpx.codes.OK
        return False

    def client(self) -> RolloutClient:
        """Return a client. Its connection stays with one worker."""
        return RolloutClient(RunningServer(self.url, "token"))

    def rollouts(self) -> list[RolloutReport]:
        """Return the running workers' reports of the rollout."""
        pids = self.pids
        rollouts = [
            each.report.models["eta"].rollout
            for each in self.record.reports().read()
            if int(each.report.replica.split("-")[-2]) in pids and "eta" in each.report.models
        ]
        return [each for each in rollouts if each is not None]

    def arms(self) -> list[ArmFigures]:
        """Return the figures of all arms in all running workers."""
        return [arm.figures for each in self.rollouts() for arm in (each.champion, each.challenger)]

    def wait_for_step(self, entry: int) -> None:
        """Wait until all workers serve a step."""

        def there() -> bool:
            reports = self.rollouts()
            serving = [each for each in reports if each.entry == entry and each.serves]
            return len(serving) == WORKERS

        eventually(f"all workers serve the step of entry {entry}", there)

    def sample(self, name: str, **labels: str) -> float:
        """Return the sum of a metric's samples with some labels, of one scrape."""
        text = httpx.get(f"{self.url}/metrics").text
        return sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )


@contextmanager
def serving_workers(root: Path, record: ReleaseRecord, log: Path) -> Iterator[Workers]:
    """Run a server until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tests.core.serving.worker_server", str(root), str(port)]
    with (
        log.open("w") as output,
        subprocess.Popen(
            [*command, str(WORKERS)], cwd=PROJECT, stdout=output, stderr=output, text=True
        ) as process,
    ):
        try:
            yield Workers(process, f"http://127.0.0.1:{port}", record)
        finally:
            process.terminate()


@pytest.fixture
def workers(own_registry: FolderRegistry, tmp_path: Path) -> Iterator[Workers]:
    """A server with two workers: version 1 is champion, and there is version 2."""
    with serving_workers(tmp_path, own_registry.record, tmp_path / "server.log") as running:
        running.wait_for_all()
        yield running


def spooled(root: Path) -> Counter[str]:
    """Return the ids in the spool's predictions, with the number of their records."""
    folder = root / "spool" / "eta" / "predictions"
    payloads = [payload for batch in batches(folder, {}) for payload in batch.payloads]
    return Counter(re.findall(r'"id":"([^"]+)"', "\n".join(p.decode() for p in payloads)))


def test_the_canary_holds_over_all_workers(
    workers: Workers, record: ReleaseRecord, tmp_path: Path
) -> None:
    """Share, stable keys, kill switch and figures are those of one server, and all workers answer."""
    step = record.begin(10)
    workers.wait_for_step(step.entry)
    with workers.client() as client:
        first = client.ask_all(KEYS, connections=64)
        share = sum(version == "2" for version in first.values()) / len(first)
        assert abs(share - 0.10) < 0.01
        for _ in range(3):
            assert client.ask_all(FEW) == {key: first[key] for key in FEW}
        total = len(KEYS) + 3 * len(FEW)

        eventually(
            "the reports have all requests",
            lambda: sum(arm.requests for arm in workers.arms()) == total,
        )
        assert all(
            each.champion.figures.requests + each.challenger.figures.requests > 0.2 * total
            for each in workers.rollouts()
        )
        assert workers.sample("airworthy_requests_total", model="eta") == total
        assert workers.sample("airworthy_prediction_value_count", model="eta") == total
        assert workers.sample("airworthy_rollout_info", challenger="2") == 1
        set_kill_switch(tmp_path / "flags.json", "eta", True)
        eventually(
            "the kill switch is on in all workers",
            lambda: all(
                each.report.models["eta"].kill_switch
                for each in record.reports().read()
                if each.report.ready and not each.report.stopped
            ),
        )
        assert set(client.ask_all(KEYS[:2000], connections=64).values()) == {"1"}


def test_a_killed_worker_is_replaced_and_loses_nothing(
    workers: Workers, record: ReleaseRecord, tmp_path: Path
) -> None:
    """In mid-canary: requests fail only in the killed process, its answers are in the spool and in
    the metrics, and the new one joins the step before it listens.
    """
    step = record.begin(50)
    workers.wait_for_step(step.entry)
    before = workers.wait_for_all()
    expected = ask_all(workers.url, FEW, EXAMPLE)
    answered, failed = [], 0
    victim = min(before)
    no_keep_alive = httpx.Limits(max_keepalive_connections=0)
    with httpx.Client(base_url=workers.url, limits=no_keep_alive, timeout=60.0) as client:
        for number in range(600):
            if number == 300:
                os.kill(victim, signal.SIGKILL)
            key = FEW[number % len(FEW)]
            try:
                reply = client.post(
                    "/models/eta/invocations",
                    content=EXAMPLE,
                    headers=JSON | {"x-targeting-key": key},
                )
            except httpx.TransportError:
                failed += 1
                continue
            assert reply.status_code == httpx.codes.OK
            assert reply.json()["version"] == expected[key]
            answered.append(reply.json()["id"])
    assert failed <= 1
    after = workers.wait_for_all()
    assert victim not in after
    assert len(before & after) == WORKERS - 1
    workers.wait_for_step(step.entry)
    assert ask_all(workers.url, FEW, EXAMPLE) == expected
    logged = spooled(tmp_path)
    assert set(answered) <= logged.keys()
    assert set(logged.values()) == {1}
    total = workers.sample("airworthy_requests_total", model="eta")
    assert total >= len(answered) + 2 * len(FEW)
    assert "ended with exit code -9" in (tmp_path / "server.log").read_text()


def test_a_label_reaches_the_worker_that_predicted(workers: Workers, record: ReleaseRecord) -> None:
    """Answers and labels go to workers as the kernel likes: each label counts once."""
    step = record.begin(50)
    workers.wait_for_step(step.entry)
    ids = []
    for key in KEYS[:60]:
        with workers.client() as client:
            ids.append(client.ask(key)["id"])
    for request_id in ids:
        with workers.client() as client:
            labels = {"labels": [{"id": request_id, "label": 10}]}
            client.post("/models/eta/labels", json=labels).raise_for_status()

    eventually(
        "each label counts once", lambda: sum(arm.labels for arm in workers.arms()) == len(ids)
    )


def test_a_signal_ends_all_workers_after_their_answers(
    own_registry: FolderRegistry, tmp_path: Path
) -> None:
    """SIGTERM to the parent: no answer is broken off, no process and no metrics folder are left."""
    with serving_workers(tmp_path, own_registry.record, tmp_path / "server.log") as running:
        running.wait_for_all()
        family = psutil.Process(running.process.pid).children(recursive=True)
        with running.client() as client:
            assert client.ask("someone")["version"] == "1"
            running.process.send_signal(signal.SIGTERM)
            assert running.process.wait(60) == 0
    _, alive = psutil.wait_procs(family, 30)
    assert alive == []
    assert list((tmp_path / "metrics").iterdir()) == []
    assert all(each.report.stopped for each in own_registry.record.reports().read())
    assert all(each.closed() for each in segments_in(tmp_path / "spool" / "eta" / "predictions"))


def test_workers_end_with_a_killed_parent(own_registry: FolderRegistry, tmp_path: Path) -> None:
    """No worker goes on without a parent, and the port is free for the next start."""
    with serving_workers(tmp_path, own_registry.record, tmp_path / "server.log") as running:
        running.wait_for_all()
        family = psutil.Process(running.process.pid).children(recursive=True)
        running.process.kill()
        _, alive = psutil.wait_procs(family, 60)
        assert alive == []


def test_a_port_in_use_is_refused(workers: Workers, tmp_path: Path) -> None:
    """A second server on the port gets no share of the first one's requests; it says why."""
    port = workers.url.rpartition(":")[2]
    command = [sys.executable, "-m", "tests.core.serving.worker_server", str(tmp_path), port, "2"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert f"the server cannot listen at 127.0.0.1:{port}" in done.stderr
