"""Evaluate: challenger, champion and baseline on the same frozen rows, and the verdict on the challenger."""

from __future__ import annotations

import json
import logging
from datetime import date
from pathlib import Path
from typing import Any

from airworthy.bundle import ModelBundle
from airworthy.errors import TerminalError
from airworthy.evaluation.bootstrap import relative_loss
from airworthy.evaluation.comparable import why_incomparable
from airworthy.evaluation.holdout import Scored, score_holdout, slice_metrics
from airworthy.evaluation.metrics import confusion
from airworthy.gates.decide import Measured, decide, overall
from airworthy.gates.report import verdict_table
from airworthy.handover import DatasetRef, ModelRef, Verdict
from airworthy.job import Job
from airworthy.lake.table import open_lake
from airworthy.ledger import open_ledger
from airworthy.registry.store import BUNDLE_ARTIFACT, Registry, open_registry
from airworthy.training.baseline import BaselineModel

log = logging.getLogger("airworthy.evaluate")


def evaluate(job: Job, dataset: DatasetRef, challenger: ModelRef) -> Verdict:
    """Judge a challenger on the holdout of its dataset version.

    Returns:
        The verdict; a failed gate is in it, and raises nothing.

    Raises:
        TerminalError: when the holdout has no labelled row, or a model's files are not those that were logged.
        TransientError: when the lake or MLflow cannot be reached.
    """
    registry = open_registry(job.environment)
    champion = registry.champion(job.spec.model)
    bundles = {"challenger": _challenger(registry, challenger)}
    incomparable = _add_champion(job, registry, champion, bundles)
    baseline = BaselineModel.model_validate_json(registry.run_text(challenger.mlflow_run_id, "baseline.json"))
    scored = _score(job, dataset, challenger, bundles, baseline)
    measured = _measure(job, scored, incomparable)
    gates = decide(job.spec.evaluate.gates, measured)
    outcome = overall(gates)
    verdict = Verdict(
        model=job.spec.model,
        run_id=job.run.run_id,
        mlflow_run_id=challenger.mlflow_run_id,
        dataset_digest=dataset.digest,
        outcome=outcome,
        releasable=outcome == "pass" or (outcome == "inconclusive" and job.spec.evaluate.inconclusive == "release"),
        champion_version=champion,
        metrics=measured.metrics,
        slices=measured.slices,
        gates=gates,
        holdout_rows=measured.rows,
    )
    _keep(job, registry, verdict, scored, bundles["challenger"])
    return verdict


def _challenger(registry: Registry, challenger: ModelRef) -> ModelBundle:
    folder = registry.download(challenger.model_uri, BUNDLE_ARTIFACT)
    return ModelBundle.load(folder, challenger.bundle_digest)


def _add_champion(
    job: Job, registry: Registry, champion: str | None, bundles: dict[str, ModelBundle]
) -> dict[str, str]:
    """Load the champion beside the challenger, or return by its role why it cannot be compared."""
    if champion is None:
        return {}
    bundle = ModelBundle.load(*registry.bundle(job.spec.model, champion))
    why = why_incomparable(bundle.manifest, job.spec)
    if why is None:
        bundles["champion"] = bundle
        return {}
    log.warning("champion version %s is not compared with: %s", champion, why)
    return {"champion": why}


def _score(
    job: Job, dataset: DatasetRef, challenger: ModelRef, bundles: dict[str, ModelBundle], baseline: BaselineModel
) -> Scored:
    lake = open_lake(job.environment, job.spec.model)
    first, last = challenger.split.holdout_start.date(), challenger.split.end.date()
    days = [day for day in map(date.fromisoformat, sorted(dataset.partitions)) if first <= day < last]
    scored = score_holdout(job.spec, (lake.read_partition(dataset, day) for day in days), bundles, baseline)
    if scored is None:
        raise TerminalError(
            "the holdout has no labelled row", model=job.spec.model, stage="evaluate",
            received=f"0 rows in [{first}, {last})", allowed="at least 1 row",
            next_step="raise train.holdout or ingest.label_delay, or look at the source's labels",
        )  # fmt: skip
    return scored


def _measure(job: Job, scored: Scored, incomparable: dict[str, str]) -> Measured:
    metrics = scored.metrics(job.spec)
    compared: set[tuple[str, str]] = {
        (gate.metric, gate.against)
        for gate in job.spec.evaluate.gates
        if gate.against and all(gate.metric in metrics.get(role, {}) for role in ("challenger", gate.against))
    }
    losses = {(metric, role): _loss(job, scored, metric, role) for metric, role in sorted(compared)}
    return Measured(metrics, slice_metrics(job.spec, scored), losses, len(scored.labels), incomparable)


def _loss(job: Job, scored: Scored, metric: str, role: str) -> tuple[float, float, float]:
    rules = job.spec.evaluate
    return relative_loss(
        job.spec.task, metric, scored.labels, scored.predictions["challenger"], scored.predictions[role],
        threshold=rules.decision_threshold, confidence=rules.confidence, resamples=rules.resamples,
        seed=job.spec.train.seed,
    )  # fmt: skip


def _keep(job: Job, registry: Registry, verdict: Verdict, scored: Scored, bundle: ModelBundle) -> None:
    """Leave the evidence: on the MLflow run, in the evidence folder, in the ledger and in the log."""
    import mlflow

    folder = job.evidence
    folder.mkdir(parents=True, exist_ok=True)
    content = verdict.model_dump(mode="json")
    (folder / "verdict.json").write_text(json.dumps(content, indent=1), encoding="utf-8")
    _draw(job, folder / "evaluation.png", scored, bundle)
    with mlflow.start_run(run_id=verdict.mlflow_run_id):
        mlflow.log_metrics(
            {f"{role}_{metric}": value for role, found in verdict.metrics.items() for metric, value in found.items()}
        )
        mlflow.set_tags(
            {
                "airworthy.verdict": verdict.outcome,
                "airworthy.reasons": "\n".join(verdict.reasons)[:4000],
                "mlflow.note.content": f"```\n{verdict_table(verdict)}\n```",
            }
        )
        mlflow.log_dict(content, "verdict.json")
        mlflow.log_artifact(str(folder / "evaluation.png"))
        if job.spec.task != "regression":
            mlflow.log_dict(_confusion(job, scored, bundle), "confusion_matrix.json")
    open_ledger(job.environment, job.spec.model).append(
        "verdict", f"verdict:{job.run.run_id}:{verdict.mlflow_run_id}:{verdict.champion_version}", job.run.run_id,
        job.run.requested_by,
        {
            "outcome": verdict.outcome, "reasons": verdict.reasons, "champion": verdict.champion_version,
            "mlflow_run_id": verdict.mlflow_run_id, "dataset_digest": verdict.dataset_digest,
        },
    )  # fmt: skip
    for line in verdict_table(verdict).splitlines():
        log.info(line)


def _confusion(job: Job, scored: Scored, bundle: ModelBundle) -> dict[str, Any]:
    classes, threshold = list(bundle.manifest.classes), job.spec.evaluate.decision_threshold
    matrix = confusion(scored.labels, scored.predictions["challenger"], threshold, len(classes))
    return {"classes": classes, "rows_are": "actual", "matrix": matrix.tolist()}


def _draw(job: Job, path: Path, scored: Scored, bundle: ModelBundle) -> None:
    from airworthy.evaluation.plots import draw

    gains = bundle.booster.get_score(importance_type="total_gain")
    total = sum(gains.values()) or 1.0
    importance = {name: gains.get(name, 0.0) / total for name in bundle.features.names}
    figure = draw(job.spec, scored.labels, scored.predictions["challenger"], importance, list(bundle.manifest.classes))
    figure.savefig(path, dpi=90)
