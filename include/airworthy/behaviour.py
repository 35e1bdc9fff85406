"""The declarations of a model's ``behaviour.py``: behavioural tests and cost functions.

The tests are those of Ribeiro et al. 2020 ("Beyond Accuracy: Behavioral Testing of NLP Models with
CheckList"): invariance, directional expectation and minimum functionality. They change a column in
rows of the holdout and compare the predictions. No average over the holdout shows this::

    BEHAVIOUR = {
        "farther takes longer": Direction(
            change={"distance_km": pl.col("distance_km") + 5}, never="lower"
        ),
    }

A function named by ``evaluate.kpi.function`` is defined in the same file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import polars as pl

from airworthy.arrays import Array
from airworthy.error_kinds import line_in
from airworthy.errors import TerminalError

BEHAVIOUR_FILE = "behaviour.py"
CostFunction = Callable[[Array, Array], Array]
Change: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Invariance:
    """The change must not move the prediction by more than `tolerance`.

    Attributes:
        change: Column -> its new value, or an expression over the columns of one row.
        tolerance: In the prediction's unit. For a classification it is a probability, and the
            largest move of all classes counts.
        allowed: Share of rows that may break the rule.
        where: Only these rows of the sample; None: all.
        min_rows: With fewer rows the outcome is inconclusive.
    """

    change: Change
    tolerance: float
    allowed: float = 0.0
    where: pl.Expr | None = None
    min_rows: int = 30


@dataclass(frozen=True, kw_only=True)
class Direction:
    """The change must never make the prediction lower (or higher) by more than `tolerance`.

    Attributes:
        change: Column -> its new value, or an expression over the columns of one row.
        never: The forbidden direction.
        tolerance: The allowed move in this direction, in the prediction's unit.
        allowed: Share of rows that may break the rule.
        where: Only these rows of the sample; None: all.
        of: The class of the tested probability; required for a multiclass task, and only there.
        min_rows: With fewer rows the outcome is inconclusive.
    """

    change: Change
    never: Literal["lower", "higher"]
    tolerance: float = 0.0
    allowed: float = 0.0
    where: pl.Expr | None = None
    of: str | None = None
    min_rows: int = 30


@dataclass(frozen=True, kw_only=True)
class MinimumFunctionality:
    """The predictions of simple cases, written by hand, must lie in ``[at_least, at_most]``.

    Attributes:
        rows: One mapping of column -> value per case; an absent column has a missing value.
        at_least: Lower bound, None: none.
        at_most: Upper bound, None: none.
        allowed: Share of cases that may lie outside.
        of: The class of the tested probability; required for a multiclass task, and only there.
    """

    rows: Sequence[Mapping[str, Any]]
    at_least: float | None = None
    at_most: float | None = None
    allowed: float = 0.0
    of: str | None = None


BehaviouralTest: TypeAlias = Invariance | Direction | MinimumFunctionality


@dataclass(frozen=True)
class Behaviour:
    """A loaded ``behaviour.py``: its tests by name, in the file's order, and all its names."""

    path: Path
    tests: Mapping[str, BehaviouralTest]
    names: Mapping[str, Any]

    def function(self, name: str, model: str | None = None) -> CostFunction:
        """Return the function for the cost of each row.

        Raises:
            TerminalError: when there is no function of this name.
        """
        value = self.names.get(name)
        if callable(value):
            return value  # type: ignore[no-any-return]
        raise TerminalError(
            f"{self.path} has no function {name!r}",
            model=model,
            received=repr(value) if name in self.names else "no such name",
            allowed=f"def {name}(labels, predictions) -> one cost per row",
            next_step=f"edit {self.path}",
        )


def load_behaviour(folder: Path, model: str | None = None) -> Behaviour:
    """Run the ``behaviour.py`` of a model's folder.

    Without the file there are no tests and no functions.

    Raises:
        TerminalError: when the file fails, or its ``BEHAVIOUR`` is no mapping of names to
            behavioural tests.
    """
    path = folder / BEHAVIOUR_FILE
    names: dict[str, Any] = {"__name__": "behaviour", "__file__": str(path)}
    if path.is_file():
        try:
            # The model's own code, like its features. Running it this way leaves no compiled files.
            exec(compile(path.read_bytes(), str(path), "exec"), names)  # noqa: S102
        except Exception as error:
            problem = f"{path} cannot be run: {type(error).__name__}: {error}{line_in(error, path)}"
            raise TerminalError(
                problem, model=model, allowed=_ALLOWED, next_step=f"edit {path}"
            ) from error
    tests = names.get("BEHAVIOUR", {})
    if not isinstance(tests, dict) or not all(
        isinstance(test, BehaviouralTest) for test in tests.values()
    ):
        raise TerminalError(
            f"{path}: BEHAVIOUR is no mapping of names to behavioural tests",
            model=model,
            received=repr(tests)[:200],
            allowed=_ALLOWED,
            next_step=f"edit {path}",
        )
    return Behaviour(path, dict(tests), names)


_ALLOWED = "BEHAVIOUR: dict[str, Invariance | Direction | MinimumFunctionality]"


def columns_of(test: BehaviouralTest) -> list[str]:
    """Return every column named by a test, sorted.

    >>> columns_of(Invariance(change={"city": "oslo"}, tolerance=1.0, where=pl.col("stops") > 1))
    ['city', 'stops']
    """
    if isinstance(test, MinimumFunctionality):
        return sorted({name for row in test.rows for name in row})
    values = (*test.change.values(), test.where)
    expressions = [value for value in values if isinstance(value, pl.Expr)]
    read = {name for expression in expressions for name in expression.meta.root_names()}
    return sorted({*test.change, *read})
