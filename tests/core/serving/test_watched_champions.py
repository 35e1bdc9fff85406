"""A watched champion in the server: bad from the 5th minute trips within two looks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from airworthy.release.watch_record import Watch
from airworthy.release.watch_reports import WatchReports
from airworthy.release.watch_rule import Reference, WatchResult, evaluate_watch
from airworthy.serving.loaded_model import LoadedModel
from airworthy.serving.watched_champions import WINDOW_SECONDS, WatchedChampion, WatchedChampions
from airworthy.spec.release_part import Guard
from airworthy.traffic import ServedVersion, Traffic
from airworthy.traffic.replica_report import ModelReport, ReplicaReport
from airworthy.traffic.replica_reports import Replica

from .conftest import FolderRegistry

START = datetime(2026, 3, 1, 8, tzinfo=UTC)
LOOK = timedelta(seconds=15)
GUARD = Guard(p99_ms=50.0)
REFERENCE = Reference(error_rate=0.001, p99_ms=8.0, mean_loss=1.0, loss_error=0.05)


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        """Return the seconds since 1970."""
        return self.now.timestamp()


class Served:
    """A watched champion with requests, ten each second, until a time.

    Args:
        loaded: The version.
    """

    def __init__(self, loaded: LoadedModel) -> None:
        self.clock = Clock()
        self.loaded = loaded
        self.arm = WatchedChampion("2", 7, START, START + timedelta(days=1), self.clock)
        self._random = np.random.default_rng(5)
        self._number = 0

    def serve(self, seconds: float, bad: str = "") -> None:
        """Answer requests and join their labels; `bad` names the trouble."""
        for _ in range(int(seconds * 10)):
            self.clock.now += timedelta(seconds=0.1)
            self._number += 1
            if bad == "errors" and self._number % 4 == 0:
                self.arm.record_failure()
                continue
            slow = 0.2 if bad == "slow" else 0.0
            error = self._random.normal(4.0 if bad == "wrong" else 0.0, 1.0)
            request_id = f"id-{self._number}"
            self.arm.record_answer(
                request_id, self.loaded, [10.0], self._random.gamma(2, 0.002) + slow
            )
            self.arm.join_label(request_id, 0, 10.0 + error)

    def look(self) -> WatchResult:
        """Evaluate the guard on the report."""
        return evaluate_watch(GUARD, reports(self.arm).spans, REFERENCE)


def reports(*arms: WatchedChampion) -> WatchReports:
    """Return the reports of one server for each arm."""
    replicas = [
        Replica(
            ReplicaReport(
                replica=f"server-{number}",
                server="production",
                host="here",
                ready=True,
                lease_seconds=10.0,
                models={"eta": ModelReport(seen=7, watch=arm.report())},
            ),
            START,
        )
        for number, arm in enumerate(arms)
    ]
    watch = Watch("2", "1", 7, START, START + timedelta(days=1), "run")
    return WatchReports(replicas, "eta", watch, START)


@pytest.fixture
def loaded(registry: FolderRegistry) -> LoadedModel:
    """A regression."""
    return LoadedModel.load("eta", "1", *registry.bundle("eta", "1"))


@pytest.mark.parametrize(
    ("bad", "words"), [("errors", "error rate"), ("slow", "latency"), ("wrong", "quality")]
)
@pytest.mark.parametrize("minutes", [5, 60], ids="from minute {}".format)
def test_trouble_after_full_trips_within_two_looks(
    loaded: LoadedModel, bad: str, words: str, minutes: int
) -> None:
    """Errors, slow answers, wrong answers with labels: two looks after they begin the guard trips.

    An hour of good answers before does not hide them, and good answers trip nothing.
    """
    served = Served(loaded)
    for _ in range(minutes):
        served.serve(60)
        assert served.look().trips == []
    for _ in range(2):
        served.serve(LOOK.total_seconds(), bad)
    (trip,) = served.look().trips
    assert trip.startswith(words)


def test_a_report_stays_small_and_counts_every_request(loaded: LoadedModel) -> None:
    """A day of requests takes less than 20 kB; windows of all servers are merged by number."""
    first, second = Served(loaded), Served(loaded)
    for served in (first, second):
        served.serve(3 * WINDOW_SECONDS)
    assert len(first.arm.report().model_dump_json()) < 20_000
    whole, both, last = (span.arm.figures for span in reports(first.arm, second.arm).spans)
    assert whole.requests == whole.labels == 2 * 3 * WINDOW_SECONDS * 10
    assert last.requests <= both.requests <= 2 * 2 * WINDOW_SECONDS * 10
    assert whole.p99_ms is not None


def test_a_server_watches_what_the_ledger_says() -> None:
    """A move with a watch begins one; the next move, and its end, end it."""
    champions, now = WatchedChampions(), datetime.now(UTC)

    def traffic(entry: int, until: datetime | None) -> Traffic:
        return Traffic(
            champion=ServedVersion(str(entry), None),
            since=now.isoformat(),
            champion_entry=entry,
            watched_until=until,
        )

    champions.follow("eta", traffic(1, now + timedelta(hours=1)))
    first = champions.of("eta")
    champions.follow("eta", traffic(1, now + timedelta(hours=1)))
    assert champions.of("eta") is first is not None
    champions.follow("eta", traffic(2, None))
    assert champions.models == []
    champions.follow("eta", traffic(3, now - timedelta(days=1)))
    assert champions.models == []
