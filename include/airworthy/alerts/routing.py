"""Which channels an alert goes to. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from airworthy.spec.alerts_part import AlertKind, Alerts, Channel


def wanted(
    kind: AlertKind, model: str, rules: Alerts, channels: Sequence[Channel]
) -> list[Channel]:
    """Return the channels that are told of such alerts, in the environment's order.

    Args:
        kind: The kind of alert.
        model: The model that it is about.
        rules: The model's; what they leave out nobody is told.
        channels: The environment's.
    """
    if kind not in rules.kinds:
        return []
    return [
        each
        for each in channels
        if kind in each.kinds and (not each.models or model in each.models)
    ]
