"""What the pages are made of: rows, drawings, answers, vendored files. No Airflow runs."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from airworthy.lineage.graph import Graph, Node
from airworthy.model_status.model_history import DriftFigure, GateFigure, Service, SliceFigure
from airworthy.model_status.model_summary import ModelSummary, Quality
from airworthy.versions.model_state import ModelState
from airworthy_airflow.models_page.airflow_facts import AirflowFacts
from airworthy_airflow.models_page.drawings import WIDTH, drift_lines, gate_drawing, slice_table
from airworthy_airflow.models_page.lineage_picture import lineage_picture
from airworthy_airflow.models_page.model_rows import ListChoice, ModelRow, chosen_rows
from airworthy_airflow.models_page.served_at import read_time, served_at

PROJECT = Path(__file__).resolve().parents[2]
PAGE = PROJECT / "plugins" / "airworthy_airflow" / "models_page"
QUALITY = Quality("rmse", 4.0, 5.0, False, True, "live", "2026-03-20T00:00:00+00:00")
GATE = GateFigure(
    "rmse", "rmse", None, None, "pass", -0.2, -0.4, -0.1, 0.0, passes_above=False, reason="better"
)
NOW = datetime(2026, 3, 20, tzinfo=UTC)


def row(name: str, quality: Quality | None = None, **facts: object) -> ModelRow:
    """Return a row of a model with a quality and facts of Airflow."""
    state = ModelState(model=name, task="regression")
    return ModelRow(ModelSummary(state=state, owner="ada", quality=quality), AirflowFacts(**facts))  # type: ignore[arg-type]


def drift(column: str, value: float, threshold: float = 0.2, drifted: bool = False) -> DriftFigure:
    """Return a column's shift in one window."""
    end = "2026-03-20T00:00:00+00:00"
    return DriftFigure(end, "skew", column, "distance", value, threshold, 0.5, drifted)


def names(rows: list[ModelRow], **choice: str) -> list[str]:
    """Return the names that a choice keeps, in its order."""
    return [each.name for each in chosen_rows(rows, ListChoice.model_validate(choice))]


def test_what_waits_for_a_person_comes_first_and_can_be_shown_alone() -> None:
    broken = replace(QUALITY, value=6.0, kept=False)
    rows = [row("a"), row("b", broken), row("c", last_state="failed"), row("d", asked_since=NOW)]
    assert names(rows) == ["b", "c", "d", "a"]
    assert names(rows, only="needs") == ["b", "c", "d"]
    assert rows[1].needs == ["rmse breaks its promise"]


def test_models_are_sorted_by_a_column_and_those_without_a_value_are_last() -> None:
    near, higher = replace(QUALITY, value=4.9), replace(QUALITY, higher_is_better=True, value=9.0)
    rows = [row("far", QUALITY), row("none"), row("near", near), row("higher", higher)]
    assert names(rows, sort="quality") == ["near", "far", "higher", "none"]
    assert names(rows, sort="quality", order="desc") == ["higher", "far", "near", "none"]


def test_a_text_is_found_in_model_task_and_owner() -> None:
    rows = [row("delivery_eta"), row("bike_demand")]
    assert names(rows, q=" DELIVERY ") == ["delivery_eta"]
    assert names(rows, q="ada") == names(rows, q="regress") == ["bike_demand", "delivery_eta"]
    assert names(rows, q="nobody") == []


@pytest.mark.parametrize("passes_above", [True, False])
def test_a_gate_is_drawn_with_its_interval_and_the_side_that_passes(passes_above: bool) -> None:
    drawn = gate_drawing(replace(GATE, passes_above=passes_above))
    assert drawn is not None
    assert 0 <= drawn.lower < drawn.value < drawn.upper < drawn.threshold <= WIDTH  # type: ignore[operator]
    start, width = drawn.passing or (-1, -1)
    assert (start, start + width) == (
        (drawn.threshold, WIDTH) if passes_above else (0, drawn.threshold)
    )


@pytest.mark.parametrize(
    "gate",
    [
        replace(GATE, threshold=None),
        replace(GATE, value=None, lower=None, upper=None),
        replace(GATE, value=float("nan"), lower=float("-inf"), upper=None),
    ],
)
def test_a_gate_without_figures_is_not_drawn(gate: GateFigure) -> None:
    assert gate_drawing(gate) is None


def test_drifted_signals_come_first_and_odd_values_are_drawn() -> None:
    figures = [
        drift("hour", 0.1),
        drift("city", float("inf")),
        drift("city", 0.5, drifted=True),
        drift("label", 0.0, threshold=0.0),
    ]
    lines = drift_lines(figures)
    assert [line.newest.column for line in lines] == ["city", "hour", "label"]
    assert "nan" not in "".join(line.points for line in lines)


def test_a_slice_is_one_row_with_all_its_metrics() -> None:
    figures = [
        SliceFigure("city", "Oslo", 10, "mae", 1.0),
        SliceFigure("city", "Oslo", 10, "rmse", 4.0),
        SliceFigure("city", "Bergen", 20, "rmse", 2.0),
        SliceFigure("hour", "[0, 6)", 30, "rmse", float("nan")),
    ]
    table = slice_table(figures, "rmse")
    assert table.metrics == ["rmse", "mae"]
    assert [(row.slice, row.values[1], row.width) for row in table.rows] == [
        ("Oslo", 1.0, WIDTH),
        ("Bergen", None, WIDTH / 2),
        ("[0, 6)", None, 0.0),
    ]
    assert slice_table([], None).rows == []


@pytest.mark.parametrize(
    ("time", "version"),
    [
        ("2026-03-01T00:00", None),
        ("2026-03-02T00:00", "1"),
        ("2026-03-10T01:30+02:00", "1"),
        ("2026-03-10T00:00Z", "2"),
        ("2027-01-01", "2"),
    ],
)
def test_what_served_at_a_time_is_the_version_whose_span_holds_it(
    time: str, version: str | None
) -> None:
    services = [
        Service("1", "2026-03-02T00:00:00+00:00", "2026-03-10T00:00:00+00:00", 3),
        Service("2", "2026-03-10T00:00:00+00:00", None, 9),
    ]
    read = read_time(time)
    assert read is not None
    answer = served_at(services, read, NOW)
    assert (answer.service.version if answer.service else None) == version
    assert answer.to_come == time.startswith("2027")


@pytest.mark.parametrize(
    "text", ["Tuesday", "2026-13-01", "", "<b>", "9999999999", "0001-01-01+99"]
)
def test_what_is_no_time_is_none(text: str) -> None:
    assert read_time(text) is None


def test_a_lineage_picture_has_two_steps_to_each_side_and_counts_what_it_leaves_out() -> None:
    graph = Graph()
    for name in ("far", "source", "middle", "result", *(f"day{n}" for n in range(20))):
        graph.add(Node(name, "kind", name))
    graph.link("far", "source")
    graph.link("source", "middle")
    graph.link("middle", "result")
    for n in range(20):
        graph.link(f"day{n}", "middle")
    picture = lineage_picture(graph, "middle")
    drawn = {box.node.id: box for box in picture.boxes}
    assert drawn["middle"].is_middle
    assert drawn["day19"].x < drawn["middle"].x < drawn["result"].x
    assert picture.left_out + len(picture.boxes) == len(graph.nodes) - ("far" not in drawn)
    assert all(0 <= box.x < picture.width and 0 <= box.y < picture.height for box in drawn.values())


def test_the_shipped_files_are_the_locked_packages_and_nobody_changed_them() -> None:
    vendor = PAGE / "static" / "vendor"
    lock = json.loads((PROJECT / "infra/models_page/package-lock.json").read_text("utf-8"))
    recorded = json.loads((vendor / "vendor.json").read_text("utf-8"))
    shipped = {path.name for path in vendor.iterdir() if path.suffix in (".js", ".css")}
    assert shipped == {each["file"] for each in recorded}
    for each in recorded:
        assert hashlib.sha256((vendor / each["file"]).read_bytes()).hexdigest() == each["sha256"]
        for package in each["packages"]:
            locked = lock["packages"][f"node_modules/{package['name']}"]
            assert (package["version"], package["integrity"]) == (
                locked["version"],
                locked["integrity"],
            )
            assert (vendor / f"{package['name']}.LICENSE.txt").exists()


def test_templates_are_short_and_have_no_script_or_style_of_their_own() -> None:
    for path in (PAGE / "templates").iterdir():
        text = path.read_text("utf-8")
        assert len(text.splitlines()) < 250, path
        assert "|safe" not in text.replace(" ", "") or path.name == "action.html", path
        assert " style=" not in text, path
        assert "<style" not in text, path
        assert not [
            part
            for part in text.split("<script ")[1:]
            if "src=" not in part[:80] and "application/json" not in part[:80]
        ], path
