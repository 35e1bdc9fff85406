"""The ledger has the notified channels: no channel twice, and a retry adds the missing ones."""

from __future__ import annotations

from airworthy.alerts.alert import Alert
from airworthy.alerts.routing import channels_for
from airworthy.alerts.sent_alerts import notified_channels, record_alert
from airworthy.cli.ledger_lines import ledger_line
from airworthy.environment import Environment
from airworthy.ledger import open_ledger
from airworthy.ledger.events import AlertRaised
from airworthy.ledger.ledger_queries import of_kind
from airworthy.spec.alerts_part import Alerts, Channel, EmailChannel, SlackChannel, WebhookChannel

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
    """First one channel, then the other, then nothing new: two entries, and the union of the
    channels.
    """
    ledger = open_ledger(environment, "parcels")
    assert notified_channels(ledger.entries(), ALERT_OF_DRIFT) is None
    record_alert(ledger, ALERT_OF_DRIFT, ["slack a"], "run-1", first=True)
    assert notified_channels(ledger.entries(), ALERT_OF_DRIFT) == {"slack a"}
    record_alert(ledger, ALERT_OF_DRIFT, ["email b"], "run-1", first=False)
    record_alert(ledger, ALERT_OF_DRIFT, [], "run-1", first=False)
    assert notified_channels(ledger.entries(), ALERT_OF_DRIFT) == {"slack a", "email b"}
    raised = of_kind(ledger.entries(), AlertRaised)
    assert [entry.event.told for entry in raised] == [["slack a"], ["email b"]]
    assert ledger.first_broken_entry() is None
    assert "parcels is trained again (told: slack a)" in ledger_line(ledger.entries()[0])


def test_an_alert_without_a_channel_is_written_down_once(environment: Environment) -> None:
    """Without a channel the ledger still has the alert."""
    ledger = open_ledger(environment, "parcels")
    for _ in range(2):
        entries = ledger.entries()
        record_alert(
            ledger,
            ALERT_OF_DRIFT,
            [],
            "run-1",
            first=notified_channels(entries, ALERT_OF_DRIFT) is None,
        )
    [entry] = ledger.entries()
    assert isinstance(entry.event, AlertRaised)
    assert Alert.model_validate(entry.event.alert) == ALERT_OF_DRIFT
    assert notified_channels([entry], ALERT_OF_DRIFT) == set()
    assert (
        notified_channels([entry], ALERT_OF_DRIFT.model_copy(update={"about": "another day"}))
        is None
    )


def test_an_alert_goes_to_the_channels_that_want_it() -> None:
    """By kind and by model; a kind left out of the model's spec goes nowhere."""
    everything, pager = (
        SlackChannel(type="slack"),
        WebhookChannel(type="webhook", kinds=["guard_trip"]),
    )
    other = EmailChannel(type="email", to=["a@b.org"], models=["bikes"])
    channels: list[Channel] = [everything, pager, other]
    assert channels_for("drift", "parcels", Alerts(), channels) == [everything]
    assert channels_for("guard_trip", "parcels", Alerts(), channels) == [everything, pager]
    assert channels_for("drift", "bikes", Alerts(), channels) == [everything, other]
    assert channels_for("drift", "bikes", Alerts(kinds=["guard_trip"]), channels) == []
