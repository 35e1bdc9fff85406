"""Airflow assets of a model. Other people's DAGs are scheduled on them.

======================= =============================================================
URI                     event
======================= =============================================================
airworthy://M/day       a day's rows are in the lake, or were restated: one event for
                        each day, with the day as its partition
airworthy://M/champion  the champion moved: a release or a rollback
airworthy://M/scores    days of batch predictions are in the lake
======================= =============================================================

An asset's name is its URI, so ``Asset("airworthy://M/champion")`` in a DAG of anybody is the same.
Airflow starts a DAG by an event with a partition only when its schedule is a
``PartitionedAssetTimetable``.
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
    return Asset(uri=f"airworthy://{model}/{name}", group="airworthy")
