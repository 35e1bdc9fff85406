"""Retraining in simulated worlds that change: never, triggered by the monitor, and by the calendar.

Each model is what ``airworthy new-model --source files`` writes, without an edit, and each figure is
that of ``airworthy backtest``. Aim: triggered is within 10 % of the best schedule's loss, at no more
trainings, and never worse than never.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from airworthy.arrays import Array
from airworthy.backtest.backtest_results import Backtest
from airworthy.backtest.run_backtest import run_backtest
from airworthy.cli.caller import open_manual_job
from airworthy.spec.scaffold import scaffold

START = datetime(2025, 1, 1, tzinfo=UTC)
CHANGE = 60  # the day on which a world changes, from 0
FIRST, DAYS = 35, 130
STEPS = ("7d", "14d", "28d")
KINDS = np.array(["car", "bike", "van", "foot"])

Share = Callable[[int], float]  # day -> share of the new world, 0 to 1
SHARES: dict[str, Share] = {
    "stays": lambda _: 0.0,
    "abrupt": lambda day: float(day >= CHANGE),
    "gradual": lambda day: min(max((day - CHANGE + 20) / 60, 0.0), 1.0),
    "back": lambda day: float(CHANGE <= day < CHANGE + 30),
    "other inputs": lambda _: 0.0,
    "turns for ever": lambda day: 0.5 - 0.5 * float(np.cos(2 * np.pi * day / 90)),
}


@dataclass(frozen=True)
class World:
    """A simulated world.

    Attributes:
        name: A key of `SHARES`.
        task: ``regression`` or ``binary``.
        rows: Rows a day.
        seed: Of its random generators.
    """

    name: str
    task: str
    rows: int
    seed: int = 0

    def day(self, number: int) -> pl.DataFrame:
        """Return the rows of a day, counted from 0."""
        generator = np.random.default_rng([self.seed, number])
        hours = np.sort(generator.uniform(0, 24, self.rows))
        kinds = generator.integers(len(KINDS), size=self.rows)
        amounts = generator.uniform(0, 10, self.rows)
        if self.name == "other inputs" and number >= CHANGE:
            amounts = np.minimum(10.0, amounts + 3.0)
        signal = self._signal(number, hours, kinds, amounts) + 0.3 * generator.normal()
        moment = START + timedelta(days=number)
        return pl.DataFrame(
            {
                "id": [f"{number}-{row}" for row in range(self.rows)],
                "happened_at": [moment + timedelta(seconds=int(hour * 3600)) for hour in hours],
                "amount": amounts,
                "kind": KINDS[kinds],
                "target": self._labels(signal, generator),
            }
        )

    def _signal(self, number: int, hours: Array, kinds: Array, amounts: Array) -> Array:
        centred, daily = (amounts - 5) / 2.5, 2 * np.pi * hours / 24
        old = np.array([1.5, -1.0, 0.8, 0.2])[kinds] * centred + np.sin(daily)
        new = np.array([-1.0, 1.2, -0.4, 1.5])[kinds] * centred + np.cos(daily)
        share = SHARES[self.name](number)
        return np.asarray((1 - share) * old + share * new)

    def _labels(self, signal: Array, generator: np.random.Generator) -> Array:
        if self.task == "regression":
            return np.asarray(10 + signal + generator.normal(size=self.rows))
        return np.asarray(generator.uniform(size=self.rows) < 1 / (1 + np.exp(-2 * signal)))


@contextmanager
def model_of(world: World, days: int = DAYS) -> Iterator[str]:
    """Make a model of a world's days, in a temporary folder; yields its name.

    Args:
        world: The world.
        days: The number of its days.
    """
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["AIRWORTHY_MODELS"] = str(Path(scratch) / "models")
        os.environ["AIRWORTHY_STATE"] = str(Path(scratch) / "state")
        folder = scaffold(Path(scratch) / "models", "world", world.task, "files")
        (folder / "data").mkdir()
        for number in range(days):
            day = START + timedelta(days=number)
            world.day(number).write_csv(folder / "data" / f"{day:%Y-%m-%d}.csv")
        yield "world"


def replayed(model: str, step: str, days: int = DAYS) -> Backtest:
    """Return the backtest of a model from its first champion to its last day.

    Args:
        model: The model's name.
        step: The interval of the scheduled trainings.
        days: The number of its days.
    """
    first, end = START + timedelta(days=FIRST), START + timedelta(days=days)
    return run_backtest(open_manual_job(model, end), first, end, step, lambda *_: None)


def main() -> None:
    """Print a line for each world."""
    for task, rows in (("regression", 48), ("binary", 48), ("regression", 500), ("binary", 500)):
        for name in SHARES:
            with model_of(World(name, task, rows)) as model:
                backtests = {step: replayed(model, step) for step in STEPS}
                print(line_of(name, task, rows, backtests), flush=True)


def line_of(name: str, task: str, rows: int, backtests: dict[str, Backtest]) -> str:
    """Return a world's figures, with the loss against the best schedule and against never.

    Args:
        name: The world.
        task: Its task.
        rows: Its rows a day.
        backtests: Interval of the scheduled trainings -> backtest.
    """
    best = min(backtests, key=lambda step: backtests[step].metrics["scheduled"])
    metrics, trainings = backtests[best].metrics, backtests[best].trainings
    against_best = metrics["triggered"] / metrics["scheduled"] - 1
    against_never = metrics["triggered"] / metrics["never"] - 1
    return (
        f"{name:14} {task:10} {rows:3} rows a day: never {metrics['never']:.3f}, triggered "
        f"{metrics['triggered']:.3f} ({len(trainings('triggered'))} trainings), every {best} "
        f"{metrics['scheduled']:.3f} ({len(trainings('scheduled'))}): {against_best:+.1%} against "
        f"the best schedule, {against_never:+.1%} against never"
    )


if __name__ == "__main__":
    main()
