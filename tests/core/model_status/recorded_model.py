"""Models whose ledgers, evidence and dataset records are written by the product's own code.

Nothing is trained: the values are the test's, and their records are real.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import yaml

from airworthy.environment import Environment
from airworthy.handover import (
    DataCheck,
    GateOutcome,
    LiveWindow,
    PerformanceCheck,
    RunRequest,
    Shift,
    ShiftCheck,
    Verdict,
)
from airworthy.job import Job
from airworthy.ledger import open_ledger
from airworthy.ledger.events import (
    AliasMove,
    LedgerEvent,
    Registration,
    RetrainingDecision,
    VerdictReached,
)
from airworthy.monitoring.build_decision import Checks, build_decision
from airworthy.monitoring.check_results import write_evidence
from airworthy.spec.loading import load_spec

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
SPEC: dict[str, Any] = {
    "task": "regression",
    "owner": "tests",
    "description": "Minutes of a trip.",
    "schedule": "0 2 * * *",
    "ingest": {
        "source": {"type": "simulator", "rows_per_day": 20},
        "event_time": "picked_up_at",
        "key": ["delivery_id"],
        "label": "minutes",
        "columns": {"delivery_id": "int", "distance_km": "float", "minutes": "float"},
    },
    "train": {"lookback": "20d", "holdout": "3d"},
    "evaluate": {"gates": [{"metric": "rmse", "max": 10}]},
    "release": {"approval": "required"},
}


@dataclass
class RecordedModel:
    """One model, written entry by entry.

    Attributes:
        environment: Its environment.
        model: Its name.
        days: The number of the day of its next run.
        champion: Its champion.
    """

    environment: Environment
    model: str
    days: int = 0
    champion: str | None = None
    versions: int = field(default=0)

    def write_spec(self, **changes: Any) -> None:
        """Write its spec; `changes` replace whole parts."""
        folder = self.environment.models / self.model
        folder.mkdir(parents=True, exist_ok=True)
        content = yaml.safe_dump({"model": self.model, **SPEC, **changes})
        (folder / "model.yaml").write_text(content, encoding="utf-8")

    def append(self, event: LedgerEvent, run_id: str = "by-hand") -> None:
        """Append an event to its ledger."""
        open_ledger(self.environment, self.model).append(event, run_id=run_id, who="ada")

    def train(self, rmse: float, released: bool = True, champion_rmse: float | None = None) -> str:
        """Record a training with its verdict and its evidence; return the version.

        Args:
            rmse: Its error on its holdout.
            released: Whether it becomes champion.
            champion_rmse: The champion's error on this holdout; None: it was not compared.
        """
        job, self.versions = self._job("train"), self.versions + 1
        version, run = str(self.versions), f"mlflow-{self.versions}"
        metrics = {"challenger": {"rmse": rmse}}
        if champion_rmse is not None:
            metrics["champion"] = {"rmse": champion_rmse}
        outcome = "pass" if released else "fail"
        reason = f"{rmse:.4g} (at most 10 {'allowed' if released else 'required'})"
        gate = GateOutcome(
            gate="rmse", outcome=outcome, value=rmse, threshold=10.0, n=40, reason=reason
        )
        verdict = Verdict(
            model=self.model,
            run_id=job.run.run_id,
            mlflow_run_id=run,
            dataset_digest="d" * 64,
            outcome=outcome,
            releasable=released,
            champion_version=self.champion,
            metrics=metrics,
            slices={"city": {"oslo": {"rows": 20.0, "rmse": rmse}}},
            gates=[gate],
            holdout_rows=40,
        )
        job.evidence.write_json("verdict.json", verdict.model_dump(mode="json"))
        self.append(
            VerdictReached(
                outcome=verdict.outcome,
                reasons=verdict.reasons,
                champion=self.champion,
                mlflow_run_id=run,
                dataset_digest=verdict.dataset_digest,
            ),
            job.run.run_id,
        )
        status = "approved" if released else "rejected"
        self.append(
            Registration(
                version=version,
                validation_status=status,
                bundle_digest=version * 64,
                as_of=job.run.as_of,
                mlflow_run_id=run,
            ),
            job.run.run_id,
        )
        if released:
            self.release(version, job.run.run_id)
        return version

    def release(self, version: str, run_id: str) -> None:
        """Make a version champion."""
        move = AliasMove(from_=self.champion, to=version, bundle_digest=version * 64)
        self.append(move, run_id)
        self.champion = version

    def look(self, rmse: float | None, drifted: bool = False, worse: bool = False) -> None:
        """Record a look of the monitor with its evidence.

        Args:
            rmse: The champion's error on the labelled rows; None: nothing can be judged.
            drifted: Whether the column ``distance_km`` has moved.
            worse: Whether the monitor finds a loss of performance.
        """
        job = self._job("monitor")
        checks = self._checks(job, rmse, drifted, worse)
        for check in checks:
            write_evidence(job, check)
        entries = open_ledger(self.environment, self.model).entries()
        decision = write_evidence(job, build_decision(job, checks, entries, {}))
        self.append(RetrainingDecision(decision=decision), job.run.run_id)

    def _checks(self, job: Job, rmse: float | None, drifted: bool, worse: bool) -> Checks:
        end = job.run.as_of
        live = LiveWindow(
            model=self.model,
            start=end - DAY,
            end=end,
            production="lake",
            version=1,
            rows=100,
            quarantined=0,
            newest=end,
            champion=self.champion,
        )
        data = DataCheck(
            window=live, success=True, checks=[], evidence=job.evidence.address("data.json")
        )
        loss = "inconclusive" if rmse is None else "fired" if worse else "quiet"
        performance = PerformanceCheck(
            start=end - DAY,
            end=end,
            labels=100,
            metric="rmse",
            outcome=loss,
            words="by the test",
            value=rmse,
            expected=None if rmse is None else 3.0,
            metrics={} if rmse is None else {"rmse": rmse},
            label=_shift_check(job, "label", rmse, False),
            evidence=job.evidence.address("performance.json"),
        )
        skew = _shift_check(job, "skew", rmse, drifted)
        return Checks(data, skew, _shift_check(job, "drift", rmse, False), performance)

    def _job(self, kind: str) -> Job:
        self.days += 1
        run = RunRequest(
            model=self.model,
            as_of=START + self.days * DAY,
            reason="manual",
            run_id=f"{kind}__{self.days}",
        )
        spec = load_spec(self.environment.models / self.model / "model.yaml")
        return Job(spec, self.environment, run)


def _shift_check(job: Job, signal: Any, judged: float | None, drifted: bool) -> ShiftCheck:
    shift = Shift(
        column="distance_km",
        aspect="distance",
        effect=0.4 if drifted else 0.03,
        threshold=0.15,
        natural=0.02,
        p_value=0.0001 if drifted else 0.6,
        importance=0.7,
    )
    return ShiftCheck(
        signal=signal,
        outcome="inconclusive" if judged is None else "fired" if drifted else "quiet",
        words="by the test",
        reference="the test's",
        shifts=[] if judged is None else [shift],
        drifted=["distance_km"] if drifted else [],
        evidence=job.evidence.address(f"{signal}.json"),
    )
