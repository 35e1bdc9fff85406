"""The results of tuning a monitor: each arm's metrics, and the proposed settings."""

from __future__ import annotations

from pydantic import AwareDatetime

from airworthy.handover import StageOutput


class ArmResult(StageOutput):
    """One way to retrain.

    Attributes:
        name: The arm: never, a schedule, the present settings, or a candidate.
        words: The settings in words.
        trainings: The trainings after the first, over all replayed days.
        tuned_trainings: Those of the tuned part.
        champions: The challengers that took over.
        judged: The windows in which a signal could be judged.
        tuned: Metric -> value on the days that the search saw.
        held_out: Metric -> value on the days after them; empty: not replayed.
    """

    name: str
    words: str
    trainings: int
    tuned_trainings: int
    champions: int
    judged: int
    tuned: dict[str, float]
    held_out: dict[str, float]


class Tuning(StageOutput):
    """The result of a search.

    Attributes:
        model: The model.
        metric: The improved metric.
        start: The day of the first champion.
        split: The end of the tuned part, and the begin of the held-out one.
        end: The exclusive end of the days.
        present_blind: Whether the present settings are blind.
        proposal: The proposed settings in words; None: the present ones stay.
        held_out_worse: Whether the search's best is worse than the present settings, held out.
        rows_a_day: The source's mean rows a day.
        trainings_run: The trainings that were really run for all arms.
        arms: Never, the schedules, the present settings, and the search's best.
        candidates: All tried settings, the best first.
        values: Key of the spec -> its proposed value; empty: nothing changes.
    """

    model: str
    metric: str
    start: AwareDatetime
    split: AwareDatetime
    end: AwareDatetime
    present_blind: bool
    proposal: str | None
    held_out_worse: bool
    rows_a_day: float
    trainings_run: int
    arms: list[ArmResult]
    candidates: list[ArmResult]
    values: dict[str, str]
