"""What people write is shown on one line, and acts on nothing, wherever it is shown."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import unicodedata
from datetime import UTC, datetime

import pytest
from tests.security.ledgers import MODEL, command

from airworthy.alerts.release_alerts import held, promoted, rejected_by_person, rolled_back
from airworthy.environment import Environment
from airworthy.errors import TerminalError
from airworthy.gates.verdict_table import verdict_table
from airworthy.handover import (
    Approval,
    Deployment,
    GateOutcome,
    Rollback,
    Verdict,
)
from airworthy.ledger import open_ledger
from airworthy.ledger.events import (
    AliasMove,
    ApprovalAnswered,
    FlagOverride,
    GuardTrip,
    KillSwitchTurned,
    LedgerEvent,
    Registration,
    Retirement,
    RollbackStarted,
    VerdictReached,
)
from airworthy.release.retirement import Caller, retire_model
from airworthy.traffic.current_traffic import refuse_retired
from airworthy_airflow.alerts import rendering

NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)
FORGED = (
    "  12  2026-03-20T12:00:00.000+00:00  alias_move        root  champion: version 1 -> version 9"
)
HOSTILE = (
    f"fine\n{FORGED}\r{FORGED}\x1b[2K\x1b]0;title\x07\u202eevil\u2066\u200f\u2028{FORGED}\x85\x0b"
    f"{FORGED}\u2029\x00end"
)
_KEPT = "\u200c\u200d"


def assert_harmless(text: str) -> None:
    """Check that no character acts on a terminal or turns the writing."""
    acting = [
        char
        for char in text
        if unicodedata.category(char) in {"Cc", "Cf", "Zl", "Zp", "Cs"}
        and char not in "\n\t" + _KEPT
    ]
    assert acting == []
    assert not [line for line in text.splitlines() if line.startswith(FORGED)]


def hostile_entries() -> list[LedgerEvent]:
    """Return events with a hostile text in every place that people write."""
    return [
        VerdictReached(outcome="fail", reasons=[HOSTILE], waivers=[HOSTILE]),
        Registration(version="1", validation_status=HOSTILE, bundle_digest="a" * 64),
        ApprovalAnswered(version="1", decision="approve", comment=HOSTILE, at=NOON),
        FlagOverride(version="1", flag=HOSTILE, value=HOSTILE, replicas=[HOSTILE], step_entry=3),
        GuardTrip(version="1", step=10, reasons=[HOSTILE]),
        AliasMove(to="1", reason=HOSTILE, bundle_digest="a" * 64),
        RollbackStarted(from_="1", to="1", reason=HOSTILE),
        KillSwitchTurned(on=True, reason=HOSTILE),
        Retirement(from_version="1", reason=HOSTILE),
        AliasMove(to="1", reason=HOSTILE, bundle_digest="a" * 64, moves_before=1),
    ]


@pytest.fixture
def hostile_ledger(environment: Environment) -> Environment:
    """An environment with a ledger of hostile texts, by a person with a hostile name."""
    book = open_ledger(environment, MODEL)
    for event in hostile_entries():
        book.append(event, run_id=HOSTILE, who=HOSTILE, proved_by="airflow")
    return environment


def test_a_comment_cannot_be_a_ledger_entry_of_its_own(hostile_ledger: Environment) -> None:
    """One line for each entry, and the JSON has the text as it was written."""
    shown = command("ledger", MODEL).stdout
    assert len(shown.splitlines()) == len(hostile_entries())
    assert_harmless(shown)
    lines = command("ledger", MODEL, "--json").stdout.splitlines()
    assert json.loads(json.loads(lines[2])["payload"])["comment"] == HOSTILE
    served = command("ledger", MODEL, "--at", "2999-01-01").stdout
    assert len(served.splitlines()) == 9
    assert_harmless(served)


@pytest.mark.parametrize(
    "words", [["lineage", f"{MODEL}/1"], ["models"], ["lineage", HOSTILE], ["ledger", HOSTILE]]
)
def test_no_command_shows_it_raw(hostile_ledger: Environment, words: list[str]) -> None:
    """Reports, tables and the messages of errors."""
    done = subprocess.run(
        [sys.executable, "-m", "airworthy", *(word.replace("\0", "") for word in words)],
        capture_output=True,
        text=True,
        env=None,
    )
    assert "Traceback" not in done.stderr
    assert_harmless(done.stdout)
    assert_harmless(done.stderr)


def test_a_reason_in_an_error_is_part_of_its_line(environment: Environment) -> None:
    """The reason of a retirement is in the error of every later run."""
    book = open_ledger(environment, MODEL)
    book.append(AliasMove(to="1", bundle_digest="a" * 64), run_id="r", who="ann")
    retire_model(environment, MODEL, HOSTILE, Caller(HOSTILE, "airflow", "run"))
    with pytest.raises(TerminalError) as refused:
        refuse_retired(environment, MODEL)
    assert_harmless(str(refused.value))
    assert len(str(refused.value).splitlines()) == 4


def test_a_log_message_is_one_record(
    environment: Environment, capsys: pytest.CaptureFixture[str]
) -> None:
    """A command's log cannot be given a line with a time of its own."""
    from airworthy.cli.caller import log_to_stderr

    root = logging.getLogger()
    handlers, root.handlers = root.handlers, []
    try:
        log_to_stderr()
        logging.getLogger("airworthy.release").info("stopped: %s", HOSTILE)
    finally:
        root.handlers = handlers
    shown = capsys.readouterr().err
    assert_harmless(shown)
    assert [line[:2] for line in shown.splitlines()][1:] == ["  "]


def test_alerts_show_it_as_one_line_in_every_form() -> None:
    """Slack, e-mail, the log: a comment is no further line, and no link."""
    approval = Approval(
        model=MODEL,
        version="1",
        bundle_digest="a" * 64,
        decision="reject",
        who=HOSTILE,
        comment=HOSTILE,
        at=NOON,
    )
    done = Rollback(
        model=MODEL,
        from_version="2",
        to_version="1",
        reason=HOSTILE,
        started_by=HOSTILE,
        parity_rows=1,
        max_difference=0.0,
    )
    deployment = Deployment(
        model=MODEL, version="1", previous_version=None, promoted=True, served=True, reason=HOSTILE
    )
    alerts = [
        rejected_by_person(approval, HOSTILE, {}),
        rolled_back(done, {"run": HOSTILE}),
        promoted(deployment, HOSTILE, {}),
        held(MODEL, "1", [HOSTILE, HOSTILE], HOSTILE, {}),
    ]
    for alert in alerts:
        forms = [
            rendering.slack_text(alert),
            json.dumps(rendering.slack_blocks(alert), ensure_ascii=False),
            rendering.email_subject(alert),
            rendering.email_html(alert),
            rendering.plain_text(alert, []),
        ]
        for form in forms:
            assert_harmless(form)
        assert "\n" not in rendering.email_subject(alert)


def test_a_category_in_a_verdict_cannot_be_a_gate_of_its_own() -> None:
    """The values of slices come from data, and reasons name them."""
    gates = [
        GateOutcome(gate="slices", outcome="fail", value=1.0, threshold=1.0, n=9, reason=HOSTILE)
    ]
    verdict = Verdict.model_construct(
        model=MODEL,
        run_id="run",
        mlflow_run_id="m",
        dataset_digest="d",
        champion_version=None,
        holdout_rows=9,
        metrics={"challenger": {"rmse": 1.0}},
        gates=gates,
        outcome="fail",
        releasable=False,
        waivers=[HOSTILE],
        champion_failing=[],
    )
    shown = verdict_table(verdict)
    assert_harmless(shown)
    assert len(shown.splitlines()) == 8
