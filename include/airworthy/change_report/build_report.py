"""Builds the report on a change: tests and trains each touched model in a folder thrown away."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

from airworthy.change_report.find_champion import Against, Opponent, find_champion, train_base
from airworthy.change_report.project_layout import read_layout
from airworthy.change_report.report import ChangeReport, ModelReport
from airworthy.change_report.sample import (
    choose_sample,
    copy_folder,
    mirror,
    sample_job,
    throwaway,
)
from airworthy.change_report.sample_run import run_on_sample, train_on_sample
from airworthy.change_report.spec_changes import file_diffs, spec_key_changes
from airworthy.change_report.touched_models import TouchedModel, touched_models
from airworthy.days import midnight
from airworthy.environment import Environment
from airworthy.errors import AirworthyError, TransientError
from airworthy.job import Job
from airworthy.model_tests.run_model_tests import run_model_tests
from airworthy.spec.data_end import data_end
from airworthy.spec.loading import SPEC_FILE, load_spec
from airworthy.stages.evaluate import ComparedModel
from airworthy.working_tree import Changes, write_folder

Report = Callable[[str, str], None]
"""Takes a model and what is done with it now."""


@dataclass(frozen=True)
class ReportRequest:
    """The request for a report.

    Attributes:
        days: The largest number of days to train on.
        as_of: The exclusive end of the data; None: that of the spec, or today.
        against: ``champion``: the registry's, else the base commit. ``base``: the base commit.
        deliver: Whether `airworthy test` delivers a sample.
        requested_by: The name of the caller.
    """

    days: int
    requested_by: str
    as_of: date | None = None
    against: Against = "champion"
    deliver: bool = True


def build_report(
    environment: Environment,
    registry: Environment | str,
    changes: Changes,
    request: ReportRequest,
    progress: Report,
) -> ChangeReport:
    """Return the report on a change.

    Nothing is released, and nothing is written but below a temporary folder.

    Args:
        environment: Names the project, its models and the download cache.
        registry: The environment of the champions; a text: the reason that there is none.
        changes: The changes.
        request: The bounds.
        progress: Called with the progress.
    """
    layout = read_layout(environment, changes)
    models: list[ModelReport] = []
    for touched in touched_models(changes.paths, layout):
        with tempfile.TemporaryDirectory(prefix="airworthy-report-") as scratch:
            work = _ModelWork(environment, registry, changes, request, Path(scratch).resolve())
            models.append(work.report(touched, progress))
    words = registry if isinstance(registry, str) else registry.name
    return ChangeReport(changes.base, changes.head, list(changes.paths), models, words)


class _ModelWork:
    """The work for one model, in a folder thrown away."""

    def __init__(
        self,
        environment: Environment,
        registry: Environment | str,
        changes: Changes,
        request: ReportRequest,
        scratch: Path,
    ) -> None:
        self._environment, self._registry = environment, registry
        self._changes, self._request, self._scratch = changes, request, scratch
        self._before = scratch / "before"

    def report(self, touched: TouchedModel, progress: Report) -> ModelReport:
        """Return the model's report. No error is raised."""
        report = ModelReport(touched)
        try:
            self._compare_files(report)
            if touched.kind == "removed":
                return report
            progress(touched.model, "airworthy test")
            self._test(report)
            report.spec = load_spec(self._folder(touched) / SPEC_FILE)
            report.sample = choose_sample(report.spec, self._end(report), self._request.days)
            progress(touched.model, "the model to compare with")
            report.opponent = self._opponent(report)
            progress(touched.model, "training on a sample")
            run = run_on_sample(self._head_job(report), report.opponent.compared)
            if run.stopped is not None:
                problem = self._below(run.stopped.problem)
                run.stopped = replace(run.stopped, problem=problem)
            report.run = run
        except AirworthyError as error:
            report.problem = self._below(str(error))
            report.problem_may_pass = isinstance(error, TransientError)
        return report

    def _folder(self, touched: TouchedModel) -> Path:
        return self._environment.models.resolve() / touched.model

    def _compare_files(self, report: ModelReport) -> None:
        folder = self._folder(report.touched)
        write_folder(self._changes, folder, self._before)
        report.diffs = file_diffs(self._before, folder)
        if report.touched.kind == "changed":
            report.keys = spec_key_changes(self._before, folder)

    def _test(self, report: ModelReport) -> None:
        place = self._place("tests", self._environment.models)
        for part in run_model_tests(self._folder(report.touched), place, self._request.deliver):
            failures = [self._below(failure) for failure in part.failures]
            report.tests.append(replace(part, failures=failures))

    def _below(self, text: str) -> str:
        """Return a text with paths below the repository: this machine's are nobody's concern."""
        for folder in (self._changes.repository, self._scratch):
            text = text.replace(f"{folder}/", "")
        return text

    def _end(self, report: ModelReport) -> datetime:
        spec, today = report.spec, datetime.now(UTC).date()
        return midnight(self._request.as_of or (data_end(spec, today) if spec else today))

    def _opponent(self, report: ModelReport) -> Opponent:
        """Return the champion, else what the base trains.

        Raises:
            TransientError: when the base cannot be trained for a reason that may pass.
        """
        reason: str | None = None
        if self._request.against == "champion":
            found = self._champion(report.model)
            if found.compared is not None:
                return found
            reason = found.words
        base = self._base(report).after(reason)
        if base.transient:
            raise TransientError(base.words, model=report.model, next_step="try again")
        return base

    def _champion(self, model: str) -> Opponent:
        if isinstance(self._registry, str):
            return Opponent(self._registry)
        return find_champion(self._registry, model, self._scratch / "champion")

    def _base(self, report: ModelReport) -> Opponent:
        if report.touched.kind == "new":
            return Opponent("no model: this one is new")
        if not report.diffs:
            return Opponent("no model: the folder is as at the base, which trains the same one")
        return train_base(self._changes.base, lambda name: self._train_base(report, name))

    def _train_base(self, report: ModelReport, name: str) -> ComparedModel:
        place = self._mirror("base", report.model)
        write_folder(self._changes, self._folder(report.touched), place)
        return train_on_sample(self._job(report, "base", place), name)

    def _head_job(self, report: ModelReport) -> Job:
        place = self._mirror("head", report.model)
        copy_folder(self._folder(report.touched), place)
        return self._job(report, "head", place)

    def _job(self, report: ModelReport, name: str, folder: Path) -> Job:
        """Return the job of a run up to the report's end; each spec looks back as far as it says."""
        environment = self._place(name, folder.parent)
        spec = load_spec(folder / SPEC_FILE)
        sample = choose_sample(spec, self._end(report), self._request.days)
        return sample_job(
            folder,
            environment,
            sample,
            f"report-{name}-{self._changes.head[:12]}",
            self._request.requested_by,
        )

    def _mirror(self, name: str, model: str) -> Path:
        folder = self._environment.models.resolve() / model
        return mirror(self._changes.repository, folder, self._scratch / name / "tree")

    def _place(self, name: str, models: Path) -> Environment:
        folder = self._scratch / name
        uri = f"sqlite:///{self._scratch}/mlflow.db"
        return throwaway(self._environment, folder, models, uri)
