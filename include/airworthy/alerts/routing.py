"""Which channels an alert goes to. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from airworthy.alerts.alert import Alert
from airworthy.spec.alerts import Alerts, Channel


def channels_for(alert: Alert, rules: Alerts, channels: Sequence[Channel]) -> list[Channel]:
    """Return the channels that want an alert, in the environment's order; none when the model's spec does not."""
    if alert.kind not in rules.kinds:
        return []
    return [
        channel for channel in channels
        if alert.kind in channel.kinds and (not channel.models or alert.model in channel.models)
    ]  # fmt: skip
