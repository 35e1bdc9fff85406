"""Follows the runs of a merge until each has an end, and says what became of each model."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

from airworthy.cli.airflow_runs import AirflowAccess, AirflowRun, look_at, output_of, page_of
from airworthy.errors import AirworthyError, TransientError

Outcome = Literal["released", "not released", "rejected", "waits", "failed", "unknown"]
_MAX_SILENCES: Final = 60


@dataclass(frozen=True)
class ReleasedModel:
    """The outcome of a model's run.

    Attributes:
        model: The model.
        outcome: ``released``: it serves. ``not released``: it passed and does not serve.
            ``rejected``: by its gates. ``waits``: for an approval. ``failed``: the run did.
            ``unknown``: the run has not ended, or Airflow did not answer.
        run_id: The run.
        page: The address of the run's page.
        version: The registered version.
        reasons: Why, a sentence each.
    """

    model: str
    outcome: Outcome
    run_id: str | None = None
    page: str | None = None
    version: str | None = None
    reasons: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)

    def __str__(self) -> str:
        """Return a line, with a further line for each reason."""
        version = f" version {self.version}" if self.version else ""
        lines = [f"{self.model}:{version} {self.outcome}", *(f"  {each}" for each in self.reasons)]
        return "\n".join([*lines, f"  {self.page}"] if self.page else lines)


@dataclass
class Follower:
    """Follows runs.

    Attributes:
        access: Airflow.
        seconds: The longest time to wait, in seconds.
        pause: The time between two looks, in seconds.
        say: Takes a model and its state in words, whenever they change.
    """

    access: AirflowAccess
    seconds: float
    pause: float
    say: Callable[[str, str], None]

    def follow(self, runs: Mapping[str, str]) -> list[ReleasedModel]:
        """Return what became of models, in their order.

        Args:
            runs: Model -> the id of its run.
        """
        until = time.monotonic() + self.seconds
        results: dict[str, ReleasedModel] = {}
        states: dict[str, str] = {}
        silences = dict.fromkeys(runs, 0)
        while len(results) < len(runs):
            for model in [each for each in runs if each not in results]:
                result = self._look(model, runs[model], states, silences)
                if result is None and time.monotonic() > until:
                    words = f"it has not ended within {self.seconds:.0f} s: {states.get(model, '')}"
                    result = self._result(model, runs[model], "unknown", [words])
                if result is not None:
                    results[model] = result
            if len(results) < len(runs):
                time.sleep(self.pause)
        return [results[model] for model in runs]

    def _look(
        self, model: str, run_id: str, states: dict[str, str], silences: dict[str, int]
    ) -> ReleasedModel | None:
        """Return what became of a model; None: its run goes on."""
        try:
            run = look_at(self.access, f"{model}__train", run_id)
            self._say(model, run.words, states)
            ended = self._ended(model, run)
        except TransientError as error:
            silences[model] += 1
            self._say(model, f"{error.problem}; looking again", states)
            if silences[model] < _MAX_SILENCES:
                return None
            return self._result(model, run_id, "unknown", [error.problem])
        except AirworthyError as error:
            return self._result(model, run_id, "failed", [error.problem])
        silences[model] = 0
        return ended

    def _say(self, model: str, words: str, states: dict[str, str]) -> None:
        if states.get(model) != words:
            states[model] = words
            self.say(model, words)

    def _ended(self, model: str, run: AirflowRun) -> ReleasedModel | None:
        if run.waits and not run.has_ended:
            version = self._version(run)
            words = ["it waits for an approval: in Airflow, or by airworthy release"]
            return self._result(model, run.run_id, "waits", words, version)
        if not run.has_ended:
            return None
        return self._read(model, run)

    def _read(self, model: str, run: AirflowRun) -> ReleasedModel:
        """Return what became of a model by the outputs of a run that has ended."""
        version, verdict = self._version(run), output_of(self.access, run, "evaluate")
        if run.state == "failed":
            failed = [f"the task {task} failed" for task in run.failed]
            return self._result(model, run.run_id, "failed", failed or ["the run failed"], version)
        if verdict and not verdict.get("releasable"):
            return self._result(model, run.run_id, "rejected", _reasons(verdict), version)
        deployed = output_of(self.access, run, "release.deploy_production")
        if deployed.get("promoted"):
            return self._result(model, run.run_id, "released", [], version)
        reason = deployed.get("reason") or "the run ended without a release"
        return self._result(model, run.run_id, "not released", [str(reason)], version)

    def _version(self, run: AirflowRun) -> str | None:
        version = output_of(self.access, run, "register").get("version")
        return None if version is None else str(version)

    def _result(
        self,
        model: str,
        run_id: str,
        outcome: Outcome,
        reasons: list[str],
        version: str | None = None,
    ) -> ReleasedModel:
        page = page_of(self.access.url, f"{model}__train", run_id)
        return ReleasedModel(model, outcome, run_id, page, version, reasons)


def _reasons(verdict: dict[str, Any]) -> list[str]:
    """Return the reasons of the gates that count and did not pass."""
    gates = verdict.get("gates")
    return [
        f"{gate.get('gate')}: {gate.get('outcome')}: {gate.get('reason')}"
        for gate in (gates if isinstance(gates, list) else [])
        if isinstance(gate, dict) and gate.get("outcome") not in ("pass", "waived")
    ]
