"""`airworthy new-model --from`: the spec that is proposed for rows of many shapes."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import polars as pl
import pytest
import yaml

from airworthy.checks.check_spec import check_spec
from airworthy.errors import TerminalError
from airworthy.lake.casting import blanks_to_null, cast_column
from airworthy.lake.sources.scan_file import scan_file
from airworthy.lake.times import TimeRules, read_times
from airworthy.model_tests.feature_tests import feature_tests
from airworthy.model_tests.tests_file import load_tests
from airworthy.proposal.propose import Wishes
from airworthy.proposal.told import told_lines
from airworthy.proposal.write_model import new_model_from, open_origin
from airworthy.spec import ModelSpec, load_spec
from airworthy.spec.fields import ColumnType
from airworthy.spec.sources_part import FilesSource, SqlSource

START = datetime(2024, 3, 1)
ROWS = 600
random = np.random.default_rng(5)


def times(step: timedelta = timedelta(hours=2), rows: int = ROWS) -> list[datetime]:
    """Return naive times at equal distances."""
    return [START + number * step for number in range(rows)]


def numbers(rows: int = ROWS) -> list[float]:
    """Return normal numbers."""
    return [float(each) for each in random.normal(10, 2, rows)]


def trips(**more: Any) -> pl.DataFrame:
    """Return trips with a fare that depends on the distance."""
    km = np.abs(random.normal(5, 2, ROWS))
    return pl.DataFrame(
        {
            "at": times(),
            "km": km,
            "zone": random.choice(["north", "south"], ROWS),
            **more,
            "fare": 2 + 3 * km + random.normal(0, 3, ROWS),
        }
    )


def static(**columns: Any) -> pl.DataFrame:
    """Return rows without a time."""
    return pl.DataFrame({"size": numbers(), **columns})


@dataclass(frozen=True)
class Shape:
    """Rows, what is asked of them, and what the proposal says.

    Attributes:
        rows: The rows.
        label: The option ``--label``.
        ingest: Keys of ``ingest`` as proposed; None: the key is not there.
        told: Words of the command's output.
        inputs: The input columns, without the event time; None: any.
        task: The task.
        form: The file's format.
        wishes: Further options.
    """

    rows: Callable[[], pl.DataFrame]
    label: str | None
    ingest: dict[str, Any] = field(default_factory=dict)
    told: tuple[str, ...] = ()
    inputs: list[str] | None = None
    task: str = "regression"
    form: str = "csv"
    wishes: dict[str, Any] = field(default_factory=dict)


SHAPES = {
    "trips": Shape(
        trips, "fare", {"event_time": "at", "key": []}, ("label       fare: regression", "no zone"),
        ["km", "zone"],
    ),
    "parquet with a key": Shape(
        lambda: trips(trip_id=range(7, ROWS + 7)), "fare", {"key": ["trip_id"]}, ("key         trip_id",),
        ["km", "zone"], form="parquet",
    ),
    "later times and sums are no inputs": Shape(
        lambda: trips(end=[each + timedelta(minutes=9) for each in times()], tip=numbers())
        .with_columns(total=pl.col("fare") + pl.col("tip")),
        "fare", {"event_time": "at"},
        ("end: it is later than at in 100% of the rows", "total: the label can be computed from it"),
        ["km", "zone", "tip"], form="parquet",
    ),
    "copies of the label": Shape(
        lambda: trips().with_columns(cents=pl.col("fare") * 100, zone_too=pl.col("zone")),
        "fare", {}, ("cents: it is a copy of the label", "zone_too: it is a copy of zone"),
        ["km", "zone"],
    ),
    "nothing to learn from": Shape(
        lambda: trips(one=["same"] * ROWS, none=[None] * ROWS, text=[f"a note {n}" for n in range(ROWS)]),
        "fare", {},
        ("one: it has one value: same", "none: it has no value", "text: free text or an id"),
        ["km", "zone"],
    ),
    "nested cells": Shape(
        lambda: trips(tags=[["a", "b"]] * ROWS), "fare", {}, ("tags: its cells are of type List",),
        ["km", "zone"], form="parquet",
    ),
    "words for no value": Shape(
        lambda: trips(age=["NA" if n % 9 == 0 else str(n % 40) for n in range(ROWS)],
                      kind=["?" if n % 7 == 0 else "ab"[n % 2] for n in range(ROWS)]),
        "fare", {"null_values": ["NA", "?"]}, ("no value    NA, ?",), ["km", "zone", "age", "kind"],
    ),
    "names that are no identifiers": Shape(
        lambda: trips().rename({"km": "distance [km] <x>", "zone": "partition", "fare": "Preis (€)"}),
        "Preis (€)",
        {"label": "Preis", "event_time": "at"},
        ("'distance [km] <x>' -> distance_km_x", "'partition' -> partition_"),
        ["distance_km_x", "partition_"],
    ),
    "unicode and reserved words": Shape(
        lambda: trips().rename({"km": "größe", "zone": "no"}), "fare", {}, (), ["größe", "no"],
    ),
    "up and down": Shape(
        lambda: trips().with_columns(move=pl.when(pl.col("km") > 5).then(pl.lit("UP")).otherwise(pl.lit("DOWN")))
        .drop("km"),
        "move", {"positive": "UP"}, ("binary (two values; yes is 'UP': by its word)",), task="binary",
    ),
    "one and two, and the wish": Shape(
        lambda: trips(risk=random.choice([1, 2], ROWS)), "risk", {"positive": 1},
        ("yes is '1': as you said",), task="binary", wishes={"positive": "1"},
    ),
    "one class in the newest days": Shape(
        lambda: trips(late=["yes" if n < 300 and n % 3 else "no" for n in range(ROWS)]), "late", {},
        ("late is false in all rows of the newest",), task="binary",
    ),
    "zero and one": Shape(
        lambda: trips(late=random.choice([0, 1], ROWS)), "late", {"positive": None}, (), task="binary",
    ),
    "classes": Shape(
        lambda: static(kind=random.choice(["setosa", "versicolor", "virginica"], ROWS)), "kind",
        {"static": True}, ("static data, divided by a hash", "no drift can be seen"), ["size"],
        task="multiclass",
    ),
    "income": Shape(
        lambda: static(
            work=random.choice(["private", "?", "state"], ROWS), income=random.choice(["<=50K", ">50K"], ROWS)
        ),
        "income", {"positive": ">50K", "null_values": ["?"], "static": True}, ("yes is '>50K'",),
        task="binary",
    ),
    "blanks around texts": Shape(
        lambda: static(work=random.choice([" private", "? ", " state"], ROWS), kind=random.choice(["a", "b "], ROWS),
                       income=random.choice([" <=50K", " >50K"], ROWS)).drop("size"),
        "income", {"positive": ">50K", "null_values": ["?"]}, ("work -> work, such as '",), ["work", "kind"],
        task="binary",
    ),
    "a label by its name": Shape(
        lambda: static(target=numbers()), None, {"label": "target"}, (), ["size"],
    ),
    "rows of one day": Shape(
        lambda: trips().with_columns(at=pl.lit("2024-03-01 08:00:00")), "fare", {"static": True},
        (), ["km", "zone"],
    ),
    "few days": Shape(
        lambda: trips().with_columns(at=pl.Series(times(timedelta(minutes=3)))), "fare",
        {"static": True}, ("of 2 days, too few to divide by time",), ["km", "zone"], form="parquet",
    ),
    "weeks": Shape(
        lambda: pl.DataFrame({"week": [str(each.date()) for each in times(timedelta(weeks=1), 160)],
                              "price": numbers(160), "units": random.poisson(90, 160)}),
        "units", {"event_time": "week"}, ("monitor 28d",), ["price"],
    ),
    "epoch seconds": Shape(
        lambda: trips().with_columns(created_ts=pl.col("at").dt.epoch("s")).drop("at"), "fare",
        {"event_time": "created_ts", "time_format": "epoch_s"}, ("format epoch_s",), form="parquet",
    ),
    "JSON lines": Shape(
        lambda: trips(paid=random.choice([True, False], ROWS)), "fare", {}, (),
        ["km", "zone", "paid"], form="jsonl",
    ),
    "codes are no numbers": Shape(
        lambda: trips(zip=random.choice(["01067", "10115", "80331"], ROWS)), "fare", {},
        ("zip (category)",),
    ),
    "amounts with a sign are no key": Shape(
        lambda: trips(price=[f"${n + 1000:,}.50" for n in range(ROWS)]), "fare", {"key": []},
        ("price -> price, such as '$1,000.50'",), ["km", "zone", "price"],
    ),
    "names that differ in case only": Shape(
        lambda: trips(Zone=random.choice(["a", "b"], ROWS)), "fare", {}, ("'Zone' -> Zone_2",),
        ["km", "zone", "Zone_2"],
    ),
    "names of arguments and of our own": Shape(
        lambda: trips(self=numbers(), name=numbers(), frame=numbers(), __row_number=numbers()), "fare",
        {}, ("'__row_number' -> row_number",), ["km", "zone", "self", "name", "frame", "row_number"],
    ),
    "objects in JSON lines": Shape(
        lambda: trips(place=[{"lat": n % 9, "at": "x"} for n in range(ROWS)], tags=[["a"], None] * (ROWS // 2)),
        "fare", {}, ("place: its cells are lists or objects", "tags: its cells are lists or objects"),
        ["km", "zone"], form="jsonl",
    ),
    "codes beyond a float's digits": Shape(
        lambda: trips(order=[10**18 + 7 * n for n in range(ROWS)], client=[2**53 + n % 3 for n in range(ROWS)]),
        "fare", {"key": ["order"]}, ("client (category)",), ["km", "zone", "client"], form="parquet",
    ),
    "a date beside its time": Shape(
        lambda: trips(day=[each.date() for each in times()]), "fare", {"event_time": "at"},
        ("day: it is the day of at",), ["km", "zone"],
    ),
    "a line of totals": Shape(
        lambda: trips(n=range(ROWS)).with_columns(pl.all().cast(pl.String)).vstack(
            pl.DataFrame([["Total", "9", "", "", "7"]], schema=["at", "km", "zone", "n", "fare"], orient="row")),
        "fare", {"key": ["n"], "max_bad_share": 0.08},
        ("1 rows have no time that can be read",), ["km", "zone"],
    ),
    "German dates under a German name": Shape(
        lambda: trips().with_columns(Datum=pl.col("at").dt.strftime("%d.%m.%Y")).drop("at"), "fare",
        {"event_time": "Datum", "time_format": "%d.%m.%Y"}, ("format %d.%m.%Y",), ["km", "zone"],
    ),
    "dates of two meanings are no category": Shape(
        lambda: trips().with_columns(when=pl.Series([f"0{n % 9 + 1}/0{n % 7 + 1}/2024" for n in range(ROWS)]))
        .drop("at"),
        "fare", {"static": True}, ("when: times of several formats: %d/%m/%Y or %m/%d/%Y",), ["km", "zone"],
    ),
    "ISO weeks": Shape(
        lambda: pl.DataFrame({"week": [f"{each:%G-W%V}" for each in times(timedelta(weeks=1), 160)],
                              "price": numbers(160), "units": random.poisson(90, 160)}),
        "units", {"event_time": "week", "time_format": "%G-W%V"}, ("2024-02-26 to",), ["price"],
    ),
    "ja and nein": Shape(
        lambda: trips(paid=random.choice(["ja", "nein"], ROWS)), "paid", {"positive": "ja"}, (), task="binary",
    ),
    "a sheet behind others, under a title": Shape(
        lambda: trips(number=range(5, ROWS + 5)), "fare", {"key": ["number"]}, ("km (float)",),
        ["km", "zone"], form="xlsx",
    ),
    "rows from long before": Shape(
        lambda: trips().with_columns(at=pl.Series([datetime(1970, 1, 1), *times()[1:]])), "fare", {},
        ("1 rows have no time that can be read, or one far from 2024-03-01",), form="parquet",
    ),
}  # fmt: skip


def write(rows: pl.DataFrame, folder: Path, form: str) -> Path:
    """Write rows as a file of a format."""
    path = folder / f"rows.{form}"
    if form == "csv":
        rows.write_csv(path)
    elif form == "parquet":
        rows.write_parquet(path)
    elif form == "xlsx":
        write_workbook(rows, path)
    else:
        rows.write_ndjson(path)
    return path


def write_workbook(rows: pl.DataFrame, path: Path) -> None:
    """Write rows to the second sheet, under a merged title and an empty line."""
    book = openpyxl.Workbook()
    book.active.append(["The rows are on the next sheet"])
    sheet = book.create_sheet("Data")
    for line in (["Trips of March 2024"], [], rows.columns, *rows.iter_rows()):
        sheet.append(line)
    sheet.merge_cells("A1:D1")
    book.save(path)


def propose(
    project: Path, origin: str, wishes: Wishes, query: str | None = None
) -> tuple[Path, str, ModelSpec]:
    """Propose the model ``mine``; return its folder, what the command says, and its spec."""
    models = project / "include" / "models"
    source = open_origin(origin, None, query)
    today = datetime.now(UTC).date()
    folder, proposal = new_model_from(models, project, "mine", source, wishes, today)
    told = "\n".join(told_lines(proposal, source[1].csv))
    return folder, told, load_spec(folder / "model.yaml")


@pytest.mark.parametrize("name", SHAPES)
def test_the_proposed_spec_is_valid_and_says_its_guesses(tmp_path: Path, name: str) -> None:
    """Check finds no fault, the features have their expected values, and the guesses are told."""
    shape = SHAPES[name]
    path = write(shape.rows(), tmp_path, shape.form)
    folder, told, spec = propose(tmp_path, str(path), Wishes(label=shape.label, **shape.wishes))

    assert check_spec(folder / "model.yaml").faults == []
    assert spec.task == shape.task
    written = yaml.safe_load((folder / "model.yaml").read_text(encoding="utf-8"))["ingest"]
    assert {key: written.get(key) for key in shape.ingest} == shape.ingest
    assert [words for words in shape.told if words not in told] == []
    if shape.inputs is not None:
        assert [name for name in spec.inputs if name != spec.ingest.event_time] == shape.inputs
    tested = feature_tests(folder, spec, load_tests(folder), set())
    assert (tested.outcome, tested.failures) == ("pass", [])
    assert (folder / str(written["source"]["path"])).resolve() == path.resolve()


@pytest.mark.parametrize(
    ("cell", "kind", "more"),
    [
        (lambda n: f"{n:,}", "int", 0),
        (lambda n: f"{n}.50 €", "float", 0.5),
        (lambda n: f"${n:,}.25", "float", 0.25),
        (lambda n: f"{n}.125%", "float", 0.125),
        (lambda n: f"{n:,}.5".replace(",", "'"), "float", 0.5),
        (lambda n: f"{n:,}".replace(",", "\u00a0"), "int", 0),
        (lambda n: f"{n:,}".replace(",", ".") + ",5", "float", 0.5),
        (lambda n: f"{n},5", "float", 0.5),
        (lambda n: f"({n:,})" if n > 899 else "", "int", None),
        (lambda n: f"EUR {n}", "int", 0),
        (lambda n: f"{n} km", "int", 0),
        (lambda n: f"{n % 900 + 100},125", None, 0),
        (lambda n: f"{n} {'€$'[n % 2]}", None, 0),
        (lambda n: f"c{n}", None, 0),
        (lambda n: f"{n:05} km", None, 0),
    ],
)
def test_amounts_are_plain_numbers_where_that_is_plain(
    tmp_path: Path, cell: Callable[[int], str], kind: ColumnType | None, more: float | None
) -> None:
    """A derived column has each amount's own number; what may mean two numbers is left out."""
    numbers = range(900, 900 + ROWS)
    path = write(trips(amount=list(map(cell, numbers))), tmp_path, "csv")
    _, told, spec = propose(tmp_path, str(path), Wishes(label="fare"))
    assert spec.ingest.columns.get("amount") == kind
    if kind is None:
        assert "amount: " in told
        return
    assert isinstance(spec.ingest.source, FilesSource)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    rows = scan_file(path, spec.ingest.source, spec.ingest.columns, scratch).collect()
    read = cast_column(blanks_to_null(rows["amount"], kind), kind).to_list()
    assert read == [-n if more is None else n + more for n in numbers]


def test_windows_fit_the_rows_and_the_end_is_that_of_the_data(tmp_path: Path) -> None:
    """Twelve rows a day: a monitor of weeks, a holdout with a whole one, an end in the past."""
    path = write(trips(), tmp_path, "csv")
    spec = propose(tmp_path, str(path), Wishes(label="fare"))[2]
    assert (spec.start, spec.end) == (date(2024, 3, 1), date(2024, 4, 19))
    assert spec.train.lookback == timedelta(days=50)
    rows = 12 * spec.monitor.window.days
    assert spec.monitor.min_rows < rows
    assert spec.train.min_rows < 12 * (spec.train.lookback - spec.train.holdout).days
    assert spec.train.holdout >= spec.monitor.window or spec.monitor.window.days > 10


def test_a_folder_a_pattern_and_dates_in_a_path_are_found_from_the_model(tmp_path: Path) -> None:
    """Several files are one source; its path leads from the model's folder to the same files."""
    days = trips().with_columns(day=pl.col("at").dt.date()).partition_by("day", as_dict=True)
    data = tmp_path / "data"
    data.mkdir()
    for (day,), rows in days.items():
        rows.drop("day").write_parquet(data / f"{day}.parquet")
    for number, origin in enumerate(
        (str(data), f"{data}/2024-*.parquet", f"{data}/{{yyyy}}-{{mm}}-{{dd}}.parquet")
    ):
        folder, told, spec = propose(tmp_path / str(number), origin, Wishes(label="fare"))
        assert "2024-03-01 to 2024-04-19" in told
        assert check_spec(folder / "model.yaml").faults == []
        assert isinstance(spec.ingest.source, FilesSource)
        assert spec.ingest.source.path.startswith(str(data))


@pytest.mark.parametrize(
    "at",
    [
        pl.col("at").dt.strftime("%Y-%m-%d %H:%M:%S"),
        pl.col("at").dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
        pl.col("at").dt.strftime("%d.%m.%Y %H:%M"),
        pl.col("at").dt.strftime("%m/%d/%Y"),
        pl.col("at").dt.epoch("ms"),
    ],
)
def test_a_table_and_a_query_of_a_database(tmp_path: Path, at: pl.Expr) -> None:
    """The only table is taken; the spec's query reads a day of it, whatever its times look like."""
    database = tmp_path / "trips.db"
    rows = trips().with_columns(at)
    with sqlite3.connect(database) as connection:
        connection.execute('CREATE TABLE trips (at TEXT, "km run" REAL, zone TEXT, fare REAL)')
        connection.executemany("INSERT INTO trips VALUES (?, ?, ?, ?)", rows.rows())
    connection.close()
    for number, query in enumerate((None, "SELECT * FROM trips WHERE zone = 'north';")):
        folder, _, spec = propose(
            tmp_path / str(number), f"sqlite:///{database}", Wishes(label="fare"), query
        )
        assert check_spec(folder / "model.yaml").faults == []
        assert "km_run" in spec.inputs
        assert isinstance(spec.ingest.source, SqlSource)
        bounds = {"start": "2024-03-02 00:00:00", "end": "2024-03-03 00:00:00"}
        with sqlite3.connect(database) as connection:
            found = connection.execute(spec.ingest.source.query, bounds).fetchall()
        connection.close()
        assert 0 < len(found) <= 12
        times_of_day = read_times(
            pl.Series([row[0] for row in found]), TimeRules.of(spec.ingest, "at")
        )
        assert set(times_of_day.values.dt.date()) == {date(2024, 3, 2)}


@pytest.mark.parametrize(
    ("origin", "wishes", "words"),
    [
        ("nope.csv", Wishes(label="fare"), "there is no such file"),
        ("row.csv", Wishes(label="fare"), "did you mean rows.csv?"),
        ("rows.csv", Wishes(), "allowed:  fare, zone, km"),
        ("rows.csv", Wishes(label="fair"), "next:     say --label fare"),
        ("rows.csv", Wishes(label="zone", task="regression"), "a regression label is a number"),
        ("rows.csv", Wishes(label="fare", task="binary"), "a binary label has two values"),
        ("rows.csv", Wishes(label="zone", positive="east"), "allowed:  north or south"),
        ("rows.csv", Wishes(label="fare", event_time="km"), "this is no column of times"),
        ("rows.csv", Wishes(label="fare", event_time="when"), "the source has no such column"),
        ("rows.csv", Wishes(label="fare", key=("zone",)), "does not identify a row"),
        ("s3://bucket/rows.csv", Wishes(label="fare"), "files on another machine"),
        ("sqlite:///nope.db", Wishes(label="fare"), "there is no such SQLite file"),
        ("*.parquet", Wishes(label="fare"), "no file matches this path"),
    ],
)
def test_what_cannot_be_seen_is_said_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, origin: str, wishes: Wishes, words: str
) -> None:
    """The error has what was received, what is allowed, and the next step."""
    monkeypatch.chdir(tmp_path)
    write(trips(), tmp_path, "csv")
    with pytest.raises(TerminalError) as refused:
        propose(tmp_path / "project", origin, wishes)
    assert words in str(refused.value)
    assert not list((tmp_path / "project").rglob("model.yaml"))
