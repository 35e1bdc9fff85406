"""A server follows the ledgers of its models: what it does, what it reports, and with lost notices."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import httpx
import pytest

from airworthy.release.rollout_flags import set_kill_switch
from airworthy.serving.in_process_server import serving
from airworthy.serving.record_reader import LakeRecord, LookTimes
from airworthy.traffic.replica_report import ModelReport, RolloutReport

from ..eventually import eventually  # noqa: TID252 - tests are no installed package
from .conftest import FolderRegistry
from .release_record import ReleaseRecord
from .rollout_client import RolloutClient
from .test_rollouts import FEW, all_of_it, write_flags


def report_of(record: ReleaseRecord) -> ModelReport:
    """Return the server's last report about the model ``eta``."""
    return record.replica().report.models["eta"]


def full_step(record: ReleaseRecord, entry: int, requests: int) -> RolloutReport | None:
    """Return the reported step, once it has a number of requests.

    Args:
        record: The record.
        entry: The step's entry.
        requests: The number of requests, of both arms.
    """
    step = served_step(record, entry)
    if step is None:
        return None
    counted = step.champion.figures.requests + step.challenger.figures.requests
    return step if counted == requests else None


def overrides_of(record: ReleaseRecord, entry: int) -> dict[str, str]:
    """Return a person's flags in the reported step."""
    step = served_step(record, entry)
    return step.overrides if step else {}


def served_step(record: ReleaseRecord, entry: int) -> RolloutReport | None:
    """Return the reported step of an entry, once the server serves it."""
    rollout = report_of(record).rollout
    return rollout if rollout and rollout.entry == entry and rollout.serves else None


def serves(record: ReleaseRecord, version: str, entry: int) -> ModelReport | None:
    """Return the report, once a version is champion and the entry was seen."""
    report = report_of(record)
    is_champion = report.champion is not None and report.champion.version == version
    return report if is_champion and report.seen >= entry else None


def test_a_ready_server_has_reported_what_it_serves(
    own_registry: FolderRegistry, record: ReleaseRecord
) -> None:
    """The report has role, host, lease, champion with digest and cost, and the last entry."""
    before = datetime.now(UTC) - timedelta(seconds=1)
    with serving(lambda: own_registry, record.following(lease="7s")) as running:
        replica = record.replica()
        report = replica.report
        assert (report.server, report.ready, report.stopped) == ("production", True, False)
        assert report.lease_seconds == 7.0
        assert report.record_seen is not None
        assert report.record_seen >= before
        assert replica.is_live(datetime.now(UTC))
        health = httpx.get(f"{running.url}/health/ready").json()
        assert health["replica"] == report.replica
        assert report.replica.startswith(f"{report.host}-")
        model = report.models["eta"]
        assert model.seen == record.traffic().seen
        assert model.champion is not None
        assert model.champion.bundle_digest == own_registry.bundle("eta", "1")[1]
        assert (model.champion.cost.load_seconds or 0) > 0
        assert (model.loaded, model.failed, model.rollout) == ([], {}, None)


def test_a_server_that_ends_says_so(own_registry: FolderRegistry, record: ReleaseRecord) -> None:
    """Its last report is that of a stopped server, and another start is another replica."""
    for number in (1, 2):
        with serving(lambda: own_registry, record.following()):
            pass
        replicas = record.reports().read()
        assert len({each.name for each in replicas}) == number
        assert all(each.report.stopped for each in replicas)
        assert not any(
            each.is_live(datetime.now(UTC)) or each.is_silent(datetime.now(UTC))
            for each in replicas
        )


def test_a_release_is_followed_from_candidate_to_champion(
    own_registry: FolderRegistry, record: ReleaseRecord, rolling: RolloutClient
) -> None:
    """Each entry is followed and reported: loaded, under rollout with its figures, champion."""
    digest = own_registry.bundle("eta", "2")[1]
    named = record.name("2")
    eventually("loaded", lambda: report_of(record).has_loaded("2", digest))
    assert report_of(record).seen >= named.sequence
    assert rolling.ask("anybody")["version"] == "1"
    step = record.begin(50)
    eventually("the step is served", lambda: served_step(record, step.entry))
    versions = rolling.ask_all(FEW)
    figures = eventually(
        "all requests are in the report", lambda: full_step(record, step.entry, len(FEW))
    )
    challenger = figures.challenger
    assert challenger.figures.version == "2"
    assert challenger.figures.requests == sum(version == "2" for version in versions.values())
    assert len(challenger.seconds) == len(challenger.predictions) == challenger.figures.requests
    assert all(0 < seconds < 60 for seconds in challenger.seconds)
    moved = record.move("eta", "2")
    report = eventually("version 2 is champion", lambda: serves(record, "2", moved.sequence))
    assert (report.loaded, report.rollout) == ([], None)
    assert set(rolling.ask_all(FEW).values()) == {"2"}


def test_a_retired_model_is_unloaded_and_answers_gone(
    record: ReleaseRecord, rolling: RolloutClient
) -> None:
    """Every server follows: no version answers, until the champion comes back."""
    assert rolling.ask("anybody")["version"] == "1"
    record.retire("eta", "1")
    eventually("nothing is loaded", lambda: report_of(record).champion is None)
    answer = rolling.get("/models/eta/example")
    assert answer.status_code == 410
    assert "retired" in answer.json()["error"]
    record.move("eta", "1")
    eventually("it answers again", lambda: report_of(record).champion is not None)
    assert rolling.ask("anybody")["version"] == "1"


def test_a_persons_flags_are_reported(
    record: ReleaseRecord, rolling: RolloutClient, flags: Path
) -> None:
    """A share by hand and a kill switch are in the report of the server that follows them."""
    step = record.begin(10)
    write_flags(flags, step)
    rollout = eventually("the step is served", lambda: served_step(record, step.entry))
    assert rollout.overrides == {}
    write_flags(flags, step, all_of_it)
    overrides = eventually("the share by hand", lambda: overrides_of(record, step.entry))
    assert list(overrides) == ["eta.rollout"]
    assert '["challenger", 100]' in overrides["eta.rollout"]
    assert not report_of(record).kill_switch
    set_kill_switch(flags, "eta", True)
    eventually("the kill switch", lambda: report_of(record).kill_switch)
    write_flags(flags, step)
    eventually("nothing by hand", lambda: not overrides_of(record, step.entry))


def test_a_server_that_starts_in_a_canary_serves_it_before_it_is_ready(
    own_registry: FolderRegistry, record: ReleaseRecord
) -> None:
    """Its first report as a ready server has the step."""
    step = record.begin(50)
    record.name("1")
    with serving(lambda: own_registry, record.following()):
        assert served_step(record, step.entry) is not None


def test_a_lost_notice_costs_time_only(own_registry: FolderRegistry, record: ReleaseRecord) -> None:
    """Without any notice, all ledgers are looked at in turn, and new models are found."""
    following = record.following()
    following = replace(following, looks=LookTimes(notices=0.05, ledgers=0.5))
    with (
        serving(lambda: own_registry, following) as running,
        httpx.Client(base_url=running.url) as client,
    ):
        own_registry.add("late", "1", "binary")
        record.without_notices = True
        moved = record.move("eta", "2")
        record.move("late", "1")
        eventually("version 2 is champion", lambda: serves(record, "2", moved.sequence))
        eventually("late is served", lambda: "late" in client.get("/models").json()["models"])


def test_an_entry_that_cannot_be_read_leaves_the_traffic_and_is_named(
    own_registry: FolderRegistry, record: ReleaseRecord
) -> None:
    """The server goes on with what it has, and follows again from the next move of the champion."""
    with serving(lambda: own_registry, record.following()) as running:
        broken = record.append_unreadable()
        failed = eventually(
            "the entry is named",
            lambda: httpx.get(f"{running.url}/health/ready").json()["failed"].get("eta"),
        )
        assert f"entry {broken.sequence} of the ledger" in failed
        assert httpx.get(f"{running.url}/models/eta").json()["version"] == "1"
        assert report_of(record).seen < broken.sequence
        moved = record.move("eta", "2")
        eventually("version 2 is champion", lambda: serves(record, "2", moved.sequence))
        assert httpx.get(f"{running.url}/health/ready").json()["failed"] == {}


def test_a_changed_entry_is_never_followed(
    own_registry: FolderRegistry, record: ReleaseRecord
) -> None:
    """An entry with another content than it was sealed with makes nobody champion."""
    with serving(lambda: own_registry, record.following()) as running:
        record.append_changed("2")
        failed = eventually(
            "the entry is named",
            lambda: httpx.get(f"{running.url}/health/ready").json()["failed"].get("eta"),
        )
        assert "was changed" in failed
        assert httpx.get(f"{running.url}/models/eta").json()["version"] == "1"


@pytest.fixture
def away(tmp_path: Path) -> Path:
    """The place of the ledgers while servers cannot see them."""
    return tmp_path / "away"


def move_record(record: ReleaseRecord, to: Path) -> None:
    """Take ledgers and notices to another place; `record` goes on writing to them there."""
    to.mkdir(exist_ok=True)
    for name in ("eta", "_traffic"):
        (Path(record.lake) / name).rename(to / name)
    record.lake = str(to)


def lost_since(url: str) -> str | None:
    """Return the time since when the server cannot see the record."""
    since: str | None = httpx.get(f"{url}/health/ready").json()["record"]["lost_since"]
    return since


def answer(url: str, model: str = "eta") -> httpx.Response:
    """Ask for the example's prediction."""
    body = httpx.get(f"{url}/models/{model}/example").json()
    return httpx.post(f"{url}/models/{model}/invocations", json=body)


def test_a_server_cut_off_from_the_record_goes_on_says_so_and_catches_up(
    own_registry: FolderRegistry, record: ReleaseRecord, away: Path
) -> None:
    """By default it serves what it has; once the record is back, it follows what it missed."""
    with serving(lambda: own_registry, record.following()) as running:
        started = datetime.now(UTC)
        lake = record.lake
        move_record(record, away)
        since = eventually("it says so", lambda: lost_since(running.url))
        assert abs(datetime.fromisoformat(since) - started) < timedelta(seconds=60)
        assert "airworthy_record_lost 1.0" in httpx.get(f"{running.url}/metrics").text
        moved = record.move("eta", "2")
        reply = answer(running.url)
        assert (reply.status_code, reply.json()["version"]) == (200, "1")
        move_record(record, Path(lake))
        eventually("version 2 is champion", lambda: serves(record, "2", moved.sequence))
        eventually("the record is seen", lambda: lost_since(running.url) is None)
        assert "airworthy_record_lost 0.0" in httpx.get(f"{running.url}/metrics").text


def test_a_server_told_to_refuse_answers_503_without_the_record(
    own_registry: FolderRegistry, record: ReleaseRecord, away: Path
) -> None:
    """After its time it refuses requests and readiness; it answers again once the record is back."""
    following = record.following(on_lost_record="refuse", lost_after="1s")
    with serving(lambda: own_registry, following) as running:
        assert answer(running.url).status_code == 200
        lake = record.lake
        move_record(record, away)
        eventually("it refuses", lambda: answer(running.url).status_code == 503)
        health = httpx.get(f"{running.url}/health/ready")
        assert (health.status_code, health.json()["status"]) == (503, "record lost")
        move_record(record, Path(lake))
        eventually("it answers", lambda: answer(running.url).status_code == 200)
        assert httpx.get(f"{running.url}/health/ready").status_code == 200


class HangingRecord(LakeRecord):
    """A record that does not answer while `answers` is not set."""

    def __init__(self, lake: str) -> None:
        super().__init__(lake)
        self.answers = Event()
        self.answers.set()

    def marks(self) -> dict[str, str]:
        """Return the marks, once the record answers."""
        assert self.answers.wait(60)
        return super().marks()


def test_requests_never_wait_for_a_record_that_does_not_answer(
    own_registry: FolderRegistry, record: ReleaseRecord
) -> None:
    """A look that hangs holds up no answer; a server told to refuse refuses without its end."""
    hanging = HangingRecord(record.lake)
    following = replace(record.following(on_lost_record="refuse", lost_after="2s"), record=hanging)
    with serving(lambda: own_registry, following) as running:
        hanging.answers.clear()
        try:
            assert answer(running.url).status_code == 200
            eventually("it refuses", lambda: answer(running.url).status_code == 503)
        finally:
            hanging.answers.set()
        eventually("it answers", lambda: answer(running.url).status_code == 200)


def test_a_model_without_traffic_is_found_by_a_request(
    own_registry: FolderRegistry, record: ReleaseRecord
) -> None:
    """A first release is served at the first request, also before the next look at the notices."""
    following = record.following()
    following = replace(following, looks=LookTimes(notices=3600.0, ledgers=3600.0))
    own_registry.add("late", "1", "binary")
    with serving(lambda: own_registry, following) as running:
        record.move("late", "1")
        assert answer(running.url, "late").json()["version"] == "1"
