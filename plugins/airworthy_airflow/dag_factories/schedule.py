"""The schedule of a model's train DAG: by the clock, on new data of its source, or both."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import CronDataIntervalTimetable

from airworthy.spec import ModelSpec
from airworthy.spec.sources_part import SourceAsset

if TYPE_CHECKING:
    from airflow.sdk import Asset
    from airflow.sdk.bases.timetable import BaseTimetable


def train_schedule(spec: ModelSpec) -> BaseTimetable | list[Asset] | None:
    """Return the schedule of a model's train DAG. None: it runs only by hand or by trigger.

    Raises:
        ValueError: when Airflow does not take the asset.
    """
    clock = CronDataIntervalTimetable(spec.schedule, timezone="UTC") if spec.schedule else None
    if spec.ingest.asset is None:
        return clock
    assets = [asset_of(spec.ingest.asset)]
    if clock is None:
        return assets
    from airflow.sdk import AssetOrTimeSchedule

    return AssetOrTimeSchedule(timetable=clock, assets=assets)


def asset_of(declared: SourceAsset) -> Asset:
    """Return a source's asset as Airflow's object. Airflow fills in the name or the URI where one is missing.

    Raises:
        ValueError: when Airflow refuses it, for example for a URI against the rules of its scheme.
    """
    from airflow.sdk import Asset

    return Asset(**declared.model_dump(exclude_none=True))
