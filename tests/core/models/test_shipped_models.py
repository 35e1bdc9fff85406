"""The shipped models are whole: their data comes in, their features stand alone, their gates pass."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airworthy.environment import Environment
from airworthy.features import check_expressions, load_expressions, row_dependent_features
from airworthy.handover import RunRequest
from airworthy.job import Job
from airworthy.lake import open_lake
from airworthy.lake.conform import conform
from airworthy.lake.digest import frame_digest
from airworthy.lake.sources.simulated_deliveries import generate_deliveries
from airworthy.spec import load_spec
from airworthy.spec.sources_part import SimulatorSource
from airworthy.stages.ingest import ingest

PROJECT = Path(__file__).resolve().parents[3]
MODELS = PROJECT / "include/models"
DAY = date(2026, 3, 2)
AS_OF = {
    "delivery_drift": "2020-03-02", "delivery_eta": "2026-03-01", "delivery_late": "2026-03-01",
    "bike_demand": "2011-07-01",
}  # fmt: skip


def shared_downloads(state: Path) -> Path:
    """Return the folder with the bike data, if given; else downloads go to the state folder."""
    beside = PROJECT.parent / "shared/data/bike_sharing"
    return Path(
        os.environ.get("AIRWORTHY_DOWNLOADS")
        or (beside if beside.is_dir() else state / "downloads")
    )


def job_of(model: str, state: Path) -> Job:
    """Return a job of a shipped model."""
    environment = Environment(
        name="test",
        project=PROJECT,
        models=MODELS,
        state=state,
        lake=str(state / "lake"),
        tracking_uri="none",
        artifacts="none",
        server_url="none",
        downloads=shared_downloads(state),
    )
    as_of = datetime.fromisoformat(AS_OF[model]).replace(tzinfo=UTC)
    run = RunRequest(model=model, as_of=as_of, reason="manual", run_id="test")
    return Job(load_spec(MODELS / model / "model.yaml"), environment, run)


@pytest.mark.parametrize("model", sorted(AS_OF))
def test_features_resolve_and_look_at_one_row_at_a_time(model: str, tmp_path: Path) -> None:
    """Every feature reads declared inputs only and means the same for one row as for many."""
    job = job_of(model, tmp_path)
    dataset = ingest(job)
    assert list(dataset.partitions) == [str(day) for day in job.window.days]
    rows = open_lake(job.environment, model).read_partition(dataset, job.window.days[-2])
    path = job.folder / "features.py"
    expressions = load_expressions(path)
    check_expressions(expressions, job.spec.inputs, path)
    assert row_dependent_features(expressions, rows[:60]) == []


def test_the_bike_data_s_label_leaks_nowhere(tmp_path: Path) -> None:
    """`casual` and `registered` add up to the label, so no input may be one of them."""
    job = job_of("bike_demand", tmp_path)
    assert not {"casual", "registered", "cnt"} & set(job.spec.inputs)
    assert job.spec.end == date(2012, 12, 31)


@settings(max_examples=20, deadline=None)
@given(st.dates(date(1990, 1, 1), date(2090, 1, 1)), st.integers(1, 300), st.integers(0, 2**40))
def test_a_simulated_day_is_the_same_for_ever(day: date, rows: int, seed: int) -> None:
    """Any date, any number of rows, any seed: the same rows each time, all of the day but the bad
    ones.
    """
    source = SimulatorSource(type="simulator", rows_per_day=rows, seed=seed, bad_share=0.0)
    frame = generate_deliveries(source, day)
    assert frame_digest(frame) == frame_digest(generate_deliveries(source, day))
    assert frame.height == rows
    assert frame["picked_up_at"].dt.date().unique().to_list() == [day]
    assert frame["minutes"].min() >= 2.0  # type: ignore[operator]


def test_the_simulated_rows_of_a_known_day_have_not_changed() -> None:
    """A changed generator would silently restate every user's data: this digest must hold."""
    frame = generate_deliveries(SimulatorSource(type="simulator", rows_per_day=1000, seed=7), DAY)
    cells = frame.select("delivery_id", "city", "vehicle", "weather", "stops")
    assert frame_digest(cells) == "f1f9e39c30f5743dd12f0b7387fffe3720ce6c7cd6159a4c949b541c0df45488"


def test_bad_rows_are_of_every_kind_and_as_many_as_asked() -> None:
    """The simulated feed shows each kind of fault known to conforming, about as often as declared."""
    source = SimulatorSource(type="simulator", rows_per_day=50_000, bad_share=0.01)
    spec = load_spec(MODELS / "delivery_eta/model.yaml")
    result = conform(generate_deliveries(source, DAY), spec.ingest, DAY)
    kinds = {
        "null key delivery_id",
        "null event time",
        "event time outside the partition",
        "unparsable distance_km",
        "another row of this key",
    }
    assert set(result.quarantine["reason"]) == kinds
    assert (result.duplicates, result.superseded) == (0, 0)
    assert (result.rows["distance_km"] < 0).sum() > 50
    assert result.quarantine.height == pytest.approx(50_000 * 0.01 * 5 / 6, rel=0.25)
    assert result.rows["parcel_kg"].null_count() == pytest.approx(500, rel=0.25)


def test_weather_lasts_and_follows_the_season() -> None:
    """Neighbouring days are more alike than distant ones, and snow falls in winter only."""
    source = SimulatorSource(type="simulator", rows_per_day=400, bad_share=0.0, missing_share=0.0)
    days = [date(2025, 7, 1) + timedelta(days=n) for n in range(365)]
    frames = [generate_deliveries(source, day).filter(pl.col("city") == "oslo") for day in days]
    weather = np.array([frame["weather"][0] for frame in frames])
    snow = {day.month for day, kind in zip(days, weather, strict=True) if kind == "snow"}
    assert snow
    assert not snow & {5, 6, 7, 8, 9}
    assert (weather[1:] == weather[:-1]).mean() > (weather[90:] == weather[:-90]).mean() + 0.1


def test_drift_starts_on_its_day() -> None:
    """Before `drift_from` nothing changes; from it on, distances, cities and durations move."""
    plain = SimulatorSource(type="simulator", rows_per_day=20_000, bad_share=0.0)
    drifting = plain.model_copy(update={"drift_from": DAY, "drift_strength": 1.5})
    before = DAY - timedelta(days=1)
    assert frame_digest(generate_deliveries(plain, before)) == frame_digest(
        generate_deliveries(drifting, before)
    )
    same, moved = generate_deliveries(plain, DAY), generate_deliveries(drifting, DAY)
    mean = {
        name: frame["distance_km"].cast(pl.Float64).mean()
        for name, frame in {"a": same, "b": moved}.items()
    }
    assert mean["b"] > 1.1 * mean["a"]  # type: ignore[operator]
    assert moved["minutes"].mean() > 1.15 * same["minutes"].mean()  # type: ignore[operator]
    assert (moved["city"] == "lisbon").mean() > 1.4 * (same["city"] == "lisbon").mean()  # type: ignore[operator]


def test_a_world_that_changes_changes_back() -> None:
    """Every `drift_every` the other world begins; each day's rows are those of the one or of the
    other for ever.
    """
    plain = SimulatorSource(type="simulator", rows_per_day=500)
    there = plain.model_copy(update={"drift_from": DAY})
    there_and_back = there.model_copy(update={"drift_every": timedelta(days=14)})
    for days, other in ((-1, False), (0, True), (13, True), (14, False), (27, False), (28, True)):
        day = DAY + timedelta(days=days)
        expected = generate_deliveries(there if other else plain, day)
        assert frame_digest(generate_deliveries(there_and_back, day)) == frame_digest(expected), day


@given(st.integers(-100, 1000), st.none() | st.integers(1, 60))
def test_the_next_change_is_the_next_day_of_another_world(days: int, every: int | None) -> None:
    """From the named day to the returned one nothing changes, and on the returned one it does."""
    period = None if every is None else timedelta(days=every)
    source = SimulatorSource(type="simulator", drift_from=DAY, drift_every=period)
    first = DAY + timedelta(days=days)
    after = (first + timedelta(days=number) for number in range(202))
    expected = next(
        (
            day
            for day in after
            if source.has_drift(day) != source.has_drift(day - timedelta(days=1))
        ),
        None,
    )
    assert source.next_change(first) == expected
    assert source.model_copy(update={"drift_from": None}).next_change(first) is None
