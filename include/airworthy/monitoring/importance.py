"""How much the champion listens to each input column: its features' gain, shared among the columns that they read."""

from __future__ import annotations

from airworthy.bundle import ModelBundle


def column_importance(bundle: ModelBundle) -> dict[str, float]:
    """Return input column -> share of the model's total gain; all shares add up to 1, unless the model never splits.

    A feature's gain counts in equal parts for every column that its expression reads.
    """
    gains = bundle.booster.get_score(importance_type="total_gain")
    total = sum(gains.values())
    found = dict.fromkeys(bundle.manifest.inputs, 0.0)
    for feature, gain in gains.items():
        read = [
            name for name in bundle.features.expressions[feature].meta.root_names() if name in found
        ]
        for name in set(read):
            found[name] += gain / total / len(set(read))
    return found
