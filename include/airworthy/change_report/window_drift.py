"""The drift within a sample: the holdout's columns against those of the days before it."""

from __future__ import annotations

from datetime import date

from airworthy.days import midnight
from airworthy.handover import DatasetRef, Split
from airworthy.job import Job
from airworthy.lake.datasets import open_datasets
from airworthy.lake.lake import open_lake
from airworthy.lake.statistics import Statistics, merge_statistics
from airworthy.versions.column_shifts import ColumnShift, column_shifts


def window_drift(job: Job, dataset: DatasetRef, split: Split) -> list[ColumnShift]:
    """Return the columns that shifted between the days before the holdout and the holdout.

    Keys and times are left out: they grow every day. Static rows have no days to compare.

    Args:
        job: The run.
        dataset: Its dataset version.
        split: The cuts of the training.

    Raises:
        TransientError: when the lake cannot be reached.
    """
    if job.spec.ingest.static:
        return []
    datasets = open_datasets(job.environment, job.spec.model)
    daily = datasets.daily_statistics(dataset, open_lake(job.environment, job.spec.model))
    before, after = _divided(daily, split)
    compared = {*job.spec.inputs, job.spec.ingest.label} - {*job.spec.ingest.key}
    shifts = column_shifts(merge_statistics(before), merge_statistics(after))
    return [each for each in shifts if each.column in compared]


def _divided(
    daily: dict[str, Statistics], split: Split
) -> tuple[list[Statistics], list[Statistics]]:
    before: list[Statistics] = []
    after: list[Statistics] = []
    for day, statistics in sorted(daily.items()):
        moment = midnight(date.fromisoformat(day))
        if split.start <= moment < split.holdout_start:
            before.append(statistics)
        elif split.holdout_start <= moment < split.end:
            after.append(statistics)
    return before, after
