"""`airworthy check` reads behaviour.py and its parts of the spec."""

from __future__ import annotations

from pathlib import Path

import pytest

from airworthy.checks.check_spec import check_spec
from airworthy.spec.faults import Fault

VALID = Path(__file__).resolve().parents[1] / "spec" / "valid.yaml"
HEAD = "import polars as pl\nfrom airworthy.behaviour import *\n"
BROKEN = {
    "1 / 0": ("BEHAVIOUR", "ZeroDivisionError"),
    "BEHAVIOUR = [1]": ("BEHAVIOUR", "no mapping"),
    'BEHAVIOUR = {"x": Invariance(change={"distanc_km": 1.0}, tolerance=1)}': ("BEHAVIOUR['x']", "mean 'distance_km'"),
    'BEHAVIOUR = {"x": Direction(change={"distance_km": pl.col("minutes")}, never="lower")}': (
        "BEHAVIOUR['x']", "a prediction does not have"),
    'BEHAVIOUR = {"x": Direction(change={"city": "oslo"}, never="lower", where=pl.col("size") > 1)}': (
        "BEHAVIOUR['x']", "a prediction does not have"),
    'BEHAVIOUR = {"x": Direction(change={"distance_km": "far"}, never="lower")}': ("BEHAVIOUR['x']", "sample rows"),
    'BEHAVIOUR = {"x": Direction(change={"city": "oslo"}, never="lower", where=pl.col("distance_km"))}': (
        "BEHAVIOUR['x']", "sample rows"),
    'BEHAVIOUR = {"x": Direction(change={}, never="lower")}': ("BEHAVIOUR['x']", "changes nothing"),
    'BEHAVIOUR = {"x": Direction(change={"city": "oslo"}, never="lower", of="late")}': ("BEHAVIOUR['x']", "`of`"),
    'BEHAVIOUR = {"x": Invariance(change={"city": "oslo"}, tolerance=1, allowed=1.0)}': ("BEHAVIOUR['x']", "broken"),
    'BEHAVIOUR = {"x": Invariance(change={"city": "oslo"}, tolerance=-1)}': ("BEHAVIOUR['x']", "below 0"),
    'BEHAVIOUR = {"x": MinimumFunctionality(rows=[{"distance_km": 1.0}])}': ("BEHAVIOUR['x']", "asks nothing"),
    'BEHAVIOUR = {"x": MinimumFunctionality(rows=[{"distance_km": "1"}], at_most=5)}': (
        "BEHAVIOUR['x']", "sample rows"),
}  # fmt: skip


def faults(folder: Path, behaviour: str, evaluate: str = "") -> list[Fault]:
    """Return the faults of a model with this behaviour.py.

    Args:
        folder: The folder.
        behaviour: Its text.
        evaluate: Further YAML of the evaluate part.
    """
    folder = folder / "parcels"
    folder.mkdir()
    text = VALID.read_text(encoding="utf-8").replace("evaluate:\n", f"evaluate:\n{evaluate}")
    (folder / "model.yaml").write_text(text, encoding="utf-8")
    features = 'import polars as pl\nFEATURES = {"distance": pl.col("distance_km")}\n'
    (folder / "features.py").write_text(features, encoding="utf-8")
    (folder / "behaviour.py").write_text(HEAD + behaviour, encoding="utf-8")
    return check_spec(folder / "model.yaml").faults


@pytest.mark.parametrize("behaviour", BROKEN)
def test_a_broken_behaviour_file_is_one_fault(tmp_path: Path, behaviour: str) -> None:
    """Each mistake is one fault, with the test's name and the reason."""
    key, problem = BROKEN[behaviour]
    (fault,) = faults(tmp_path, behaviour)
    assert fault.file.endswith("behaviour.py")
    assert fault.key == key
    assert problem in fault.problem
    assert fault.received
    assert fault.allowed


def test_a_whole_behaviour_file_has_no_fault(tmp_path: Path) -> None:
    """All three kinds, on declared columns, with the KPI's function beside them."""
    behaviour = """
BEHAVIOUR = {
    "a": Invariance(change={"picked_up_at": pl.col("picked_up_at").dt.offset_by("1m")}, tolerance=1.0),
    "b": Direction(change={"distance_km": pl.col("distance_km") + 1}, never="lower", where=pl.col("city") == "oslo"),
    "c": MinimumFunctionality(rows=[{"distance_km": 1.0, "city": "oslo"}], at_most=30.0),
}
def cost(labels, predictions):
    return abs(labels - predictions)
"""
    assert faults(tmp_path, behaviour, "  kpi: {function: cost}\n") == []


@pytest.mark.parametrize(
    ("evaluate", "key", "problem"),
    [
        ("  kpi: {function: price}\n", "evaluate.kpi.function", "no such function"),
        ("  kpi: {unit: EUR}\n", "evaluate.kpi", "one definition"),
        (
            "  kpi: {costs: [{actual: 1, predicted: 0, cost: 2}]}\n",
            "evaluate.kpi.costs",
            "no classes",
        ),
    ],
)
def test_a_kpi_that_cannot_be_computed_is_a_fault(
    tmp_path: Path, evaluate: str, key: str, problem: str
) -> None:
    """A KPI needs exactly one definition, one fit for its task, and an existing function."""
    (fault,) = faults(tmp_path, "", evaluate)
    assert fault.key == key
    assert problem in fault.problem


@pytest.mark.parametrize(
    ("slices", "key", "problem"),
    [
        ("[city, {column: distance_km, bins: [5, 2]}]", "evaluate.slices[1].bins", "run upwards"),
        ("[city, {column: distance_km, bins: []}]", "evaluate.slices[1].bins", "too few"),
        ("[{column: city, bins: [1]}]", "evaluate.slices[0]", "type category has no bins"),
        ("[city, distance_km]", "evaluate.slices[1]", "type float has no slices"),
        ("[city, city]", "evaluate.slices[1]", "sliced already"),
        (
            "[city, {column: distance_km, bin: [1]}]",
            "evaluate.slices[1].bin",
            "unknown key; did you mean 'bins'",
        ),
    ],
)
def test_slices_that_cannot_be_made_are_faults(
    tmp_path: Path, slices: str, key: str, problem: str
) -> None:
    """Bins run upwards, on numbers; each column is sliced once."""
    spec = tmp_path / "spec.yaml"
    spec.write_text(
        VALID.read_text(encoding="utf-8").replace("slices: [city]", f"slices: {slices}"),
        encoding="utf-8",
    )
    result = {fault.key: fault.problem for fault in check_spec(spec, deep=False).faults}
    assert problem in result[key]
