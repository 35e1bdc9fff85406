"""What is served is what the files and ledgers say at that moment."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.request import urlopen

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge

from airworthy.environment import Environment, load_environment
from airworthy.errors import TerminalError
from airworthy.ledger import open_ledger
from airworthy.ledger.events import AliasMove, Registration, VerdictReached
from airworthy.metrics.exporter import exported
from airworthy.metrics.ledger_metrics import Decisions
from airworthy.metrics.metric_files import add_metrics, metrics_folder

from ..stages.conftest import MakeModel  # noqa: TID252 - tests are no installed package
from .samples import Samples, samples


def free_port() -> int:
    """Return a port that nothing listens on, neither TCP nor UDP."""
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
    ):
        port = int(tcp.getsockname()[1])
        udp.bind(("127.0.0.1", port))
        return port


@pytest.fixture
def serving(make_model: MakeModel) -> Iterator[tuple[Decisions, str]]:
    """What is looked at, and the address of the metrics; models are those that `make_model` makes."""
    port = free_port()
    with exported(load_environment(), "127.0.0.1", port) as decisions:
        yield decisions, f"http://127.0.0.1:{port}/metrics"


def ask(address: str) -> Samples:
    """Return what is served."""
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
    environment: Environment, serving: tuple[Decisions, str]
) -> None:
    """Nothing at first; then every file, those of one metric together; a file that is gone is gone."""
    _, address = serving
    assert ("runs_total", "eta") not in ask(address)
    for name in ("eta", "late"):
        add_metrics(environment, name, runs(name).collect())
    add_metrics(environment, "eta", runs("eta").collect())
    found = ask(address)
    assert (found["runs_total", "eta"], found["runs_total", "late"]) == (2.0, 1.0)
    (metrics_folder(environment) / "late.prom").unlink()
    assert ("runs_total", "late") not in ask(address)


@pytest.mark.parametrize("broken", [b"\xff\xfe", b"runs_total{ 1\n", b"runs_total one\n"])
def test_a_broken_file_harms_no_other(
    environment: Environment, serving: tuple[Decisions, str], broken: bytes
) -> None:
    """It is left out and counted, and all else is served."""
    _, address = serving
    add_metrics(environment, "eta", runs("eta").collect())
    (metrics_folder(environment) / "broken.prom").write_bytes(broken)
    found = ask(address)
    assert found["runs_total", "eta"] == 1.0
    assert found[("airworthy_metrics_unreadable_files",)] == 1.0


def test_ledgers_tell_who_is_champion_and_how_old(
    environment: Environment, serving: tuple[Decisions, str], make_model: MakeModel
) -> None:
    """Entries by kind; the champion's data end is that of the version that the alias has now, also after a rollback."""
    decisions, address = serving
    model = make_model(alerts={"champion_max_age": "10d", "data_max_delay": None})
    ledger = open_ledger(environment, model)
    ends = {"1": datetime(2026, 3, 1, tzinfo=UTC), "2": datetime(2026, 3, 8, tzinfo=UTC)}
    for version, end in ends.items():
        ledger.append(Registration(version=version, as_of=end), run_id="run", who="me")
    for number, version in enumerate(("1", "2", "1")):
        before = time.time()
        ledger.append(AliasMove(to=version, moves_before=number), run_id="run", who="me")
        decisions.look()
        found = ask(address)
        assert found["airworthy_ledger_entries_total", "alias_move", model] == number + 1
        assert (
            found["airworthy_champion_as_of_timestamp_seconds", model, version]
            == ends[version].timestamp()
        )
        assert (
            before - 1
            <= found["airworthy_champion_since_timestamp_seconds", model, version]
            <= time.time()
        )
        champions = [key for key in found if key[0] == "airworthy_champion_as_of_timestamp_seconds"]
        assert len(champions) == 1
    assert found["airworthy_ledger_entries_total", "registration", model] == 2.0
    assert found["airworthy_champion_max_age_seconds", model] == 864_000.0
    assert ("airworthy_data_max_delay_seconds", model) not in found


def test_a_changed_ledger_is_told_and_harms_no_other(
    environment: Environment, serving: tuple[Decisions, str], make_model: MakeModel
) -> None:
    """What the ledger said before it was changed holds; the other model's goes on."""
    decisions, address = serving
    first, second = (
        VerdictReached(outcome="pass", mlflow_run_id=name) for name in ("first", "second")
    )
    for model in ("eta", "late"):
        open_ledger(environment, make_model(model)).append(first, run_id="run", who="me")
    decisions.look()
    entry = open_ledger(environment, "eta").append(second, run_id="run", who="me")
    assert entry.sequence == 2
    newest = max(
        (environment.state / "lake" / "eta" / "ledger").glob("entry-*"),
        key=lambda path: path.stat().st_mtime,
    )
    newest.write_bytes(newest.read_bytes() + b"x")
    open_ledger(environment, "late").append(second, run_id="run", who="me")
    decisions.look()
    found = ask(address)
    assert found["airworthy_ledger_readable", "eta"] == 0.0
    assert found["airworthy_ledger_entries_total", "verdict", "eta"] == 1.0
    assert found["airworthy_ledger_readable", "late"] == 1.0
    assert found["airworthy_ledger_entries_total", "verdict", "late"] == 2.0


def test_a_model_that_is_gone_and_data_that_have_an_end_raise_no_alarm(
    serving: tuple[Decisions, str], make_model: MakeModel
) -> None:
    """No limit is shown for a model whose data ended; nothing is shown of a model whose folder is gone."""
    decisions, address = serving
    folder = load_environment().models / make_model("eta")
    over = make_model("over", end="2026-03-20")
    decisions.look()
    found = ask(address)
    assert found["airworthy_champion_max_age_seconds", "eta"] > 0
    assert ("airworthy_champion_max_age_seconds", over) not in found
    (folder / "model.yaml").unlink()
    decisions.look()
    assert ("airworthy_ledger_readable", "eta") not in ask(address)


def test_a_taken_port_is_told(environment: Environment) -> None:
    """The error names the address, and how to take another."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(TerminalError, match="cannot be served") as error,
            exported(environment, "127.0.0.1", port),
        ):
            pass
    assert str(port) in str(error.value)
    assert "--port" in str(error.value.next_step)
