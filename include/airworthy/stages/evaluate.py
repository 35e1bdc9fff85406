"""Evaluate: scores challenger, champion and baseline on one holdout; returns the verdict."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime

from airworthy.behaviour import load_behaviour
from airworthy.bundle import ModelBundle
from airworthy.environment import Environment
from airworthy.errors import TerminalError
from airworthy.evaluation.comparable import incomparable_reason
from airworthy.evaluation.evaluate_challenger import evaluate_challenger
from airworthy.evaluation.holdout import ScoredHoldout, score_holdout
from airworthy.evaluation.verdict_evidence import save_evidence
from airworthy.gates.verdict_table import verdict_table
from airworthy.handover import DatasetRef, ModelRef, Verdict
from airworthy.job import Job
from airworthy.lake.dataset_records import BenchmarkRecord
from airworthy.lake.datasets import open_datasets
from airworthy.lake.lake import open_dataset_lake
from airworthy.ledger import open_ledger
from airworthy.ledger.events import VerdictReached
from airworthy.reconciliation import require_agreement
from airworthy.registry.registry import BUNDLE_ARTIFACT, Registry, open_registry
from airworthy.traffic.champion_files import champion_digest
from airworthy.traffic.current_traffic import current_traffic
from airworthy.training.baseline import BaselineModel

log = logging.getLogger("airworthy.evaluate")

_WAY_OUT = (
    "to release without the comparison, waive champion and slices in evaluate.waive, leave out gates of "
    "your own against the champion, and take that back after the release"
)


@dataclass(frozen=True)
class ComparedModel:
    """A model that a challenger is compared with: its name in the verdict, and its files."""

    name: str
    bundle: ModelBundle


def evaluate(
    job: Job, dataset: DatasetRef, challenger: ModelRef, compared: ComparedModel | None = None
) -> Verdict:
    """Evaluate a challenger on the holdout of its dataset version.

    Args:
        job: The run.
        dataset: The dataset version.
        challenger: The trained model.
        compared: The model to compare with; None: the champion by the ledger.

    Returns:
        The verdict. A failed gate raises nothing.

    Raises:
        TerminalError: when the holdout has no labelled row, a model's files are not the logged
            ones, the champion's are not those of the ledger, behaviour.py cannot be used, or the
            model's records disagree.
        TransientError: when the lake, the ledger or MLflow cannot be reached.
    """
    require_agreement(job, "evaluate")
    behaviour = load_behaviour(job.folder, job.spec.model)
    registry = open_registry(job.environment)
    champion = compared or champion_of(job.environment, job.spec.model)
    bundles = {"challenger": trained_bundle(registry, challenger)}
    incomparable = _add_champion(job, champion, bundles)
    baseline = BaselineModel.model_validate_json(
        registry.run_artifact_text(challenger.mlflow_run_id, "baseline.json")
    )
    scored = _score(job, dataset, challenger, bundles, baseline).with_costs(job.spec, behaviour)
    evaluation = evaluate_challenger(job.spec, behaviour, bundles, scored, incomparable)
    verdict = Verdict(
        model=job.spec.model,
        run_id=job.run.run_id,
        mlflow_run_id=challenger.mlflow_run_id,
        dataset_digest=dataset.digest,
        outcome=evaluation.outcome,
        releasable=evaluation.releasable,
        champion_version=champion.name if champion else None,
        metrics=evaluation.measurements.metrics,
        slices=evaluation.measurements.slices,
        gates=evaluation.gates,
        holdout_rows=evaluation.measurements.rows,
        waivers=evaluation.waivers,
        champion_failing=evaluation.champion_failing,
    )
    save_evidence(job, dataset, challenger, verdict, scored, bundles["challenger"])
    _record(job, dataset, verdict)
    return verdict


def champion_of(environment: Environment, model: str) -> ComparedModel | None:
    """Return a model's champion by the ledger, with its files from the registry; None: none serves.

    Args:
        environment: The environment of ledger and registry.
        model: The model.

    Raises:
        TerminalError: when the files are not those of the ledger.
        TransientError: when the ledger or MLflow cannot be reached.
    """
    champion = current_traffic(environment, model).champion
    if champion is None:
        return None
    registry = open_registry(environment)
    digest = champion_digest(registry, model, champion)
    folder, _ = registry.bundle(model, champion.version)
    return ComparedModel(champion.version, ModelBundle.load(folder, digest))


def trained_bundle(registry: Registry, trained: ModelRef) -> ModelBundle:
    """Return the files of a trained model, after a check of their digest.

    Args:
        registry: Where it was logged.
        trained: The output of the stage `train`.
    """
    folder = registry.download(trained.model_uri, BUNDLE_ARTIFACT)
    return ModelBundle.load(folder, trained.bundle_digest)


def _add_champion(
    job: Job, champion: ComparedModel | None, bundles: dict[str, ModelBundle]
) -> dict[str, str]:
    """Add the champion's bundle; return the reason by role when it cannot be compared."""
    if champion is None:
        return {}
    reason = incomparable_reason(champion.bundle.manifest, job.spec)
    if reason is None:
        bundles["champion"] = champion.bundle
        return {}
    log.warning("champion version %s is not compared with: %s", champion.name, reason)
    return {"champion": f"{reason}; {_WAY_OUT}"}


def _score(
    job: Job,
    dataset: DatasetRef,
    challenger: ModelRef,
    bundles: dict[str, ModelBundle],
    baseline: BaselineModel,
) -> ScoredHoldout:
    lake = open_dataset_lake(job.environment, dataset)
    start, end = challenger.split.holdout_start, challenger.split.end
    days = dataset.partition_days(start, end)
    scored = score_holdout(
        job.spec,
        (lake.read_partition(dataset, day, start, end) for day in days),
        bundles,
        baseline,
    )
    if scored is None:
        raise TerminalError(
            "the holdout has no labelled row",
            model=job.spec.model,
            stage="evaluate",
            received=f"0 rows in [{start:%Y-%m-%d}, {end:%Y-%m-%d}); the newest day with rows is "
            f"{max(dataset.partitions)}",
            allowed="at least 1 row",
            next_step="raise train.holdout or ingest.label_delay, or look at the source's labels",
        )
    return scored


def _record(job: Job, dataset: DatasetRef, verdict: Verdict) -> None:
    """Record the metrics with the dataset version, and the verdict in the ledger and the log."""
    benchmark = BenchmarkRecord(
        run_id=job.run.run_id,
        dag_id=job.run.dag_id,
        requested_by=job.run.requested_by,
        time=datetime.now(UTC),
        mlflow_run_id=verdict.mlflow_run_id,
        outcome=verdict.outcome,
        champion_version=verdict.champion_version,
        holdout_rows=verdict.holdout_rows,
        metrics=verdict.metrics,
    )
    open_datasets(job.environment, job.spec.model).add(dataset, benchmark)
    reached = VerdictReached(
        outcome=verdict.outcome,
        reasons=verdict.reasons,
        champion=verdict.champion_version,
        mlflow_run_id=verdict.mlflow_run_id,
        dataset_digest=verdict.dataset_digest,
        dag_id=job.run.dag_id,
        waivers=verdict.waivers,
        champion_failing=verdict.champion_failing,
    )
    open_ledger(job.environment, job.spec.model).append(
        reached,
        run_id=job.run.run_id,
        who=job.run.requested_by,
        proved_by=job.run.requested_by_proof,
    )
    for line in verdict_table(verdict).splitlines():
        log.info(line)
