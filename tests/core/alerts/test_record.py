"""Who was told is in the ledger: nobody is told twice, and whom one try could not tell, a later one does."""

from __future__ import annotations

from airworthy.alerts.alert import Alert
from airworthy.alerts.routing import wanted
from airworthy.alerts.sent_alerts import already_sent, record
from airworthy.cli.ledger_lines import ledger_line
from airworthy.environment import Environment
from airworthy.ledger import open_ledger
from airworthy.ledger.events import AlertRaised
from airworthy.spec.alerts_part import Alerts, EmailChannel, SlackChannel, WebhookChannel

ALERT_OF_DRIFT = Alert(
    kind="drift",
    model="parcels",
    about="one day",
    severity="warning",
    title="parcels is trained again",
    text="it drifted",
    next_step="nothing",
)


def test_what_one_try_could_not_tell_a_later_one_adds(environment: Environment) -> None:
    """First one channel, then the other, then nothing new: two entries, and the union of those who know."""
    ledger = open_ledger(environment, "parcels")
    assert already_sent(ledger.entries(), ALERT_OF_DRIFT) is None
    record(ledger, ALERT_OF_DRIFT, ["slack a"], "run-1", first=True)
    assert already_sent(ledger.entries(), ALERT_OF_DRIFT) == {"slack a"}
    record(ledger, ALERT_OF_DRIFT, ["email b"], "run-1", first=False)
    record(ledger, ALERT_OF_DRIFT, [], "run-1", first=False)
    assert already_sent(ledger.entries(), ALERT_OF_DRIFT) == {"slack a", "email b"}
    assert [entry.event.told for entry in ledger.entries()] == [["slack a"], ["email b"]]
    assert ledger.broken_at() is None
    assert "parcels is trained again (told: slack a)" in ledger_line(ledger.entries()[0])


def test_an_alert_without_a_channel_is_written_down_once(environment: Environment) -> None:
    """Where nobody is to be told, the ledger still says that it happened."""
    ledger = open_ledger(environment, "parcels")
    for _ in range(2):
        entries = ledger.entries()
        record(
            ledger, ALERT_OF_DRIFT, [], "run-1", first=already_sent(entries, ALERT_OF_DRIFT) is None
        )
    [entry] = ledger.entries()
    assert entry.kind == AlertRaised.kind
    assert Alert.model_validate(entry.event.alert) == ALERT_OF_DRIFT
    assert already_sent([entry], ALERT_OF_DRIFT) == set()
    assert already_sent([entry], ALERT_OF_DRIFT.model_copy(update={"about": "another day"})) is None


def test_an_alert_goes_to_the_channels_that_want_it() -> None:
    """By kind and by model; a kind that the model's spec leaves out goes nowhere."""
    everything, pager = (
        SlackChannel(type="slack"),
        WebhookChannel(type="webhook", kinds=["guard_trip"]),
    )
    other = EmailChannel(type="email", to=["a@b.org"], models=["bikes"])
    channels = [everything, pager, other]
    assert wanted("drift", "parcels", Alerts(), channels) == [everything]
    assert wanted("guard_trip", "parcels", Alerts(), channels) == [everything, pager]
    assert wanted("drift", "bikes", Alerts(), channels) == [everything, other]
    assert wanted("drift", "bikes", Alerts(kinds=["guard_trip"]), channels) == []
