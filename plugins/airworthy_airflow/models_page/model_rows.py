"""The lines of the list: state and Airflow's facts together, filtered and sorted. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from airworthy.model_status.model_summary import ModelSummary
from airworthy_airflow.models_page.airflow_facts import AirflowFacts

SortKey = Literal[
    "needs",
    "model",
    "task",
    "owner",
    "age",
    "quality",
    "drift",
    "last_run",
    "next_run",
]


@dataclass(frozen=True)
class ModelRow:
    """One model's line: `summary` by spec and ledger, `airflow` by Airflow's database."""

    summary: ModelSummary
    airflow: AirflowFacts

    @property
    def name(self) -> str:
        """The model's name."""
        return self.summary.state.model

    @property
    def needs(self) -> list[str]:
        """Each thing that waits for a person, in words."""
        quality, texts = self.summary.quality, list(self.summary.state.needs)
        if quality is not None and quality.kept is False:
            texts.append(f"{quality.metric} breaks its promise")
        if self.airflow.asked_since is not None and self.summary.state.waits_for_approval is None:
            texts.append("a run asks for an answer")
        if self.airflow.last_state == "failed":
            texts.append("its last run failed")
        return texts

    def as_json(self) -> dict[str, Any]:
        """Return the line as JSON values: those of ``airworthy status --json``, and ``airflow``."""
        facts = {
            name: value.isoformat() if hasattr(value, "isoformat") else value
            for name, value in asdict(self.airflow).items()
        }
        return self.summary.as_json() | {"needs": self.needs, "airflow": facts}


class ListChoice(BaseModel):
    """Filter and order of the list, as they are in its address.

    Attributes:
        q: Text that model, task or owner must contain.
        only: ``needs``: models that need a person; ``drift``: those with drift; ``all``.
        sort: The column.
        order: Of the column.
    """

    model_config = ConfigDict(frozen=True)

    q: str = Field(default="", max_length=200)
    only: Literal["all", "needs", "drift", "rollout"] = "all"
    sort: SortKey = "needs"
    order: Literal["asc", "desc"] = "asc"


def chosen_rows(rows: Iterable[ModelRow], choice: ListChoice) -> list[ModelRow]:
    """Return the rows that a choice keeps, in its order. What has no value comes last."""
    kept = sorted((row for row in rows if _keeps(row, choice)), key=lambda row: row.name)
    value = _VALUES[choice.sort]
    with_value = [row for row in kept if value(row) is not None]
    without = [row for row in kept if value(row) is None]
    return sorted(with_value, key=value, reverse=choice.order == "desc") + without


def _keeps(row: ModelRow, choice: ListChoice) -> bool:
    state = row.summary.state
    text = " ".join(filter(None, (row.name, state.task, row.summary.owner))).casefold()
    only = {
        "all": True,
        "needs": bool(row.needs),
        "drift": row.summary.drift == "drift",
        "rollout": state.rollout is not None,
    }
    return only[choice.only] and choice.q.strip().casefold() in text


def _distance(row: ModelRow) -> float | None:
    """Return how far a figure is above its promise, as a part of the promise; below is negative."""
    quality = row.summary.quality
    if quality is None or quality.promised is None:
        return None
    distance = quality.value - quality.promised
    better = distance if quality.higher_is_better else -distance
    return better / (abs(quality.promised) or 1.0)


_VALUES: dict[SortKey, Callable[[ModelRow], Any]] = {
    "needs": lambda row: (not row.needs, row.name),
    "model": lambda row: row.name,
    "task": lambda row: row.summary.state.task,
    "owner": lambda row: row.summary.owner,
    # The age grows while the time of the release falls.
    "age": lambda row: _negative(row.summary.state.since),
    "quality": _distance,
    "drift": lambda row: row.summary.drift,
    "last_run": lambda row: row.airflow.last_run_at,
    "next_run": lambda row: row.airflow.next_run_at,
}


def _negative(time: str | None) -> float | None:
    from airworthy_airflow.models_page.shown import as_time

    return None if time is None else -as_time(time).timestamp()
