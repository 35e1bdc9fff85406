"""What a model's ``behaviour.py`` declares: behavioural tests of the candidate, and functions that price its answers.

The tests are those of Ribeiro et al. 2020 ("Beyond Accuracy: Behavioral Testing of NLP Models with CheckList"):
invariance, directional expectation and minimum functionality. They look at what the model does with rows of the
holdout when a column changes, which no average over the holdout shows::

    BEHAVIOUR = {
        "farther takes longer": Direction(change={"distance_km": pl.col("distance_km") + 5}, never="lower"),
    }

A function named by ``evaluate.kpi.function`` is defined beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import polars as pl

from airworthy.arrays import Array
from airworthy.errors import TerminalError

BEHAVIOUR_FILE = "behaviour.py"
CostFunction = Callable[[Array, Array], Array]
Change: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Invariance:
    """Changing these columns so must not move the prediction by more than `tolerance`.

    Attributes:
        change: Column -> its new value, or an expression over the columns of one row.
        tolerance: In the prediction's unit (a probability for a classification; its largest move of all classes).
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
    """Changing these columns so must never make the prediction lower (or higher) by more than `tolerance`.

    Attributes:
        change: Column -> its new value, or an expression over the columns of one row.
        never: The way in which the prediction must not move.
        tolerance: How far it may move that way all the same, in the prediction's unit.
        allowed: Share of rows that may break the rule.
        where: Only these rows of the sample; None: all.
        of: The class whose probability is meant; needed by a multiclass task, and by no other.
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
    """The predictions of these plain cases, written by hand, must lie in ``[at_least, at_most]``.

    Attributes:
        rows: One mapping of column -> value a case; a column that is not named is missing.
        at_least: Lower bound, None: none.
        at_most: Upper bound, None: none.
        allowed: Share of cases that may lie outside.
        of: The class whose probability is meant; needed by a multiclass task, and by no other.
    """

    rows: Sequence[Mapping[str, Any]]
    at_least: float | None = None
    at_most: float | None = None
    allowed: float = 0.0
    of: str | None = None


BehaviouralTest: TypeAlias = Invariance | Direction | MinimumFunctionality


@dataclass(frozen=True)
class Behaviour:
    """A loaded ``behaviour.py``: its tests by name, in its order, and everything else that it defines."""

    path: Path
    tests: Mapping[str, BehaviouralTest]
    names: Mapping[str, Any]

    def function(self, name: str, model: str | None = None) -> CostFunction:
        """Return the function that prices each row.

        Raises:
            TerminalError: when there is no function of this name.
        """
        found = self.names.get(name)
        if callable(found):
            return found  # type: ignore[no-any-return]
        raise TerminalError(
            f"{self.path} has no function {name!r}",
            model=model,
            received=repr(found) if name in self.names else "no such name",
            allowed=f"def {name}(labels, predictions) -> one cost per row",
            next_step=f"edit {self.path}",
        )


def load_behaviour(folder: Path, model: str | None = None) -> Behaviour:
    """Run the ``behaviour.py`` of a model's folder; without one there are no tests and no functions.

    Raises:
        TerminalError: when the file fails, or its ``BEHAVIOUR`` is no mapping of names to behavioural tests.
    """
    path = folder / BEHAVIOUR_FILE
    names: dict[str, Any] = {"__name__": "behaviour", "__file__": str(path)}
    if path.is_file():
        try:
            # The model's own code, as its features are; run without leaving compiled files beside it.
            exec(compile(path.read_bytes(), str(path), "exec"), names)  # noqa: S102
        except Exception as error:
            problem = f"{path} cannot be run: {type(error).__name__}: {error}"
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
    """Return every column that a test names, sorted."""
    if isinstance(test, MinimumFunctionality):
        return sorted({name for row in test.rows for name in row})
    read = [value for value in (*test.change.values(), test.where) if isinstance(value, pl.Expr)]
    return sorted(
        {*test.change, *(name for expression in read for name in expression.meta.root_names())}
    )
