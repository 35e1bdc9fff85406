"""The content of a report on a change, and its answer: may it be merged?"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from airworthy.change_report.find_champion import Opponent
from airworthy.change_report.sample import Sample
from airworthy.change_report.sample_run import SampleRun
from airworthy.change_report.spec_changes import FileDiff, KeyChange
from airworthy.change_report.touched_models import TouchedModel
from airworthy.model_tests.part_result import PartResult
from airworthy.spec.model_spec import ModelSpec

Answer = Literal["yes", "no", "unknown"]


@dataclass
class ModelReport:
    """The report on one touched model.

    Attributes:
        touched: Why it is in the report.
        keys: The changed keys of its spec; None: one of the two specs cannot be read.
        diffs: The changed files of its folder.
        tests: The parts of `airworthy test`.
        spec: Its spec; None: it is gone, or cannot be read.
        sample: The days of the training run.
        opponent: The model that it is compared with.
        run: What the training run left; None: there was none.
        problem: An error that kept the run from beginning.
        problem_may_pass: Whether trying again may help.
    """

    touched: TouchedModel
    keys: list[KeyChange] | None = None
    diffs: list[FileDiff] = field(default_factory=list)
    tests: list[PartResult] = field(default_factory=list)
    spec: ModelSpec | None = None
    sample: Sample | None = None
    opponent: Opponent | None = None
    run: SampleRun | None = None
    problem: str | None = None
    problem_may_pass: bool = False

    @property
    def model(self) -> str:
        """The model's name."""
        return self.touched.model

    @property
    def answer(self) -> Answer:
        """Whether the change may be merged for this model's sake; unknown: try again."""
        if any(part.outcome == "fail" for part in self.tests):
            return "no"
        stopped = self.run.stopped if self.run else None
        if self.problem or stopped:
            passing = self.problem_may_pass if self.problem else bool(stopped and stopped.transient)
            return "unknown" if passing else "no"
        if self.touched.kind == "removed":
            return "yes"
        verdict = self.run.verdict if self.run else None
        return "yes" if verdict is not None and verdict.releasable else "no"

    @property
    def reasons(self) -> list[str]:
        """Why it may not be merged, a sentence each."""
        failed = [part.part for part in self.tests if part.outcome == "fail"]
        reasons = [f"airworthy test: {', '.join(failed)} failed"] if failed else []
        if self.problem:
            reasons.append(self.problem)
        if self.run and self.run.stopped:
            reasons.append(f"{self.run.stopped.stage}: {self.run.stopped.problem}")
        verdict = self.run.verdict if self.run else None
        if verdict is not None and not verdict.releasable:
            # What failed comes first: the overview shows the first reason alone.
            reasons += sorted(verdict.reasons, key=lambda each: ": fail: " not in each)
        return reasons

    @property
    def judging_keys(self) -> list[str]:
        """The changed keys that decide how the model is judged."""
        return list(dict.fromkeys(key.key for key in self.keys or [] if key.judges))

    def as_json(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        run = self.run
        return {
            "model": self.model,
            "may_be_merged": self.answer,
            "reasons": self.reasons,
            "touched": asdict(self.touched),
            "keys": None if self.keys is None else [asdict(key) for key in self.keys],
            "files": [each.name for each in self.diffs],
            "tests": [asdict(part) for part in self.tests],
            "sample": asdict(self.sample) if self.sample else None,
            "compared_with": self.opponent.words if self.opponent else None,
            "dataset": run.dataset.model_dump(mode="json") if run and run.dataset else None,
            "validation": run.validation.model_dump(mode="json")
            if run and run.validation
            else None,
            "verdict": run.verdict.model_dump(mode="json") if run and run.verdict else None,
            "drift": [shift.model_dump(mode="json") for shift in run.drift] if run else [],
            "features": [asdict(each) for each in run.benefits] if run else [],
        }


@dataclass
class ChangeReport:
    """The report on a change.

    Attributes:
        base: The commit that it is compared with.
        head: The commit that is checked out.
        paths: All changed files.
        models: The touched models, by name.
        environment: The environment of the champions in words; a reason, when it cannot be used.
    """

    base: str
    head: str
    paths: list[str]
    models: list[ModelReport]
    environment: str

    @property
    def answer(self) -> Answer:
        """Whether it may be merged: every touched model has to say so."""
        answers = {model.answer for model in self.models}
        if "no" in answers:
            return "no"
        return "unknown" if "unknown" in answers else "yes"

    @property
    def elsewhere(self) -> list[str]:
        """Changed files that touch no model."""
        touched = {path for model in self.models for path in model.touched.paths}
        return [path for path in self.paths if path not in touched]

    def as_json(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        return {
            "may_be_merged": self.answer,
            "base": self.base,
            "head": self.head,
            "environment": self.environment,
            "models": [model.as_json() for model in self.models],
            "elsewhere": self.elsewhere,
        }
