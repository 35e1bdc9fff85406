"""The ids of a lineage graph's nodes, and their times. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

from airworthy.ledger import Entry


def dataset_id(key: str) -> str:
    """Return the node of a dataset version, by the version's key in `airworthy.lake.datasets`."""
    return f"dataset:{key}"


def partition_id(day: str, digest: str) -> str:
    """Return the node of a partition with one content.

    >>> partition_id("2026-03-20", "1a2b3c")
    'partition:2026-03-20:1a2b3c'
    """
    return f"partition:{day}:{digest}"


def training_id(mlflow_run_id: str) -> str:
    """Return the node of an MLflow run."""
    return f"training:{mlflow_run_id}"


def version_id(version: str) -> str:
    """Return the node of a registered version, by its name; see `version_names`."""
    return f"version:{version}"


def entry_id(entry: Entry) -> str:
    """Return the node of a ledger entry."""
    return f"ledger:{entry.sequence}"


def entry_time(entry: Entry) -> str:
    """Return the time of a ledger entry by the order, ISO 8601 in UTC with milliseconds."""
    return utc_text(entry.moment)


def utc_text(moment: datetime) -> str:
    """Return a moment in ISO 8601 in UTC with milliseconds.

    >>> utc_text(datetime.fromisoformat("2026-03-20T01:30:00+02:00"))
    '2026-03-19T23:30:00.000+00:00'
    """
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")
