"""The rows of a dataset version, copied from one environment's lake to another's, day by day."""

from __future__ import annotations

import logging

import polars as pl

from airworthy.handover import DatasetRef
from airworthy.lake.lake import Lake, open_dataset_lake, open_lake
from airworthy.lake.partition_records import PartitionRecord
from airworthy.lake.promoted_parts import promoted_part
from airworthy.promotion.request import PromotionRequest

log = logging.getLogger("airworthy.promotion")

_NO_QUARANTINE = pl.DataFrame(schema={"reason": pl.String, "row": pl.String})


def copy_rows(request: PromotionRequest, dataset: DatasetRef) -> DatasetRef:
    """Copy the rows of a dataset version, and return the dataset version in the other lake.

    Each day is read and checked, written, and read back. Days that are there already, whole, are
    left alone: a try that was cut off is completed.

    Args:
        request: The promotion.
        dataset: The dataset version in the lake that it is from.

    Raises:
        TerminalError: when a day does not hold what was written, before or after.
        TransientError: when one of the lakes cannot be reached.
    """
    with request.source.entered() as environment:
        source = open_dataset_lake(environment, dataset)
        records = source.stored_days(dataset)
    with request.target.entered() as environment:
        target = open_lake(environment, request.model, promoted_part(dataset.digest))
        target.refresh()
    copied = sum(_copy_day(request, (source, target), dataset, record) for record in records)
    if copied:
        log.info("%s: the rows of %d days are copied", request.model, copied)
    with request.target.entered():
        there = dataset.model_copy(
            update={"table": target.data_uri, "version": target.refresh().version}
        )
        for error in target.damaged(there):
            raise error
    return there


def _copy_day(
    request: PromotionRequest,
    lakes: tuple[Lake, Lake],
    dataset: DatasetRef,
    record: PartitionRecord,
) -> bool:
    """Copy one day, unless it is there; return whether it was copied."""
    source, target = lakes
    with request.target.entered():
        existing = target.refresh().partitions.get(record.partition)
        same = existing is not None and existing.digest == record.digest
        if existing is not None and same and target.current_rows(existing) is not None:
            return False
    with request.source.entered():
        rows = source.stored_rows(dataset, record.partition)
    with request.target.entered():
        target.replace(rows, _NO_QUARANTINE, record, repair=existing is not None)
    return True
