"""``airworthy models``, ``retire`` and the names of models in errors."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from typer.testing import CliRunner, Result

from airworthy.cli.main import app
from airworthy.cli.model_lines import model_lines
from airworthy.environment import Environment
from airworthy.ledger import Entry, open_ledger
from airworthy.ledger.events import AliasMove, ApprovalAnswered, LedgerEvent, StagingCheck
from airworthy.ledger.ledger_queries import served_at
from airworthy.registry.registry import open_registry
from airworthy.traffic.current_traffic import current_traffic
from airworthy.versions.state_of_entries import model_state

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


def invoke(*words: str) -> Result:
    """Run a command of the console."""
    return CliRunner().invoke(app, list(words))


def record(environment: Environment, model: str, *events: LedgerEvent) -> list[Entry]:
    """Append events to a model's ledger; return all entries."""
    ledger = open_ledger(environment, model)
    for number, event in enumerate(events):
        ledger.append(event, run_id=f"run-{number}", who="tests")
    return ledger.entries()


def test_a_retired_model_serves_nothing_until_it_is_taken_back(environment: Environment) -> None:
    """The ledger says who, when and why; the same champion comes back, with its files."""
    client = open_registry(environment).client
    client.create_registered_model("fares")
    client.create_model_version("fares", source="file:///nowhere")
    record(environment, "fares", AliasMove(to="1", bundle_digest="d" * 64))
    client.set_registered_model_alias("fares", "champion", "1")
    assert invoke("retire", "fares").exception.problem == "a retirement needs a reason"  # type: ignore[union-attr]
    retired = invoke("retire", "fares", "--reason", "trams only")
    assert "version 1 serves no more" in retired.output
    assert current_traffic(environment, "fares").champion is None
    assert open_registry(environment).champion("fares") is None
    assert served_at(open_ledger(environment, "fares").entries(), datetime.now(UTC)) is None
    assert "retired; version 1 serves no more: trams only" in invoke("ledger", "fares").output
    again = invoke("retire", "fares", "--reason", "once more").exception
    assert "trams only" in again.problem  # type: ignore[union-attr]
    back = invoke("retire", "fares", "--undo", "--reason", "buses again", "--json")
    assert json.loads(back.output)["kind"] == "alias_move"
    champion = current_traffic(environment, "fares").champion
    assert champion is not None
    assert (champion.version, champion.bundle_digest) == ("1", "d" * 64)
    served = served_at(open_ledger(environment, "fares").entries(), datetime.now(UTC))
    assert served is not None
    assert served.reason == "the retirement was taken back: buses again"


def test_models_shows_each_model_and_what_waits_for_a_person(environment: Environment) -> None:
    """A champion has its age; a version after staging waits while nobody has answered."""
    staged = StagingCheck(version="8", passed=True)
    entries = record(environment, "fares", AliasMove(to="7"), staged)
    state = model_state("fares", entries, task="regression", approval_required=True)
    assert state.needs == ["version 8 waits for an approval"]
    since = datetime.fromisoformat(state.since or "")
    lines = model_lines([state], since + timedelta(days=1, hours=1))
    assert lines[1].split() == [
        "fares", "regression", "7", "1", "d", "1", "h", "-", "-", "needs", "a", "person",
    ]  # fmt: skip
    assert lines[-1] == "fares: version 8 waits for an approval"
    answer = ApprovalAnswered(version="8", decision="reject", at=NOW)
    entries = record(environment, "fares", answer)
    assert model_state("fares", entries, approval_required=True).needs == []
    shown = [json.loads(line) for line in invoke("models", "--json").output.splitlines()]
    assert next(each for each in shown if each["model"] == "fares")["champion"] == "7"


def test_an_unknown_model_is_an_error_with_the_names_that_there_are(
    environment: Environment,
) -> None:
    """A ledger without a folder is known, too; a similar name is proposed."""
    record(environment, "fares", AliasMove(to="7"))
    error = invoke("ledger", "fare").exception
    assert error is not None
    assert "delivery_eta" in str(error)
    assert "did you mean fares?" in str(error)
