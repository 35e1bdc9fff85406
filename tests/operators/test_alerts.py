"""Alerts reach people: by each channel's real provider, once, whatever becomes of the other
channels.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.standard.operators.trigger_dagrun import DagIsPaused
from airflow.sdk.exceptions import (
    AirflowFailException,
    AirflowSkipException,
    DagRunTriggerException,
)
from tests.core.alerts.every_alert import every_alert
from tests.receivers import MailReceiver, WebReceiver, mail_receiver, web_receiver

from airworthy.alerts.alert import Alert
from airworthy.environment import Environment, load_environment
from airworthy.handover import DriftDecision, Verdict
from airworthy.ledger import open_ledger
from airworthy.ledger.events import AlertRaised, RetrainingDecision
from airworthy.release.release_rules import ReleaseRules
from airworthy.spec import load_spec
from airworthy_airflow.alerts.deadline import deadline_of, tell_of_late_run
from airworthy_airflow.alerts.notify import notify
from airworthy_airflow.dag_factories.train_dag import build_train_dag
from airworthy_airflow.operators import (
    CheckAgeOperator,
    EvaluateOperator,
    TriggerRetrainingOperator,
)

from .test_operators import VERDICT, context

MODEL = "delivery_eta"
PROJECT = Path(__file__).resolve().parents[2]
WEBHOOK = "{type: webhook, connection: hook, endpoint: alerts}"
log = logging.getLogger("test_alerts")

Channels = Callable[..., Environment]
TRIPPED = Alert(
    kind="guard_trip",
    model=MODEL,
    about="version 5 run-1",
    severity="critical",
    title="5 < 4 & {{ ti }}",
    text="3 % errors\n<script>",
    facts={"version": "5"},
    links={"task": "http://airflow/task", "file": "/a/b.json"},
    next_step="look at the figures",
)


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[WebReceiver]:
    """A web server, and Airflow's connections to it as a webhook, as Slack's API and as Slack's
    incoming webhook.
    """
    with web_receiver() as receiver:
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setenv("AIRFLOW_CONN_HOOK", receiver.connection("http"))
        monkeypatch.setenv(
            "AIRFLOW_CONN_SLACK_API",
            receiver.connection("slack", "xoxb-1", base_url=f"{receiver.url}/"),
        )
        monkeypatch.setenv(
            "AIRFLOW_CONN_SLACK_HOOK", receiver.connection("slackwebhook", "T/B/secret")
        )
        yield receiver


@pytest.fixture
def mail(monkeypatch: pytest.MonkeyPatch) -> Iterator[MailReceiver]:
    """A mail server, and Airflow's connection to it."""
    with mail_receiver() as receiver:
        monkeypatch.setenv("AIRFLOW_CONN_POST", receiver.connection())
        yield receiver


@pytest.fixture
def channels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Channels:
    """Return a function that loads the local environment with these channels and the shipped
    models.
    """
    monkeypatch.setenv("AIRWORTHY_PROJECT", str(tmp_path))
    monkeypatch.setenv("AIRWORTHY_MODELS", str(PROJECT / "include" / "models"))
    monkeypatch.setenv("AIRWORTHY_STATE", str(tmp_path / "state"))

    def make(*listed: str) -> Environment:
        shipped = (PROJECT / "include" / "environments" / "local.yaml").read_text(encoding="utf-8")
        path = tmp_path / "include" / "environments" / "local.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{shipped}\nalerts: [{', '.join(listed)}]\n", encoding="utf-8")
        return load_environment()

    return make


def entries(environment: Environment) -> list[dict[str, Any]]:
    """Return the ledger's alerts."""
    return [
        each.content
        for each in open_ledger(environment, MODEL).entries()
        if each.kind == AlertRaised.kind
    ]


def test_a_webhook_gets_the_whole_alert_as_json(channels: Channels, web: WebReceiver) -> None:
    """The key tells its receiver a repetition; every other field is the alert's."""
    channels(WEBHOOK)
    notify(TRIPPED, "run-1", log)
    [(path, body)] = web.requests
    assert path == "/alerts"
    assert body == {"key": f"{MODEL}:{TRIPPED.key}", **TRIPPED.model_dump(mode="json")}


def test_slack_gets_blocks_by_a_channels_name_or_by_an_incoming_webhook(
    channels: Channels, web: WebReceiver
) -> None:
    """An alert's text is text there, neither mark-up nor a template; the evidence is a link."""
    channels(
        '{type: slack, connection: slack_api, channel: "#ml"}',
        "{type: slack, connection: slack_hook}",
    )
    notify(TRIPPED, "run-1", log)
    [(api, message), (hook, posted)] = web.requests
    assert (api, hook) == ("/chat.postMessage", "/T/B/secret")
    assert message["channel"] == "#ml"
    blocks = json.loads(message["blocks"])
    assert blocks == posted["blocks"]
    assert blocks[0]["text"] == {
        "type": "plain_text",
        "text": ":rotating_light: 5 < 4 & {{ ti }}",
        "emoji": True,
    }
    assert blocks[1]["text"]["text"] == "3 % errors\n&lt;script&gt;"
    assert blocks[2]["fields"] == [{"type": "mrkdwn", "text": "*version*\n5"}]
    assert blocks[-1]["elements"][0]["text"] == "<http://airflow/task|task>\nfile: `/a/b.json`"
    assert posted["text"] == ":rotating_light: 5 &lt; 4 &amp; {{ ti }}"


def test_mail_goes_to_everybody_in_the_list(channels: Channels, mail: MailReceiver) -> None:
    """The sender is the connection's; the body is HTML with the alert's words as text."""
    channels("{type: email, connection: post, to: [a@example.org, b@example.org]}")
    notify(TRIPPED, "run-1", log)
    [(recipients, message)] = mail.mails
    assert recipients == ["a@example.org", "b@example.org"]
    assert message["subject"] == "[Airworthy] critical: 5 < 4 & {{ ti }}"
    assert message["from"] == "airworthy@example.org"
    body = next(
        part.get_content() for part in message.walk() if part.get_content_type() == "text/html"
    )
    assert "<p>&lt;script&gt;</p>" in body
    assert '<a href="http://airflow/task">' in body


def test_each_channel_is_told_once_and_a_failure_hides_no_other(
    channels: Channels, web: WebReceiver, mail: MailReceiver, caplog: pytest.LogCaptureFixture
) -> None:
    """A refusing web server and a missing connection leave the mail alone; a later try adds the
    rest.
    """
    environment = channels(
        WEBHOOK,
        "{type: slack, connection: not_there}",
        "{type: email, connection: post, to: [a@example.org]}",
    )
    web.status = 403
    with caplog.at_level(logging.INFO):
        notify(TRIPPED, "run-1", log)
    assert "webhook hook alerts could not be told" in caplog.text
    assert "slack not_there could not be told" in caplog.text
    assert [event["told"] for event in entries(environment)] == [["email post a@example.org"]]
    web.status = 200
    for _ in range(2):
        notify(TRIPPED, "run-1", log)
    assert len(mail.mails) == 1
    assert len(web.requests) == 2, "once in vain, once well"
    assert [event["told"] for event in entries(environment)][1:] == [["webhook hook alerts"]]


def test_without_a_channel_the_alert_is_logged_and_written_down(
    channels: Channels, caplog: pytest.LogCaptureFixture
) -> None:
    """An engineer's own machine tells nobody, forgets nothing, and fails nothing."""
    environment = channels()
    with caplog.at_level(logging.INFO):
        for _ in range(2):
            notify(TRIPPED, "run-1", log)
    assert "told: nobody: the environment has no channel for it" in caplog.text
    assert caplog.text.count("look at the figures") == 1
    [event] = entries(environment)
    assert event["told"] == []


def test_an_unreachable_ledger_keeps_nobody_from_being_told(
    channels: Channels, web: WebReceiver
) -> None:
    """Twice is better than never."""
    environment = channels(WEBHOOK)
    ledger = Path(environment.lake) / MODEL / "ledger"
    ledger.parent.mkdir(parents=True)
    ledger.write_text("this is no table", encoding="utf-8")
    notify(TRIPPED, "run-1", log)
    assert len(web.requests) == 1


def test_what_goes_wrong_in_telling_costs_the_run_nothing(
    channels: Channels,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> None:
    """An unusable state folder: the alert is in the log, and nothing is raised."""
    channels(WEBHOOK)
    (tmp_path / "file").touch()
    monkeypatch.setenv("AIRWORTHY_STATE", str(tmp_path / "file"))
    notify(TRIPPED, "run-1", log)
    assert "this could not be told" in caplog.text
    assert "look at the figures" in caplog.text


def decided(environment: Environment, **changes: Any) -> DriftDecision:
    """Write a decision on a window into the ledger."""
    end = datetime(2026, 3, 20, tzinfo=UTC)
    facts: dict[str, Any] = {
        "model": MODEL,
        "champion": "4",
        "champion_as_of": end,
        "window_start": end - timedelta(days=1),
        "window_end": end,
        "signals": {"drift": "fired"},
        "words": {"drift": "distance_km moved"},
        "inputs": {},
        "windows": [],
        "last_retrained": end,
        "rejected_in_a_row": 3,
        "rules": {},
        "outcome": "retrain",
        "told": "drift in 2 of 3 windows",
        "reason": "drift",
        "train_as_of": end,
        "digest": "d",
        "trigger": True,
        "train_run_id": "drift__run",
        "evidence": "/evidence/decision.json",
        **changes,
    }
    decision = DriftDecision(**facts)
    ledger = open_ledger(environment, MODEL)
    ledger.append(RetrainingDecision(decision=decision), run_id="run-1", who="airflow")
    return decision


def triggering(paused: bool = False) -> tuple[TriggerRetrainingOperator, Any]:
    """Return the trigger task, and its context: only the train DAG's toggle is of interest."""
    window = {"end": "2026-03-20T00:00:00+00:00", "decided": False}
    task: Any = {"window": window}
    ti = SimpleNamespace(
        log_url="http://airflow/task", get_dag=lambda _: SimpleNamespace(is_paused=paused)
    )
    return TriggerRetrainingOperator(task_id="trigger", model=MODEL, data_check=task), {
        **context(),
        "ti": ti,
    }


def test_a_retraining_is_told_once_however_often_its_task_is_cleared(
    channels: Channels, web: WebReceiver
) -> None:
    """The task asks Airflow for the same run each time; people hear of it the first time."""
    decided(channels(WEBHOOK))
    for _ in range(3):
        operator, given = triggering()
        with pytest.raises(DagRunTriggerException):
            operator.execute(given)
    [(_, body)] = web.requests
    assert (body["kind"], body["title"]) == ("drift", f"{MODEL} is trained again")
    assert body["facts"]["training"] == "drift__run"
    assert body["links"]["task"] == "http://airflow/task"


def test_a_paused_train_dag_is_told_of_and_then_the_training(
    channels: Channels, web: WebReceiver
) -> None:
    """First an alert about the pause, and after the start one about the training."""
    decided(channels(WEBHOOK))
    operator, given = triggering(paused=True)
    with pytest.raises(DagIsPaused):
        operator.execute(given)
    operator, given = triggering()
    with pytest.raises(DagRunTriggerException):
        operator.execute(given)
    assert [body["severity"] for _, body in web.requests] == ["critical", "warning"]
    assert "unpause" in web.requests[0][1]["next_step"]


def test_an_open_circuit_is_told_once(channels: Channels, web: WebReceiver) -> None:
    """The task fails each time it is cleared; people hear of it once."""
    decided(channels(WEBHOOK), outcome="circuit_open", trigger=False, train_run_id=None)
    for _ in range(2):
        operator, given = triggering()
        with pytest.raises(AirflowFailException):
            operator.execute(given)
    assert [body["kind"] for _, body in web.requests] == ["circuit_breaker"]


def test_a_quiet_window_is_not_told(channels: Channels, web: WebReceiver) -> None:
    """Nothing to be done is nothing to tell."""
    decided(channels(WEBHOOK), outcome="quiet", trigger=False, train_run_id=None, reason=None)
    operator, given = triggering()
    with pytest.raises(AirflowSkipException):
        operator.execute(given)
    assert web.requests == []


def test_data_that_do_not_come_are_told_once_a_last_day(
    channels: Channels, web: WebReceiver
) -> None:
    """Each run of the monitor checks the age, and none fails for it."""
    environment = channels(WEBHOOK)
    for _ in range(2):
        ti = SimpleNamespace(log_url="http://airflow/task")
        inputs = CheckAgeOperator(task_id="check_age", model=MODEL).execute(
            {**context(), "ti": ti}  # type: ignore[typeddict-item]
        )
        assert inputs["champion"] is None
    [(_, body)] = web.requests
    assert (body["kind"], body["about"]) == ("data_delay", "until 2025-01-01")
    assert len(entries(environment)) == 1


def test_a_failing_champion_is_told_on_every_run_and_once_for_each(
    channels: Channels, web: WebReceiver
) -> None:
    """The figures of the champion's gates are in it; a champion that fails nothing is no news."""
    channels(WEBHOOK)
    operator = EvaluateOperator(task_id="evaluate", model=MODEL)
    failing = {"champion_version": "3", "champion_failing": ["rmse: 9.2 (at most 6 required)"]}
    refused = {"outcome": "fail", "releasable": False, **failing}
    for run_id, more in (("r1", refused), ("r1", refused), ("r2", refused), ("r3", {})):
        verdict = Verdict.model_validate({**VERDICT, "run_id": run_id, **more})
        ti = SimpleNamespace(log_url="http://airflow/task")
        operator.tell_of_champion(verdict, {"ti": ti})  # type: ignore[typeddict-item]
    bodies = [body for _, body in web.requests]
    assert [(body["kind"], body["about"]) for body in bodies] == [
        ("champion_fails", "version 3 r1"),
        ("champion_fails", "version 3 r2"),
    ]
    assert "champion: rmse: 9.2 (at most 6 required)" in bodies[0]["text"]
    assert "the champion keeps serving" in bodies[0]["text"]


def late(run_type: str) -> dict[str, Any]:
    """Return the context of a deadline's callback."""
    run = {
        "dag_id": f"{MODEL}__train",
        "dag_run_id": "scheduled__2026-03-20",
        "run_type": run_type,
        "state": "running",
        "queued_at": "2026-03-20T02:00:00Z",
    }
    return {"dag_run": run, "deadline": {"id": "1", "deadline_time": "2026-03-20T08:00:00+00:00"}}


def test_a_late_run_is_told_unless_it_is_a_backfill(channels: Channels, web: WebReceiver) -> None:
    """A callback of the triggerer; run again, as after a restart, it notifies nobody twice."""
    channels(WEBHOOK)
    for run_type in ("backfill", "scheduled", "scheduled"):
        asyncio.run(tell_of_late_run(MODEL, late(run_type)))
    [(_, body)] = web.requests
    assert (body["kind"], body["facts"]["state"]) == ("late_run", "running")
    assert body["links"]["run"].endswith(f"/dags/{MODEL}__train/runs/scheduled__2026-03-20")


def test_a_deadline_leaves_time_for_people_and_is_there_only_for_who_is_told(
    channels: Channels,
) -> None:
    """`late_after` from the run's queueing, plus approval and guarded steps; none without a
    channel.
    """
    spec = load_spec(PROJECT / "include" / "models" / MODEL / "model.yaml")
    channels()
    assert build_train_dag(spec, load_environment()).deadline is None
    environment = channels(WEBHOOK)
    rules = ReleaseRules(
        "required", timedelta(days=1), ("shadow", 50, "full"), timedelta(minutes=10)
    )
    deadline = deadline_of(spec, environment, rules.longest_wait)
    assert deadline is not None
    assert deadline.interval == timedelta(hours=6) + timedelta(days=1) + 2 * timedelta(minutes=10)
    assert deadline.callback.path == "airworthy_airflow.alerts.deadline.tell_of_late_run"
    declared = build_train_dag(spec, load_environment()).deadline
    assert isinstance(declared, list)
    [declared] = declared
    assert declared.interval == timedelta(hours=6)
    assert deadline_of(spec, channels("{type: webhook, kinds: [drift]}")) is None


def test_each_kind_reaches_mail_and_webhook_once(
    channels: Channels, web: WebReceiver, mail: MailReceiver
) -> None:
    """Releases, approvals, live rows, the source: told again, nobody gets it again."""
    channels(WEBHOOK, "{type: email, connection: post, to: [a@example.org]}")
    alerts = every_alert(MODEL)
    for _ in range(2):
        for alert in alerts:
            notify(alert, "run-1", log)
    assert [body["kind"] for _, body in web.requests] == [alert.kind for alert in alerts]
    subjects = [str(message["subject"]) for _, message in mail.mails]
    assert subjects == [f"[Airworthy] {alert.severity}: {alert.title}" for alert in alerts]
