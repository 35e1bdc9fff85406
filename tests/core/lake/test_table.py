"""The lake keeps exactly the last content of every partition, and every version of it, whoever
writes at once.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable
from hypothesis import given, settings
from hypothesis import strategies as st

from airworthy.errors import TerminalError, TransientError
from airworthy.handover import DatasetRef, Window
from airworthy.lake import Lake, PartitionRecord
from airworthy.lake.digest import frame_digest
from airworthy.lake.partition_records import Reading

NOTHING_BAD = pl.DataFrame(schema={"reason": pl.String, "row": pl.String})
START = datetime(2026, 1, 1, tzinfo=UTC)


def rows_of(day: int, values: list[float]) -> pl.DataFrame:
    """Return a day's rows."""
    at = START + timedelta(days=day)
    columns = {"at": [at] * len(values), "id": list(range(len(values))), "minutes": values}
    return pl.DataFrame(
        columns,
        schema={"at": pl.Datetime("us", "UTC"), "id": pl.Int64, "minutes": pl.Float64},
        strict=False,
    )


def record_of(
    day: int, rows: pl.DataFrame, as_of: datetime = START, **replaced: object
) -> PartitionRecord:
    """Return the record of a partition.

    Args:
        day: The number of the day.
        rows: Its rows.
        as_of: The end of the run's data.
        **replaced: Other fields of the record.
    """
    values = {
        "partition": f"{START.date() + timedelta(days=day)}",
        "source": "test",
        "created": START,
        "as_of": as_of,
        "rows": rows.height,
        "quarantined": 0,
        "duplicates": 0,
        "digest": frame_digest(rows),
        "preprocessing": "p",
        "git_commit": "abc",
        "event_time": "at",
        "columns": {"at": "datetime", "id": "int", "minutes": "float"},
    }
    return PartitionRecord.model_validate(values | replaced)


def put(lake: Lake, day: int, values: list[float], as_of: datetime = START) -> PartitionRecord:
    """Replace a day's partition.

    Args:
        lake: The lake.
        day: The number of the day.
        values: Of the rows.
        as_of: The end of the run's data.
    """
    rows = rows_of(day, values)
    return lake.replace(rows, NOTHING_BAD, record_of(day, rows, as_of))


def dataset_of(lake: Lake) -> DatasetRef:
    """Return the lake's present dataset version."""
    records = lake.refresh()
    digests = {day: record.digest for day, record in records.partitions.items()}
    window = Window(start=START, end=START + timedelta(days=10))
    return DatasetRef(
        model="m",
        table=lake.data_uri,
        version=records.version,
        window=window,
        partitions=digests,
        rows=0,
        quarantined=0,
        digest="d",
    )


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.lists(st.floats(0, 9), max_size=3)), min_size=1, max_size=8
    )
)
def test_any_sequence_of_replaces_leaves_the_last_content(
    replaces: list[tuple[int, list[float]]],
) -> None:
    """After any replaces each partition holds its own last content, others are untouched, and
    history is whole.
    """
    with tempfile.TemporaryDirectory() as folder:
        lake, last = Lake(folder, "m"), dict[int, list[float]]()
        versions: list[tuple[DatasetRef, dict[int, list[float]]]] = []
        for day, values in replaces:
            put(lake, day, values, as_of=START + timedelta(hours=len(versions)))
            last[day] = values
            versions.append((dataset_of(lake), dict(last)))
        for dataset, expected in versions:
            for day, values in expected.items():
                stored = Lake(folder, "m").read_partition(
                    dataset, START.date() + timedelta(days=day)
                )
                assert stored.equals(rows_of(day, values))
        digests = {day: record.digest for day, record in Lake(folder, "m").partitions().items()}
        assert digests == {
            f"{START.date() + timedelta(days=day)}": frame_digest(rows_of(day, v))
            for day, v in last.items()
        }


def test_commit_metadata_says_where_a_partition_came_from(tmp_path: Path) -> None:
    """Any Delta reader sees source, time, rows, digests and git commit in a partition's commit."""
    lake = Lake(str(tmp_path), "m")
    written = put(lake, 0, [1.0, 2.0])
    commit = DeltaTable(lake.data_uri).history(1)[0]
    shown = {
        "partition": "2026-01-01",
        "source": "test",
        "rows": "2",
        "git_commit": "abc",
        "preprocessing": "p",
    }
    assert {name: commit[name] for name in shown} == shown
    assert commit["digest"] == written.digest
    assert commit["created"].startswith("2026-01-01T00:00:00")


def test_history_never_expires(tmp_path: Path) -> None:
    """The log and old files are the memory of the lake: the table says they must be kept."""
    lake = Lake(str(tmp_path), "m")
    put(lake, 0, [1.0])
    configuration = DeltaTable(lake.data_uri).metadata().configuration
    assert configuration["delta.enableExpiredLogCleanup"] == "false"
    assert configuration["delta.logRetentionDuration"] == "interval 36500 days"


def test_scan_is_pinned_bounded_and_ordered(tmp_path: Path) -> None:
    """A dataset version gives the same rows, in order of time, whatever is written later; bounds
    are half open.
    """
    lake = Lake(str(tmp_path / "with space"), "m")
    for day in (2, 0, 1):
        put(lake, day, [float(day), 10.0 + day])
    dataset = dataset_of(lake)
    put(lake, 1, [99.0], as_of=START + timedelta(days=1))
    assert lake.scan(dataset).collect()["minutes"].to_list() == [0.0, 10.0, 1.0, 11.0, 2.0, 12.0]
    second = lake.scan(dataset, START + timedelta(days=1), START + timedelta(days=2)).collect()
    assert second["minutes"].to_list() == [1.0, 11.0]
    assert lake.read_partition(dataset, date(2030, 1, 1)).shape == (0, 3)


def test_a_replacement_by_other_content_is_a_restatement(tmp_path: Path) -> None:
    """A partition's earlier content, and the reason of its change, stay on record; equal content is
    none.
    """
    lake = Lake(str(tmp_path), "m")
    first = put(lake, 0, [1.0, 2.0])
    second = put(lake, 0, [1.0], as_of=START + timedelta(days=1))
    rows = rows_of(0, [5.0])
    lake.replace(
        rows, NOTHING_BAD, record_of(0, rows, START + timedelta(days=2), preprocessing="q")
    )
    stored = Lake(str(tmp_path), "m").restatements()
    assert stored["cause"].to_list() == ["restated", "preprocessing"]
    assert stored["previous_digest"].to_list() == [first.digest, second.digest]
    assert stored["previous_rows"].to_list() == [2, 1]


def test_later_knowledge_is_not_undone(tmp_path: Path) -> None:
    """A run as of an earlier day does not undo a later one's correction."""
    lake = Lake(str(tmp_path), "m")
    newer = put(lake, 0, [1.0], as_of=START + timedelta(days=5))
    assert put(lake, 0, [7.0], as_of=START + timedelta(days=2)) == newer
    assert lake.partitions()["2026-01-01"].digest == newer.digest


def test_a_column_may_come_and_go_but_not_change_its_type(tmp_path: Path) -> None:
    """Added and dropped columns need no new table; a changed type is refused before anything is
    written.
    """
    lake = Lake(str(tmp_path), "m")
    put(lake, 0, [1.0])
    wider = rows_of(0, [1.0]).with_columns(city=pl.lit("rome"))
    columns = {"at": "datetime", "id": "int", "minutes": "float", "city": "category"}
    lake.replace(wider, NOTHING_BAD, record_of(0, wider, START, preprocessing="q", columns=columns))
    assert lake.scan(dataset_of(lake)).collect().equals(wider)
    narrow = rows_of(0, [3.0])
    lake.replace(narrow, NOTHING_BAD, record_of(0, narrow, START, preprocessing="r"))
    assert lake.scan(dataset_of(lake)).collect().equals(narrow)
    changed = narrow.with_columns(pl.col("minutes").cast(pl.String))
    version = lake.refresh().version
    with pytest.raises(TerminalError, match="declared with another type") as caught:
        lake.replace(changed, NOTHING_BAD, record_of(0, changed, START, preprocessing="s"))
    assert caught.value.received == "minutes: double -> string"
    assert lake.refresh().version == version


def test_an_unusable_lake_is_a_transient_error(tmp_path: Path) -> None:
    """A location without write access is named; it may be there at the next try."""
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(TransientError, match="the lake cannot be used at"):
        put(Lake(str(tmp_path / "file"), "m"), 0, [1.0])


def _write_days(root: str, first: int) -> None:
    lake = Lake(root, "m")
    for turn in range(6):
        put(lake, turn % 3, [float(first + turn)], as_of=START + timedelta(hours=turn))
        put(lake, 10 + first + turn, [1.0])


def test_writers_at_once_lose_and_double_nothing(tmp_path: Path) -> None:
    """Four processes writing the same and other partitions: each partition is there once, with one
    record's content.
    """
    writers = [
        subprocess.Popen([sys.executable, __file__, str(tmp_path), str(10 * n)]) for n in range(4)
    ]
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0, 0, 0]
    lake = Lake(str(tmp_path), "m")
    records = lake.partitions()
    assert len(records) == 3 + 4 * 6
    dataset = dataset_of(lake)
    for day, record in records.items():
        assert frame_digest(lake.read_partition(dataset, date.fromisoformat(day))) == record.digest
    assert lake.scan(dataset).collect().height == len(records)


def test_records_are_read_from_new_commits_only_and_stay_right(tmp_path: Path) -> None:
    """A lake opened before others wrote sees their partitions and notes as one opened afterwards
    does.
    """
    early = Lake(str(tmp_path), "m")
    put(early, 0, [1.0])
    other = Lake(str(tmp_path), "m")
    put(other, 1, [1.0])
    later = START + timedelta(days=9)
    note = Reading(
        as_of=later,
        created=later,
        preprocessing="p2",
        unchanged=["2026-01-01"],
        empty=["2026-01-05"],
    )
    other.note(note)
    put(other, 2, [2.0])
    assert early.partitions() == Lake(str(tmp_path), "m").partitions()
    assert early.partitions()["2026-01-01"].as_of == later
    assert early.refresh().empty == {"2026-01-05"}


if __name__ == "__main__":
    _write_days(sys.argv[1], int(sys.argv[2]))
