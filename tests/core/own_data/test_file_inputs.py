"""Files in the forms that people have come in as they are, or are refused by name, line and value.

Each row of the tables writes a file, and ingests it with the real parts into a real lake.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pyarrow
import pytest
from tests.core.own_data.world import Ingested, ingest_window, model_folder, write_model

from airworthy.errors import TerminalError
from airworthy.lake.sources import open_source
from airworthy.lake.sources.csv_sniffer import sniff_csv, written
from airworthy.spec.loading import SpecError

PLAIN = "at,id,city,minutes\n2026-01-01 05:00,1,rome,1.5\n2026-01-03 06:00,2,münchen,2\n"
GERMAN = PLAIN.replace(".", "|").replace(",", ";").replace("|", ",")
COMMAS = PLAIN.replace("1.5", '"1,5"').replace("03 06", "01 06").replace(",2\n", ',"2,25"\n')
DOLLARS = (
    COMMAS.replace('"1,5"', '"$1,500.5"').replace('"2,25"', "$7.00").replace(",2\n", ",$2.00\n")
)
ROWS = [(1, "rome", 1.5), (2, "münchen", 2.0)]
BOM = b"\xef\xbb\xbf"
DAY_1 = datetime(2026, 1, 1, 5, tzinfo=UTC)


def ingest_file(root: Path, content: bytes | str, name: str = "all.csv", **source: Any) -> Ingested:
    """Write a file into the model's folder and ingest it.

    Args:
        root: The test's folder.
        content: Of the file.
        name: Of the file.
        source: Keys of ``ingest.source``.
    """
    path = model_folder(root) / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return ingest_window(write_model(root, source={"path": name} | source))


def kept(outcome: Ingested) -> list[tuple[Any, ...]]:
    """Return the rows without their time, and assert that there was no error."""
    assert outcome.message == ""
    return outcome.rows.select("id", "city", "minutes").rows()


@pytest.mark.parametrize(
    ("content", "form"),
    [
        (PLAIN, None),
        (BOM + PLAIN.encode(), None),
        (PLAIN.replace("\n", "\r\n"), None),
        (PLAIN.replace("rome", '"rome"'), None),
        ("\n" + PLAIN + "\n\n", None),
        (PLAIN + ",,,\n", None),
        (GERMAN, {"separator": ";", "decimal": ","}),
        (GERMAN.replace("1,5", '"1,5"'), {"separator": ";", "decimal": ","}),
        (PLAIN.replace(",", "\t"), {"separator": "\t"}),
        (PLAIN.encode("latin-1"), {"encoding": "latin-1"}),
        (PLAIN.encode("cp1252"), {"encoding": "cp1252"}),
        (PLAIN.encode("utf-16"), {"encoding": "utf-16"}),
        (BOM + PLAIN.encode(), {"encoding": "utf-8-sig"}),
        (PLAIN.replace("rome", "'rome'"), {"quote": "'"}),
        ("Trips of January, all\n\n" + PLAIN, {"skip_lines": 1}),
        ("Über uns\nx\n".encode("cp1252") + PLAIN.encode("cp1252"), {"skip_lines": 2, "encoding": "cp1252"}),
        (PLAIN.split("\n", 1)[1], {"header": False, "names": ["at", "id", "city", "minutes"]}),
        (gzip.compress(PLAIN.encode(), mtime=0), None),
        (gzip.compress(GERMAN.encode("cp1252"), mtime=0), {"separator": ";", "decimal": ",", "encoding": "cp1252"}),
        (bz2.compress(PLAIN.encode()), None),
        (lzma.compress(PLAIN.encode()), None),
        (pyarrow.compress(PLAIN.encode(), codec="zstd", asbytes=True), None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("many_days", [True, False])
def test_a_csv_file_of_a_declared_form_comes_in_whole(
    tmp_path: Path, content: bytes | str, form: dict[str, Any] | None, many_days: bool
) -> None:
    """Any declared form gives the same rows, in files of many days and of one."""
    csv: dict[str, Any] = {} if form is None else {"csv": form}
    if many_days:
        assert kept(ingest_file(tmp_path, content, **csv)) == ROWS
    else:
        path = model_folder(tmp_path) / "2026-01-01.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        job = write_model(tmp_path, source={"path": "{yyyy}-{mm}-{dd}.csv"} | csv)
        rows = open_source(job).read(date(2026, 1, 1))
        assert rows is not None
        assert rows.select("id", "city").rows() == [("1", "rome"), ("2", "münchen")]


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("1,5", 1.5),
        ("-1,5e2", -150.0),
        ("7", 7.0),
        ("1.234,5", 1234.5),
        ("1.234.567", 1234567.0),
        ("1.234", None),
        ("1.5", None),
    ],
)
def test_a_point_is_no_decimal_mark_beside_decimal_commas(
    tmp_path: Path, cell: str, number: float | None
) -> None:
    """Points stand between thousands where that is plain; any other one makes the cell unreadable."""
    text = f"{GERMAN}2026-01-02 07:00;3;rome;{cell}\n2026-01-02 08:00;4;rome;1,0\n"
    path = model_folder(tmp_path) / "all.csv"
    path.write_text(text)
    source = {"path": "all.csv", "csv": {"separator": ";", "decimal": ","}}
    outcome = ingest_window(write_model(tmp_path, source=source, ingest={"max_bad_share": 0.5}))
    assert kept(outcome)[1:2] == (
        [(3, "rome", number)] if number is not None else [(4, "rome", 1.0)]
    )
    assert outcome.quarantine["reason"].to_list() == (
        [] if number is not None else ["unparsable minutes"]
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (GERMAN, ["line 2: this row has 2 cells, and there are 1", 'csv: {separator: ";", decimal: ","}']),
        (PLAIN.replace(",", "\t"), ["line 1: there is no column", r'csv: {separator: "\t"}']),
        (PLAIN.encode("cp1252"), ["line 3: this is not UTF-8", "münchen", 'csv: {encoding: "cp1252"}']),
        ("at,id,cité,minutes\n1,2,3,4\n".encode("cp1252"), ["line 1: this is not UTF-8"]),
        (PLAIN.encode("utf-16"), ["line 1: this is not UTF-8", 'csv: {encoding: "utf-16"}']),
        (PLAIN.replace("ü", "u").encode("utf-16-le"), ["line 4: ", 'csv: {encoding: "utf-16-le"}']),
        (PLAIN + "2026-01-03 07:00,3,rome,1,5\n", ["line 4: this row has 5 cells, and there are 4", "correct line 4"]),
        (PLAIN + "2026-01-03 07:00,3,rome\n", ["line 4: this row has 3 cells, and there are 4"]),
        (PLAIN + '2026-01-03 07:00,3,"rome,1\n' + PLAIN * 3, ["line 4: a quotation mark is not closed", '"rome,1']),
        (PLAIN + '2026-01-03 07:00,3,"ro"me,1\n', ["line 4: "]),
        (PLAIN + '2026-01-03 07:00,3,5" pipe,1\n', ["line 4: a quotation mark is within a cell", "csv: {quote: null}"]),
        (PLAIN + '2026-01-03 07:00,3,5" pipe,1\n' + '1,4,"x\ny",1\n' * 9, ["line 4: a quotation mark is within"]),
        (DOLLARS, ["no cell of column 'minutes' can be read as float", "derive: {minutes:", "'$', ''), ',', '')"]),
        (PLAIN.replace("\n", "\r\r\n"), ["no column 'minutes'", "city, 'minutes\\r'"]),
        (COMMAS, ["no cell of column 'minutes' can be read as float", 'csv: {decimal: ","}']),
        ("Trips of January\n" + PLAIN, ["line 2: this row has 4 cells", "csv: {skip_lines: 1}"]),
        (PLAIN.replace("\n", "\r"), ["CR alone"]),
        ("", ["all.csv is empty"]),
        ("at,id,city,minutes\n", ["all.csv has no rows"]),
        ("at,id,id,city,minutes\n2026-01-01,1,1,rome,2\n", ["all.csv has the column 'id' more than once"]),
        (gzip.compress(PLAIN.encode() * 99, mtime=0)[:-9], ["all.csv is cut off or damaged"]),
        (bz2.compress(PLAIN.encode() * 99)[:-9], ["all.csv is cut off or damaged"]),
        (lzma.compress(PLAIN.encode() * 99)[:-9], ["all.csv is cut off or damaged"]),
        (pyarrow.compress(PLAIN.encode() * 99, codec="zstd", asbytes=True)[:-9], ["all.csv is cut off or damaged"]),
        (b"PK\x03\x04" + PLAIN.encode(), ["all.csv is a .zip archive", "ingest.source.member"]),
    ],
)  # fmt: skip
def test_a_csv_file_of_another_form_is_refused_with_what_to_write(
    tmp_path: Path, content: bytes | str, message: list[str]
) -> None:
    """The error names file and line, and the option to write where only one fits."""
    outcome = ingest_file(tmp_path, content)
    assert [text for text in message if text not in outcome.message] == []
    assert outcome.rows.is_empty()


@pytest.mark.parametrize(
    ("content", "form"),
    [
        (GERMAN, 'csv: {separator: ";", decimal: ","}'),
        (
            GERMAN.split("\n", 1)[1],
            'csv: {separator: ";", decimal: ",", header: false, '
            "names: [column_1, column_2, column_3, column_4]}",
        ),
        (GERMAN.replace("münchen", "Łódź i Kraków").encode("cp1250"), None),
        (
            GERMAN.replace("münchen", "Москва, Санкт-Петербург").encode("cp1251"),
            'csv: {separator: ";", decimal: ",", encoding: "cp1251"}',
        ),
        (GERMAN.replace("1,5", "1,500").replace(";2\n", ";2,250\n"), 'csv: {separator: ";"}'),
        ("a;b,c;d\n1;2,3;4\n5;6,7;8\n", None),
        (PLAIN, None),
    ],
)  # fmt: skip
def test_the_sniffer_answers_where_one_form_fits(
    tmp_path: Path, content: bytes | str, form: str | None
) -> None:
    """Two forms that fit are no answer; nor is the default form."""
    path = tmp_path / "all.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    found = sniff_csv(path)
    assert (None if found is None else written(found)) == form


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ({"csv": {"separator": "§"}}, "one ASCII character"),
        ({"csv": {"quote": "\n"}}, "one ASCII character"),
        ({"csv": {"quote": ","}}, "the quotation mark is the separator"),
        ({"csv": {"encoding": "latin-99"}}, "no such encoding"),
        ({"csv": {"encoding": "rot13"}}, "no such encoding"),
        ({"csv": {"header": False, "names": ["a", "a"]}}, "a name of its own"),
        ({"path": "${DATA}/all.csv"}, "environment variables are not replaced"),
        ({"path": "$DATA/all.csv"}, "environment variables are not replaced"),
    ],
)
def test_a_form_that_cannot_be_is_a_fault_of_the_spec(
    tmp_path: Path, source: dict[str, Any], problem: str
) -> None:
    """`airworthy check` says so before any file is read."""
    with pytest.raises(SpecError, match=problem):
        write_model(tmp_path, source={"path": "all.csv"} | source)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ('{"at":"2026-01-01T05:00:00Z","id":1,"city":"rome","minutes":1.5,"tags":["x"]}\n\n'
         '{"minutes":"2","id":2,"city":"münchen","at":"2026-01-03 06:00"}', ROWS),
        ('{"at":"2026-01-01","id":9007199254740993,"city":7,"minutes":1e-12}\n'
         '{"at":"2026-01-01","id":2,"city":null,"minutes":NaN}', [(2, None, None), (9007199254740993, "7", 1e-12)]),
        ('{"at":"2026-01-01","id":1,"city":{"a":1},"minutes":1}', "line 1: column 'city' has a list or an object"),
        ('{"at":"2026-01-01","id":1}\n{"at":"2026', "line 2: this is not a JSON object"),
        ('[1,2]', "line 1: this is not a JSON object"),
        ('{"at":"2026-01-01","id":1,"id":2,"city":"a","minutes":1}', "a name is there twice"),
        (b'{"at":"2026-01-01","id":1,"city":"\xff","minutes":1}', "not UTF-8"),
        ("", "all.jsonl has no column 'at'"),
    ],
)  # fmt: skip
def test_json_lines(
    tmp_path: Path, lines: str | bytes, expected: list[tuple[Any, ...]] | str
) -> None:
    """Numbers keep their digits, keys may be missing, and a nested value is refused where declared."""
    outcome = ingest_file(tmp_path, lines, "all.jsonl", format="jsonl")
    if isinstance(expected, str):
        assert expected in outcome.message
    else:
        assert kept(outcome) == expected


def write_workbook(path: Path, above: int = 0, sheet: str | None = None) -> None:
    """Write an Excel file of two rows: a text that is a number, a number that is a text, an error.

    Args:
        path: The file.
        above: Lines above the header.
        sheet: The name of a second sheet with the rows; None: they are on the first.
    """
    book = openpyxl.Workbook()
    page = book.active if sheet is None else book.create_sheet(sheet)
    assert page is not None
    for number in range(above):
        page.append([f"Report {number}"])
    page.append(["at", "id", "city", "minutes", "tiny"])
    page.append([datetime(2026, 1, 1, 5), 1, "rome", "1.5", 1e-12])
    page.append([datetime(2026, 1, 3, 6), 2, 7, 2, "x"])
    page.append([])
    book.save(path)


@pytest.mark.parametrize(
    ("above", "sheet", "excel", "expected"),
    [
        (0, None, None, [(1, "rome", 1.5, "1e-12"), (2, "7", 2.0, "x")]),
        (2, "Trips", {"sheet": "Trips", "skip_lines": 2}, [(1, "rome", 1.5, "1e-12"), (2, "7", 2.0, "x")]),
        (0, None, {"sheet": "Nope"}, "no sheet 'Nope'"),
        (0, "Trips", None, "all.xlsx is empty"),
        (0, None, {"skip_lines": 9}, "all.xlsx is empty"),
    ],
)  # fmt: skip
def test_excel_files(
    tmp_path: Path,
    above: int,
    sheet: str | None,
    excel: dict[str, Any] | None,
    expected: list[tuple[Any, ...]] | str,
) -> None:
    """Dates are dates, numbers stored as text are numbers, and small numbers are not rounded."""
    write_workbook(model_folder(tmp_path) / "all.xlsx", above, sheet)
    source = {"path": "all.xlsx", "format": "excel"} | ({} if excel is None else {"excel": excel})
    columns = {"id": "int", "city": "category", "tiny": "string", "minutes": "float"}
    outcome = ingest_window(write_model(tmp_path, source=source, columns=columns))
    if isinstance(expected, str):
        assert expected in outcome.message
    else:
        assert outcome.message == ""
        assert outcome.rows.select("id", "city", "minutes", "tiny").rows() == expected
        assert outcome.rows["at"].to_list()[0] == DAY_1


@pytest.mark.parametrize("form", ["excel", "parquet"])
def test_a_text_file_that_is_declared_as_another_is_refused(tmp_path: Path, form: str) -> None:
    """The error names the file and the declared format."""
    outcome = ingest_file(tmp_path, PLAIN, "all.bin", format=form)
    assert f"all.bin cannot be read as {form}" in outcome.message


@pytest.mark.parametrize(
    ("kind", "cell", "null"),
    [("csv", "NA", "NA"), ("csv", "-", "-"), ("csv", "-999.0", "-999.0"), ("parquet", -999.0, "-999")],
)  # fmt: skip
def test_null_values_are_no_value_in_every_column(
    tmp_path: Path, kind: str, cell: str | float, null: str
) -> None:
    """A declared text is null among categories and numbers; so is the number that it is."""
    folder = model_folder(tmp_path)
    rows = pl.DataFrame(
        {"at": ["2026-01-01"] * 2, "id": [1, 2], "city": ["rome", null], "minutes": [cell, cell]}
    )
    rows.write_csv(folder / "all") if kind == "csv" else rows.write_parquet(folder / "all")
    source = {"path": "all", "format": kind}
    outcome = ingest_window(write_model(tmp_path, source=source, ingest={"null_values": [null]}))
    assert kept(outcome) == [(1, "rome", None), (2, None, None)]


UNDECLARED = {
    "list": pl.Series([[1], None]),
    "array": pl.Series([[1, 2], None], dtype=pl.Array(pl.Int64, 2)),
    "struct": pl.Series([{"a": [b"\xff"]}, None]),
    "bytes": pl.Series([b"\xff\x00", None]),
    "duration": pl.Series([timedelta(hours=1), None]),
    "list of durations": pl.Series([[timedelta(hours=1)], None]),
    "decimal": pl.Series([Decimal("1.50"), None]),
    "time": pl.Series([time(5), None]),
    "null": pl.Series([None, None]),
    "Minutes": pl.Series([1, 2]),
}


@pytest.mark.parametrize("path", ["all.parquet", "{yyyy}-{mm}-{dd}.parquet"])
def test_columns_that_nobody_declared_harm_nothing(tmp_path: Path, path: str) -> None:
    """Columns of any type are passed over, also beside a row that goes to quarantine with them."""
    cities = ["rome", "oslo"]
    rows = pl.DataFrame({"at": DAY_1, "id": [1, None], "city": cities, "minutes": [1.0, 2.0]})
    rows.with_columns(column.alias(name) for name, column in UNDECLARED.items()).write_parquet(
        model_folder(tmp_path) / path.format(yyyy="2026", mm="01", dd="01")
    )
    source = {"path": path, "format": "parquet"}
    outcome = ingest_window(write_model(tmp_path, source=source, ingest={"max_bad_share": 0.5}))
    assert kept(outcome) == [(1, "rome", 1.0)]
    assert outcome.quarantine["reason"].to_list() == ["null key id"]


@pytest.mark.parametrize(
    ("kind", "column", "expected"),
    [
        ("category", UNDECLARED["list"], "no value of column 'x' can be kept"),
        ("string", UNDECLARED["bytes"], "no value of column 'x' can be kept"),
        ("float", UNDECLARED["duration"], "no value of column 'x' can be kept"),
        ("category", UNDECLARED["struct"], "no value of column 'x' can be kept"),
        ("float", UNDECLARED["decimal"], [1.5, None]),
        ("category", UNDECLARED["time"], ["05:00:00", None]),
        ("category", pl.Series([date(2026, 1, 1), None]), ["2026-01-01", None]),
        ("datetime", pl.Series([date(2026, 1, 1), None]), [datetime(2026, 1, 1, tzinfo=UTC), None]),
        ("category", pl.Series(["a", None], dtype=pl.Categorical), ["a", None]),
        ("float", UNDECLARED["null"], [None, None]),
        ("category", pl.Series([2**64 - 1, 1], dtype=pl.UInt64), ["18446744073709551615", "1"]),
        ("int", pl.Series([2**64 - 1, 1], dtype=pl.UInt64), "1 of 2 rows"),
        ("int", pl.Series([2**63 - 1, 1], dtype=pl.UInt64), [2**63 - 1, 1]),
    ],
)
def test_parquet_types(
    tmp_path: Path, kind: str, column: pl.Series, expected: list[Any] | str
) -> None:
    """A value of a declared type is kept exactly, or refused by the name of its column."""
    rows = pl.DataFrame({"at": [DAY_1, DAY_1], "id": [1, 2], "x": column, "minutes": [1.0, 2.0]})
    rows.write_parquet(model_folder(tmp_path) / "all.parquet")
    columns = {"id": "int", "x": kind, "minutes": "float"}
    source = {"path": "all.parquet", "format": "parquet"}
    outcome = ingest_window(write_model(tmp_path, source=source, columns=columns))
    if isinstance(expected, str):
        assert expected in outcome.message
    else:
        assert outcome.message == ""
        assert outcome.rows["x"].to_list() == expected


@pytest.mark.parametrize(
    ("name", "first", "second", "expected"),
    [
        ("at", datetime(2026, 1, 1, 4), DAY_1, [datetime(2026, 1, 1, 4, tzinfo=UTC), DAY_1]),
        ("at", date(2026, 1, 1), DAY_1, [datetime(2026, 1, 1, tzinfo=UTC), DAY_1]),
        ("at", "2026-01-01 04:00", DAY_1, [datetime(2026, 1, 1, 4, tzinfo=UTC), DAY_1]),
        ("id", 2**53 + 1, 1.0, [1, 2**53 + 1]),
        ("city", "rome", 7, ["rome", "7"]),
        ("minutes", 3, 1.5, [3.0, 1.5]),
        ("minutes", "3", 1.5, [3.0, 1.5]),
        ("tags", [1], "x", None),
    ],
)
def test_other_types_in_two_files_of_a_day(
    tmp_path: Path, name: str, first: object, second: object, expected: list[object] | None
) -> None:
    """Two files of a day with other types are one day's rows: each value stays what it is."""
    row = {"at": DAY_1, "city": "rome", "minutes": 1.0}
    for number, value in enumerate((first, second)):
        pl.DataFrame([{"id": number, **row, name: value}]).write_parquet(
            model_folder(tmp_path) / f"2026-01-01-{number}.parquet"
        )
    source = {"path": "{yyyy}-{mm}-{dd}-*.parquet", "format": "parquet"}
    outcome = ingest_window(write_model(tmp_path, source=source))
    assert outcome.message == ""
    assert outcome.rows.height == 2
    assert expected is None or outcome.rows[name].to_list() == expected


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("nope.csv", "there is no such file"),
        ("nope/*.csv", "no file matches the pattern"),
        ("nope/{yyyy}-{mm}-{dd}.csv", "there is no such folder"),
        (".", "is a folder"),
        ("../trips", "is a folder"),
        ("/proc/self/mem", "cannot be read"),
        ("x" * 300 + ".csv", "cannot be looked for"),
        ("~nobody_of_this_name/all.csv", "the home folder"),
        ("memory://nowhere/all.csv", "there is no such file"),
    ],
)
def test_a_path_that_leads_nowhere_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, path: str, problem: str
) -> None:
    """The first day's read is the error; no day is noted as one without data."""
    outcome = ingest_window(write_model(tmp_path, source={"path": path}))
    assert problem in outcome.message
    assert "has nothing for this day" not in caplog.text


@pytest.mark.parametrize(
    "name",
    ["a[1].csv", "a*.csv", "a?b.csv", "a#b.csv", "a%20b.csv", "ä ö.csv", "{x}.csv", "~a.csv"],
)
def test_a_name_of_a_file_is_no_pattern(tmp_path: Path, name: str) -> None:
    """A path that names a file exactly is this file alone."""
    (model_folder(tmp_path) / "a1.csv").write_text("no,columns\n")
    (model_folder(tmp_path) / "axb.csv").write_text("no,columns\n")
    assert kept(ingest_file(tmp_path, PLAIN, name)) == ROWS


@pytest.mark.parametrize("folder", ["pro ject", "a*b", "ü{dd}", "50% off", "a=b"])
def test_the_projects_own_path_is_no_pattern(tmp_path: Path, folder: str) -> None:
    """Files and lake below such a folder are read and written there, by name and by glob."""
    root = tmp_path / folder
    assert kept(ingest_file(root, PLAIN)) == ROWS
    assert kept(ingest_file(root, PLAIN, path="al*.csv")) == ROWS
    assert (root / "lake/trips/data/_delta_log").is_dir()


@pytest.mark.parametrize("folder", ["a[1]", "a%20b", "a#b", "a?b"])
def test_a_folder_in_which_no_table_can_be_is_refused(tmp_path: Path, folder: str) -> None:
    """The lake would be written elsewhere, or lose its history; the error says the way out."""
    with pytest.raises(TerminalError, match="no Delta table can be kept below") as caught:
        ingest_file(tmp_path / folder, PLAIN)
    assert "AIRWORTHY_STATE" in str(caught.value)


def test_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path that begins with ~/ is below the home folder; file:// is a local path, too."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    (tmp_path / "home/all.csv").write_text(PLAIN)
    assert kept(ingest_window(write_model(tmp_path, source={"path": "~/all.csv"}))) == ROWS
    address = (tmp_path / "home/all.csv").as_uri()
    assert kept(ingest_window(write_model(tmp_path, source={"path": address}))) == ROWS


def test_a_derivation_that_fails_on_a_row_is_named(tmp_path: Path) -> None:
    """A strict cast in SQL is an error of the spec, not of the file's format."""
    outcome = ingest_file(tmp_path, PLAIN, derive={"id": "CAST(city AS BIGINT)"})
    assert "ingest.source.derive fails on all.csv" in outcome.message
    assert "TRY_CAST" in outcome.message


def test_a_utf8_file_is_not_read_with_one_byte_for_a_letter(tmp_path: Path) -> None:
    """Any byte is a letter in latin-1: such a file would be misread without an error."""
    outcome = ingest_file(tmp_path, PLAIN, csv={"encoding": "latin-1"})
    assert "all.csv is UTF-8, and its spec says latin-1" in outcome.message


def test_columns_in_both_cases_are_two(tmp_path: Path) -> None:
    """`Fare` and `fare` are different columns of a file; the lake can keep one of each name."""
    with pytest.raises(SpecError, match="the lake cannot tell them apart"):
        write_model(tmp_path, source={"path": "all.csv"}, columns={"fare": "int", "Fare": "float"})
    text = "at,id,fare,Fare\n2026-01-01 05:00,1,1.5,x\n"
    (model_folder(tmp_path) / "all.csv").write_text(text)
    columns = {"id": "int", "Fare": "category", "minutes": "float"}
    source = {"path": "all.csv", "rename": {"fare": "minutes"}}
    outcome = ingest_window(write_model(tmp_path, source=source, columns=columns))
    assert outcome.rows.select("minutes", "Fare").rows() == [(1.5, "x")]
