"""Files, wherever they lie and however many days they hold, come in as they are or not at all."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from tests.core.lake.conftest import MakeJob

from airworthy.errors import TerminalError
from airworthy.lake.sources import open_source
from airworthy.lake.sources.download import text_digest

DAYS = [date(2026, 1, day) for day in (1, 2, 3)]
MANY = "at,id,city,minutes\n2026-01-01 05:00,1,rome,1\n2026-01-03 06:00,3,rome,3\n2026-01-01 04:00,2,rome,2\n"


def csv_source(path: str, **more: object) -> dict[str, object]:
    """Return a source of CSV files."""
    return {"type": "files", "format": "csv", "path": path, **more}


def put_file(tmp_path: Path, name: str, text: str) -> Path:
    """Write a text file and return its path.

    Args:
        tmp_path: The test's folder.
        name: Of the file.
        text: Its content.
    """
    path = tmp_path / "models/trips" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
    return path


def ids(frame: pl.DataFrame | None) -> list[str] | None:
    """Return the ids of the rows."""
    return None if frame is None else frame["id"].cast(pl.String).to_list()


def test_placeholders_pick_a_day_s_file(make_job: MakeJob, put_day: Callable[..., Path]) -> None:
    """A dated path is relative to the model's folder; a day without a file is a day without data."""
    put_day(1, rows=2)
    put_day(3, rows=1)
    source = open_source(make_job())
    assert [ids(source.read(day)) for day in DAYS] == [["1000", "1001"], None, ["3000"]]


def test_a_glob_joins_a_day_s_files_in_order(make_job: MakeJob, tmp_path: Path) -> None:
    """Several files of a day are read in the order of their names; a column missing in one is null
    there.
    """
    put_file(tmp_path, "in/2026-01-01/b.csv", "at,id,city\n2026-01-01,2,oslo\n")
    put_file(tmp_path, "in/2026-01-01/a.csv", "at,id,minutes\n2026-01-01,1,5\n")
    read_rows = open_source(make_job(source=csv_source("in/{yyyy}-{mm}-{dd}/*.csv"))).read(DAYS[0])
    assert read_rows is not None
    assert read_rows.select("id", "city", "minutes").rows() == [
        ("1", None, "5"),
        ("2", "oslo", None),
    ]


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_file_of_many_days_is_cut_by_event_time(
    make_job: MakeJob, tmp_path: Path, form: str
) -> None:
    """Each day gets its own rows in the file's order, and days between have none."""
    path = put_file(tmp_path, "all.csv", MANY)
    if form == "parquet":
        pl.read_csv(path, try_parse_dates=True).write_parquet(path.with_suffix(".parquet"))
    source = open_source(make_job(source={"type": "files", "format": form, "path": f"all.{form}"}))
    assert [ids(source.read(day)) for day in DAYS] == [["1", "2"], None, ["3"]]


def test_a_many_day_file_is_parsed_once(make_job: MakeJob, tmp_path: Path) -> None:
    """After the first partition the file itself is not needed any more: later partitions read their
    own part.
    """
    path = put_file(tmp_path, "all.csv", MANY)
    source = open_source(make_job(source=csv_source("all.csv")))
    assert ids(source.read(DAYS[0])) == ["1", "2"]
    path.unlink()
    assert ids(source.read(DAYS[2])) == ["3"]


def test_monthly_files_and_globs_of_many_days(make_job: MakeJob, tmp_path: Path) -> None:
    """Without a day in the path files hold many days, also when there are several of them."""
    put_file(tmp_path, "m/2026-01-a.csv", MANY)
    put_file(
        tmp_path,
        "m/2026-01-b.csv",
        "at,id,city,minutes\n2026-01-02 01:00,9,rome,1\n2026-01-01 01:00,8,rome,1\n",
    )
    source = open_source(make_job(source=csv_source("m/{yyyy}-{mm}-*.csv")))
    assert [ids(source.read(day)) for day in DAYS] == [["1", "2", "8"], ["9"], ["3"]]


def test_rows_without_a_readable_time_are_not_lost(make_job: MakeJob, tmp_path: Path) -> None:
    """They come with the file's first day, where conforming quarantines them; a file of nothing
    else is refused.
    """
    put_file(tmp_path, "all.csv", MANY + "soon,7,rome,1\n")
    assert ids(open_source(make_job(source=csv_source("all.csv"))).read(DAYS[0])) == ["1", "2", "7"]
    put_file(tmp_path, "all.csv", "at,id,city,minutes\nsoon,7,rome,1\n")
    with pytest.raises(TerminalError, match=r"no row of .* has an event time"):
        open_source(make_job(source=csv_source("all.csv"))).read(DAYS[0])


def test_rename_and_derive(make_job: MakeJob, tmp_path: Path) -> None:
    """Derived columns are SQL over the file's own columns; then columns take their declared names."""
    put_file(tmp_path, "in/2026-01-01.csv", "day,hr,nr,town,minutes\n2026-01-01,7,1,rome,3\n")
    more = {
        "rename": {"nr": "id", "town": "city"},
        "derive": {"at": "CONCAT(day, ' ', LPAD(hr, 2, '0'), ':00')"},
    }
    read_rows = open_source(make_job(source=csv_source("in/{yyyy}-{mm}-{dd}.csv", **more))).read(
        DAYS[0]
    )
    assert read_rows is not None
    assert read_rows.select("at", "id", "city").row(0) == ("2026-01-01 07:00", "1", "rome")


@pytest.mark.parametrize(
    ("derive", "problem"), [("nowhere + 1", "does not fit"), ("((", "is not SQL")]
)
def test_a_wrong_derivation_is_named(
    make_job: MakeJob, put_day: Callable[..., Path], derive: str, problem: str
) -> None:
    """A faulty expression is named, with the present columns."""
    put_day(1)
    source = open_source(
        make_job(source=csv_source("in/{yyyy}-{mm}-{dd}.csv", derive={"x": derive}))
    )
    with pytest.raises(TerminalError, match=problem):
        source.read(DAYS[0])


def test_checksums_hold_whatever_the_line_ends(make_job: MakeJob, tmp_path: Path) -> None:
    """The same text with CRLF is the same file; another text is refused with both checksums."""
    digest = hashlib.sha256(MANY.encode()).hexdigest()
    put_file(tmp_path, "all.csv", MANY.replace("\n", "\r\n"))
    job = make_job(source=csv_source("all.csv", sha256=digest))
    assert ids(open_source(job).read(DAYS[2])) == ["3"]
    put_file(tmp_path, "all.csv", MANY.replace("rome", "Rome"))
    with pytest.raises(TerminalError, match="not the file that the spec means") as caught:
        open_source(job).read(DAYS[0])
    assert digest in str(caught.value.allowed)


def test_line_ends_split_between_chunks(tmp_path: Path) -> None:
    """A CRLF across two chunks of a large file still counts as one line end."""
    text = b"x" * ((1 << 20) - 1) + b"\r\n" + b"y\r"
    path = tmp_path / "large"
    path.write_bytes(text)
    assert text_digest(path) == hashlib.sha256(text.replace(b"\r\n", b"\n")).hexdigest()


def test_a_download_s_member_is_taken_from_a_filled_cache(
    make_job: MakeJob, tmp_path: Path
) -> None:
    """A folder with the member and the right checksum needs no network, and is not written to."""
    cache = tmp_path / "downloads"
    cache.mkdir()
    (cache / "all.csv").write_text(MANY)
    cache.chmod(0o555)
    more = {"member": "deep/all.csv", "sha256": hashlib.sha256(MANY.encode()).hexdigest()}
    job = make_job(source=csv_source("https://127.0.0.1:1/data.zip", **more))
    assert ids(open_source(job).read(DAYS[2])) == ["3"]
    assert [path.name for path in cache.iterdir()] == ["all.csv"]


def test_a_local_archive_and_a_missing_member(make_job: MakeJob, tmp_path: Path) -> None:
    """A member is taken from a local .zip too; a missing one is named beside those there are."""
    archive = put_file(tmp_path, "data.zip", "")
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("deep/all.csv", MANY)
    assert ids(
        open_source(make_job(source=csv_source("data.zip", member="deep/all.csv"))).read(DAYS[2])
    ) == ["3"]
    with pytest.raises(TerminalError, match=r"no member 'other\.csv'") as caught:
        open_source(make_job(source=csv_source("data.zip", member="other.csv"))).read(DAYS[0])
    assert caught.value.received == "deep/all.csv"
    put_file(tmp_path, "data.zip", "no archive")
    with pytest.raises(TerminalError, match=r"not a \.zip archive"):
        open_source(make_job(source=csv_source("data.zip", member="all.csv"))).read(DAYS[0])


def test_an_object_store_s_files(make_job: MakeJob) -> None:
    """Addresses known to fsspec are read like local ones, dated and by glob."""
    import fsspec

    store = fsspec.filesystem("memory")
    store.pipe("/bucket/2026-01-01/a.csv", b"at,id,city,minutes\n2026-01-01 01:00,1,rome,1\n")
    store.pipe("/bucket/2026-01-01/b.csv", b"at,id,city,minutes\n2026-01-01 02:00,2,rome,1\n")
    dated = open_source(make_job(source=csv_source("memory://bucket/{yyyy}-{mm}-{dd}/*.csv")))
    assert [ids(dated.read(day)) for day in DAYS[:2]] == [["1", "2"], None]
    many = open_source(make_job(source=csv_source("memory://bucket/2026-01-01/a.csv")))
    assert ids(many.read(DAYS[0])) == ["1"]
