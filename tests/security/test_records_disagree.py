"""Nothing is trained, evaluated or promoted over records that disagree: each disagreement is named."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from tests.core.lake.conftest import MakeJob, make_job, put_day

from airworthy.errors import TerminalError
from airworthy.lake import Lake, open_lake
from airworthy.stages.ingest import ingest

__all__ = ["make_job", "put_day"]

DAY = "2026-01-02"


def file_of(lake: Lake, day: str) -> Path:
    """Return the only file of a day."""
    [path] = Path(lake.data_uri).glob(f"*={day}/*.parquet")
    return path


def treble_labels(path: Path) -> None:
    """Write the same rows with other labels."""
    pl.read_parquet(path).with_columns(pl.col("minutes") * 3).write_parquet(path)


def flip_bits(path: Path) -> None:
    """Damage the file as a disk does."""
    content = bytearray(path.read_bytes())
    for position in range(8, len(content) // 2, 7):
        content[position] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    """Leave the first half of the file."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def replace_by_the_next_day(path: Path) -> None:
    """Put another day's rows in the place of the file."""
    [other] = path.parent.parent.glob("*=2026-01-03/*.parquet")
    path.write_bytes(other.read_bytes())


def change_a_type(path: Path) -> None:
    """Write numbers of the same value in another type."""
    pl.read_parquet(path).with_columns(pl.col("id").cast(pl.Float64)).write_parquet(path)


@pytest.mark.parametrize(
    "damage",
    [treble_labels, flip_bits, cut, replace_by_the_next_day, change_a_type, Path.unlink],
    ids=lambda damage: damage.__name__,
)
def test_a_damaged_partition_is_not_read_and_comes_back_from_the_source(
    make_job: MakeJob, put_day: Callable[..., Path], damage: Callable[[Path], None]
) -> None:
    """The error names partition and remedy. The remedy gives the same dataset version again."""
    for day in (1, 2, 3):
        put_day(day)
    job = make_job()
    dataset = ingest(job)
    damage(file_of(open_lake(job.environment, "trips"), DAY))
    lake = open_lake(job.environment, "trips")
    for read in (
        lambda: lake.scan(dataset),
        lambda: lake.read_partition(dataset, date(2026, 1, 2)),
    ):
        with pytest.raises(
            TerminalError, match=f"the partition {DAY} of the lake is damaged"
        ) as no:
            read()
        assert no.value.next_step is not None
        assert f"airworthy run trips --as-of 2026-01-04 --refresh {DAY}" in no.value.next_step
    assert lake.read_partition(dataset, date(2026, 1, 1)).height == 20
    assert [error.problem.split()[2] for error in lake.damaged(dataset)] == [DAY]
    refresh = job.run.model_copy(update={"refresh": f"{DAY}..{DAY}", "run_id": "again"})
    repaired = ingest(type(job)(job.spec, job.environment, refresh))
    lake = open_lake(job.environment, "trips")
    assert repaired.digest == dataset.digest
    assert lake.scan(repaired).collect()["minutes"].sum() == 3 * sum(range(10, 30))
    assert lake.partitions()[DAY].cause == "repaired"
    assert lake.restatements().is_empty()
