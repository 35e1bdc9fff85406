"""The ``tests.yaml`` beside a ``model.yaml``: rows written by hand, with the values expected."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, JsonValue, ValidationError

from airworthy.errors import TerminalError
from airworthy.spec.fields import Day, Part
from airworthy.spec.read_yaml import UnreadableError, read_mapping

TESTS_FILE = "tests.yaml"
Tolerance = Annotated[float, Field(ge=0.0, description="Largest difference of a number.")]


class TestsFileError(TerminalError):
    """The file cannot be used; no test ran."""

    __test__ = False  # no test class of pytest
    consequence = ""


class FeatureRow(Part):
    """One row as a request has it, and the values of features for it."""

    row: dict[str, JsonValue] = Field(
        description="Column -> value; a missing column has a missing value."
    )
    expect: Annotated[dict[str, JsonValue], Field(min_length=1)] = Field(
        description="Feature -> value; null: a missing value."
    )
    tolerance: Tolerance = 1e-6


class KpiRow(Part):
    """One label with a prediction, and its cost."""

    label: float | bool | str
    prediction: float | dict[str, float] = Field(
        description="A number, a probability (binary), or class -> probability (multiclass)."
    )
    cost: float
    tolerance: Tolerance = 1e-6


class DeliveryDays(Part):
    """The days of the whole delivery."""

    days: Annotated[int, Field(ge=2)] | None = Field(
        default=None, description="Largest number of days; null: those of the spec's lookback."
    )
    as_of: Day | None = Field(
        default=None, description="Exclusive end of the data, a UTC day; null: the newest data."
    )


class ModelTests(Part):
    """All tests of a ``tests.yaml``."""

    features: list[FeatureRow] = Field(default_factory=list)
    kpi: list[KpiRow] = Field(default_factory=list)
    delivery: DeliveryDays = DeliveryDays()


def load_tests(folder: Path) -> ModelTests:
    """Load the ``tests.yaml`` of a model's folder. Without the file there are no tests.

    Raises:
        TestsFileError: with every fault of the file.
    """
    from airworthy.spec.faults import faults_of

    path = folder / TESTS_FILE
    if not path.is_file():
        return ModelTests()
    try:
        return ModelTests.model_validate(read_mapping(path))
    except UnreadableError as error:
        faults = error.faults
    except ValidationError as error:
        faults = faults_of(path, error, ModelTests.model_json_schema())
    raise TestsFileError("\n".join(map(str, faults)), next_step=f"edit {path}")
