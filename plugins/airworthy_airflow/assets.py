"""Airflow assets of a model. Other people's DAGs are scheduled on them.

======================= =============================================================
URI                     event
======================= =============================================================
airworthy://M/day       a day's rows are in the lake, or were restated
airworthy://M/champion  the champion moved: a release or a rollback
airworthy://M/scores    a day's batch predictions are in the lake
======================= =============================================================
"""

from __future__ import annotations

from airflow.sdk import Asset


def day_asset(model: str) -> Asset:
    """Return the asset of a model's days in the lake."""
    return _asset(model, "day")


def champion_asset(model: str) -> Asset:
    """Return the asset of a model's champion."""
    return _asset(model, "champion")


def scores_asset(model: str) -> Asset:
    """Return the asset of a model's batch predictions."""
    return _asset(model, "scores")


def _asset(model: str, name: str) -> Asset:
    return Asset(
        name=f"airworthy_{model}_{name}", uri=f"airworthy://{model}/{name}", group="airworthy"
    )
