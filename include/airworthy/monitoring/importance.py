"""Importance of input columns for a champion: its features' gain, shared among their columns."""

from __future__ import annotations

from airworthy.bundle import ModelBundle


def column_importance(bundle: ModelBundle) -> dict[str, float]:
    """Return input column -> share of the model's total gain.

    The shares add up to 1. They are all 0 for a model without splits. A feature's gain is shared
    equally among the columns in its expression.
    """
    gains = bundle.booster.get_score(importance_type="total_gain")
    total = sum(gains.values())
    shares = dict.fromkeys(bundle.manifest.inputs, 0.0)
    for feature, gain in gains.items():
        expression = bundle.features.expressions[feature]
        columns = {name for name in expression.meta.root_names() if name in shares}
        for name in columns:
            shares[name] += gain / total / len(columns)
    return shares
