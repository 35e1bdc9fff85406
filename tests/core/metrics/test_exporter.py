"""The served metrics are those of files and ledgers at this moment."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.core import Metric

from airworthy.environment import Environment, load_environment
from airworthy.errors import TerminalError
from airworthy.ledger import open_ledger
from airworthy.ledger.events import AliasMove, Registration, VerdictReached
from airworthy.metrics.exporter import Record, metrics_server
from airworthy.metrics.metric_files import add_metrics, metrics_folder
from airworthy.metrics.shared_gauges import DATASET, write_gauges
from airworthy.traffic.replica_report import ModelReport, ReplicaReport
from airworthy.traffic.replica_reports import open_replica_reports

from ..stages.conftest import MakeModel  # noqa: TID252 - tests are no installed package
from .samples import Samples, samples


def free_port() -> int:
    """Return a port free for TCP and UDP."""
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
    ):
        port = int(tcp.getsockname()[1])
        udp.bind(("127.0.0.1", port))
        return port


@pytest.fixture
def serving(make_model: MakeModel) -> Iterator[tuple[Record, str]]:
    """Yield the served folder, and the address of the metrics; models are those of `make_model`."""
    port = free_port()
    with metrics_server(load_environment(), "127.0.0.1", port) as polled:
        yield polled, f"http://127.0.0.1:{port}/metrics"


def ask(address: str) -> Samples:
    """Return the served text."""
    with urlopen(address, timeout=30) as answer:  # noqa: S310 - a loopback address
        return samples(answer.read().decode())


def runs(model: str) -> CollectorRegistry:
    """Metrics of one run."""
    registry = CollectorRegistry()
    Counter("runs", "Runs", ["model"], registry=registry).labels(model).inc()
    Gauge("end_timestamp_seconds", "End", ["model"], registry=registry).labels(model).set(
        time.time()
    )
    return registry


def test_files_are_served_as_they_are_now(
    environment: Environment, serving: tuple[Record, str]
) -> None:
    """Nothing at first; then every file, those of one metric together; a removed file is gone."""
    _, address = serving
    assert ("runs_total", "eta") not in ask(address)
    for name in ("eta", "late"):
        add_metrics(environment, name, runs(name).collect())
    add_metrics(environment, "eta", runs("eta").collect())
    text = ask(address)
    assert (text["runs_total", "eta"], text["runs_total", "late"]) == (2.0, 1.0)
    (metrics_folder(environment) / "late.prom").unlink()
    assert ("runs_total", "late") not in ask(address)


@pytest.mark.parametrize("broken", [b"\xff\xfe", b"runs_total{ 1\n", b"runs_total one\n"])
def test_a_broken_file_harms_no_other(
    environment: Environment, serving: tuple[Record, str], broken: bytes
) -> None:
    """It is left out and counted, and all else is served."""
    _, address = serving
    add_metrics(environment, "eta", runs("eta").collect())
    (metrics_folder(environment) / "broken.prom").write_bytes(broken)
    text = ask(address)
    assert text["runs_total", "eta"] == 1.0
    assert text[("airworthy_metrics_unreadable_files",)] == 1.0


def test_ledgers_tell_who_is_champion_and_how_old(
    environment: Environment, serving: tuple[Record, str], make_model: MakeModel
) -> None:
    """Entries by kind; the champion's data end is that of the alias's version, also after a
    rollback.
    """
    polled, address = serving
    model = make_model(alerts={"champion_max_age": "10d", "data_max_delay": None})
    ledger = open_ledger(environment, model)
    ends = {"1": datetime(2026, 3, 1, tzinfo=UTC), "2": datetime(2026, 3, 8, tzinfo=UTC)}
    for version, end in ends.items():
        ledger.append(Registration(version=version, as_of=end), run_id="run", who="me")
    for number, version in enumerate(("1", "2", "1")):
        before = time.time()
        ledger.append(AliasMove(to=version, moves_before=number), run_id="run", who="me")
        polled.poll()
        text = ask(address)
        assert text["airworthy_ledger_entries_total", "alias_move", model] == number + 1
        assert (
            text["airworthy_champion_as_of_timestamp_seconds", model, version]
            == ends[version].timestamp()
        )
        assert (
            before - 1
            <= text["airworthy_champion_since_timestamp_seconds", model, version]
            <= time.time()
        )
        champions = [key for key in text if key[0] == "airworthy_champion_as_of_timestamp_seconds"]
        assert len(champions) == 1
    assert text["airworthy_ledger_entries_total", "registration", model] == 2.0
    assert text["airworthy_champion_max_age_seconds", model] == 864_000.0
    assert ("airworthy_data_max_delay_seconds", model) not in text


def report(replica: str, seen: int, stopped: bool = False) -> ReplicaReport:
    """Return a report of a server in production that follows an entry of the ledger of ``eta``."""
    return ReplicaReport(
        replica=replica,
        server="production",
        host="web",
        ready=not stopped,
        stopped=stopped,
        lease_seconds=10,
        models={"eta": ModelReport(seen=seen)},
    )


def test_reports_tell_which_server_is_behind_its_ledger(
    environment: Environment, serving: tuple[Record, str], make_model: MakeModel
) -> None:
    """Entries of other kinds count for nothing; a server that stopped by itself has no series."""
    polled, address = serving
    ledger, reports = open_ledger(environment, make_model("eta")), open_replica_reports(environment)
    moved = ledger.append(AliasMove(to="1"), run_id="run", who="me").sequence
    ledger.append(VerdictReached(outcome="pass", mlflow_run_id="m"), run_id="run", who="me")
    for replica, seen in (("web-1", moved), ("web-2", 0)):
        reports.write(report(replica, seen))
    reports.write(report("web-3", moved, stopped=True))
    polled.poll()
    text = ask(address)
    assert text["airworthy_ledger_followed_entry", "eta"] == moved
    entry = "airworthy_server_seen_entry"
    followed = {key[2]: value for key, value in text.items() if key[0] == entry}
    assert followed == {"web-1": moved, "web-2": 0}
    name = "airworthy_server_last_report_timestamp_seconds"
    written = {each.name: each.written.timestamp() for each in reports.read()}
    assert text[name, "web-1", "production"] == pytest.approx(written["web-1"], abs=1e-3)
    assert (name, "web-3", "production") not in text


def test_reports_that_cannot_be_read_are_no_silent_servers(
    environment: Environment, serving: tuple[Record, str]
) -> None:
    """While the store is out of reach there is no series of a server, rather than an old one."""
    polled, address = serving
    open_replica_reports(environment).write(report("web-1", 1))
    polled.poll()
    name = "airworthy_server_last_report_timestamp_seconds"
    assert (name, "web-1", "production") in ask(address)
    folder = Path(environment.lake) / "_servers"
    folder.rename(folder.with_name("gone"))
    folder.write_text("no folder", encoding="utf-8")
    polled.poll()
    assert (name, "web-1", "production") not in ask(address)


class OddRegistration(Registration):
    """A registration as another version might write it: its version is no text."""

    version: Any = 7


def test_an_unreadable_entry_hides_no_later_one(
    environment: Environment, serving: tuple[Record, str], make_model: MakeModel
) -> None:
    """The poll that meets it says so. The next one goes on after it."""
    polled, address = serving
    model = make_model()
    ledger = open_ledger(environment, model)
    ledger.append(OddRegistration(version=[7]), run_id="odd", who="me")
    ledger.append(AliasMove(to="8"), run_id="run", who="me")
    polled.poll()
    assert ask(address)["airworthy_ledger_readable", model] == 0.0
    polled.poll()
    text = ask(address)
    assert text["airworthy_ledger_readable", model] == 1.0
    assert text["airworthy_champion_since_timestamp_seconds", model, "8"] > 0.0


def test_a_changed_ledger_is_told_and_harms_no_other(
    environment: Environment, serving: tuple[Record, str], make_model: MakeModel
) -> None:
    """Figures from before the ledger's change hold; the other model's go on."""
    polled, address = serving
    first, second = (
        VerdictReached(outcome="pass", mlflow_run_id=name) for name in ("first", "second")
    )
    for model in ("eta", "late"):
        open_ledger(environment, make_model(model)).append(first, run_id="run", who="me")
    polled.poll()
    entry = open_ledger(environment, "eta").append(second, run_id="run", who="me")
    assert entry.sequence == 2
    newest = max(
        (environment.state / "lake" / "eta" / "ledger").glob("entry-*"),
        key=lambda path: path.stat().st_mtime,
    )
    newest.write_bytes(newest.read_bytes() + b"x")
    open_ledger(environment, "late").append(second, run_id="run", who="me")
    polled.poll()
    text = ask(address)
    assert text["airworthy_ledger_readable", "eta"] == 0.0
    assert text["airworthy_ledger_entries_total", "verdict", "eta"] == 1.0
    assert text["airworthy_ledger_readable", "late"] == 1.0
    assert text["airworthy_ledger_entries_total", "verdict", "late"] == 2.0


def test_a_model_that_is_gone_and_data_that_have_an_end_raise_no_alarm(
    serving: tuple[Record, str], make_model: MakeModel
) -> None:
    """A model with ended data has no limit; a model without its folder has nothing."""
    polled, address = serving
    folder = load_environment().models / make_model("eta")
    over = make_model("over", end="2026-03-20")
    polled.poll()
    text = ask(address)
    assert text["airworthy_champion_max_age_seconds", "eta"] > 0
    assert ("airworthy_champion_max_age_seconds", over) not in text
    (folder / "model.yaml").unlink()
    polled.poll()
    assert ("airworthy_ledger_readable", "eta") not in ask(address)


def test_a_taken_port_is_told(environment: Environment) -> None:
    """The error names the address, and how to take another."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with (
            pytest.raises(TerminalError, match="cannot be served") as error,
            metrics_server(environment, "127.0.0.1", port),
        ):
            pass
    assert str(port) in str(error.value)
    assert "--port" in str(error.value.next_step)


def newest(model: str, rows: int) -> Iterator[Metric]:
    """Yield a gauge of a dataset."""
    registry = CollectorRegistry()
    Gauge("airworthy_dataset_rows", "Rows", ["model"], registry=registry).labels(model).set(rows)
    yield from registry.collect()


def test_the_newest_dataset_counts_whichever_machine_read_it(
    environment: Environment, serving: tuple[Record, str], make_model: MakeModel
) -> None:
    """One value for all machines; that of an earlier version, in a machine's file, is out of date."""
    record, address = serving
    model = make_model()
    add_metrics(environment, f"stages_{model}", newest(model, 1))
    for machine, rows in (("one", 10), ("two", 20)):
        there = environment.model_copy(update={"state": environment.state / machine})
        write_gauges(there, model, DATASET, newest(model, rows))
        record.poll()
        assert ask(address)["airworthy_dataset_rows", model] == rows


def test_further_machines_serve_their_own_files_alone(
    environment: Environment, make_model: MakeModel
) -> None:
    """The record that all machines share is served once: Prometheus adds machines up."""
    model, port = make_model(), free_port()
    open_ledger(environment, model).append(AliasMove(to="1"), run_id="run", who="me")
    write_gauges(environment, model, DATASET, newest(model, 1))
    add_metrics(environment, model, runs(model).collect())
    with metrics_server(environment, "127.0.0.1", port, machine_only=True) as record:
        record.poll()
        served = ask(f"http://127.0.0.1:{port}/metrics")
    assert served["runs_total", model] == 1.0
    assert not [name for name, *_ in served if name.startswith("airworthy_ledger_")]
    assert ("airworthy_dataset_rows", model) not in served
