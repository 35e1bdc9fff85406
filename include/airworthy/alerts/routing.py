"""Routing of alerts to channels. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from airworthy.spec.alerts_part import AlertKind, Alerts, Channel


def channels_for(
    kind: AlertKind, model: str, rules: Alerts, channels: Sequence[Channel]
) -> list[Channel]:
    """Return the channels for a kind of alert about a model, in the environment's order.

    Args:
        kind: The kind of alert.
        model: The model.
        rules: The ``alerts`` part of the model's spec. Kinds outside it go to no channel.
        channels: The environment's channels.
    """
    if kind not in rules.kinds:
        return []
    return [
        channel
        for channel in channels
        if kind in channel.kinds and (not channel.models or model in channel.models)
    ]
