"""A person stops a rollout, or turns the kill switch, without a run, a server or a registry."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from airworthy.environment import Environment
from airworthy.errors import TerminalError, TransientError
from airworthy.ledger import open_ledger
from airworthy.ledger.events import AliasMove, KillSwitchTurned, RolloutStep
from airworthy.ledger.ledger_queries import of_kind
from airworthy.release.retirement import Caller
from airworthy.release.rollout_flags import kill_switch_is_on, read_rollout, write_rollout
from airworthy.release.stop_by_hand import stop_rollout, turn_kill_switch
from airworthy.traffic.current_traffic import current_traffic

MODEL = "tram_delay"
SINCE = datetime(2026, 3, 20, 12, tzinfo=UTC)
ADA = Caller("ada", "airflow", "page-1")


def begin_rollout(environment: Environment) -> None:
    """Record a champion and a canary beside it, and write the flags as a release does."""
    book = open_ledger(environment, MODEL)
    book.append(AliasMove(to="1", bundle_digest="a" * 64), run_id="run-1", who="airflow")
    step = RolloutStep(
        version="2", bundle_digest="b" * 64, step=10, state="begun", champion="1", since=SINCE
    )
    book.append(step, run_id="run-2", who="airflow")
    write_rollout(environment.flags_address, MODEL, current_traffic(environment, MODEL).rollout)


def test_a_stopped_rollout_gives_all_traffic_back(environment: Environment) -> None:
    """The entry has person, proof and reason, and stands under the rollout's run, which sees it."""
    begin_rollout(environment)
    entry = stop_rollout(environment, MODEL, "it is slow", ADA)
    assert (entry.run_id, entry.who, entry.proved_by) == ("run-2", "ada", "airflow")
    assert entry.event.reasons == ["stopped by a person: it is slow"]
    assert current_traffic(environment, MODEL).rollout is None
    assert read_rollout(environment.flags_address, MODEL) is None
    with pytest.raises(TerminalError, match="no rollout to stop"):
        stop_rollout(environment, MODEL, "again", ADA)


def test_the_kill_switch_is_turned_and_recorded(environment: Environment) -> None:
    """Each turn is an entry; the same turn again is refused, and flags of others stay."""
    begin_rollout(environment)
    for on, run_id in ((True, "page-1"), (False, "page-2")):
        caller = Caller("ada", "airflow", run_id)
        turn_kill_switch(environment, MODEL, on=on, reason="it is slow", caller=caller)
        assert kill_switch_is_on(environment.flags_address, MODEL) is on
        with pytest.raises(TerminalError, match="already"):
            turn_kill_switch(environment, MODEL, on=on, reason="again", caller=ADA)
    turns = of_kind(open_ledger(environment, MODEL).entries(), KillSwitchTurned)
    assert [(each.who, each.event.on) for each in turns] == [("ada", True), ("ada", False)]
    assert read_rollout(environment.flags_address, MODEL) is not None


def test_the_kill_switch_is_turned_though_the_ledger_is_away(environment: Environment) -> None:
    """In an emergency the flag comes first, and the error says what is not recorded."""
    begin_rollout(environment)
    lake = environment.model_copy(update={"lake": "s3://nowhere/lake"})
    with pytest.MonkeyPatch.context() as variables:
        variables.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        variables.setenv("AWS_ALLOW_HTTP", "true")
        with pytest.raises((TerminalError, TransientError), match="on now, but it is not recorded"):
            turn_kill_switch(lake, MODEL, on=True, reason="it is slow", caller=ADA)
    assert kill_switch_is_on(environment.flags_address, MODEL)
