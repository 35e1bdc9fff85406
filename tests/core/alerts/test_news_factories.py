"""Alerts of releases, approvals, live rows and sources: the reasons, one key a subject, a next step."""

from __future__ import annotations

from datetime import timedelta

from airworthy.alerts.approval_alerts import approval_reminder
from airworthy.alerts.live_alerts import blind_monitor, invalid_requests, live_expectation
from airworthy.alerts.release_alerts import rejected_by_person, rejected_by_verdict
from airworthy.alerts.source_alerts import restated_partition
from airworthy.spec.alerts_part import ALERT_KINDS

from .every_alert import (
    LINKS,
    NOW,
    RUN,
    answered,
    blind_decision,
    every_alert,
    live_check,
    question,
    requests_check,
    restated,
    verdict,
)


def test_each_alert_has_a_kind_of_its_own_and_a_next_step() -> None:
    """The same event is the same key."""
    alerts = every_alert("parcels")
    assert len({alert.kind for alert in alerts}) == len(alerts) == 14
    assert {alert.kind for alert in alerts} <= set(ALERT_KINDS)
    assert all(alert.next_step and alert.title.startswith("parcels") for alert in alerts)
    assert [alert.key for alert in every_alert("parcels")] == [alert.key for alert in alerts]


def test_a_run_is_rejected_once_with_the_reasons() -> None:
    """By its gates or by a person: one key of a run and version."""
    by_gates = rejected_by_verdict(verdict("parcels"), "5", RUN, LINKS)
    by_ada = rejected_by_person(answered("parcels", "reject"), RUN, LINKS)
    assert by_gates.key == by_ada.key
    assert by_gates.text == "rmse: fail: 9 (at most 6 allowed)"
    assert (by_ada.title, by_ada.text) == (
        "parcels: ada rejected version 5, the champion stays",
        "not today",
    )


def test_a_reminder_says_how_much_time_is_left() -> None:
    """In whole hours, minutes or seconds; each share of the time is another alert."""
    times = {timedelta(0): "12h", timedelta(hours=11, minutes=1): "59m"}
    for over, left in times.items():
        alert = approval_reminder(question("parcels"), NOW + over, 0.5, LINKS)
        assert alert.title == f"parcels: {left} left to approve version 5"
    first, second = (
        approval_reminder(question("parcels"), NOW, share, LINKS) for share in (0.5, 0.9)
    )
    assert first.key != second.key


def test_live_rows_are_told_of_only_when_a_critical_expectation_breaks() -> None:
    """A broken warning is in the evidence."""
    alert = live_expectation(live_check("parcels"), LINKS)
    assert alert is not None
    assert alert.text == "expect_column_values_to_be_between(stops): 31"
    assert live_expectation(live_check("parcels", "warning"), LINKS) is None


def test_requests_outside_the_contract_are_told_of_over_their_limit_only() -> None:
    """The limit itself is allowed, and so are a few rows of any share, or any share without a limit."""
    alert = invalid_requests(requests_check("parcels"), LINKS)
    assert alert is not None
    assert alert.title == "parcels: 3.0% of the rows of requests are outside the contract"
    assert "distance_km: 30 rows" in alert.text
    for check in (
        requests_check("parcels", outside=10),
        requests_check("parcels", outside=4, max_share=0.001),
        requests_check("parcels", max_share=None),
    ):
        assert invalid_requests(check, LINKS) is None


def test_the_restated_days_of_a_run_are_one_alert() -> None:
    """Each day has its changes; other rows of the same days are another alert."""
    days = [restated("2026-03-17"), restated("2026-03-18")]
    alert = restated_partition("parcels", days, LINKS)
    assert alert.text.splitlines()[0] == (
        "2026-03-17: 100 rows before, 99 now: 1 removed, 2 with another city"
    )
    assert "2 days, 2026-03-17 to 2026-03-18, after they were read" in alert.title
    other = [days[0], days[1].model_copy(update={"digest": "c"})]
    assert restated_partition("parcels", other, LINKS).key != alert.key


def test_a_blind_monitor_is_told_of_each_time_that_its_windows_have_doubled() -> None:
    """After three windows, after six, after twelve; never once for each window."""
    told = [
        number
        for number in range(30)
        if blind_monitor(blind_decision("parcels", number), LINKS) is not None
    ]
    assert told == [3, 6, 12, 24]
