"""The evidence of an evaluation: verdict, picture and report, in the run's folder and on its MLflow run."""

from __future__ import annotations

import io
import json
from typing import Any

from airworthy.bundle import ModelBundle
from airworthy.evaluation.holdout import Scored
from airworthy.evaluation.model_report import report_page
from airworthy.evaluation.task_metrics import confusion
from airworthy.gates.verdict_table import verdict_table
from airworthy.handover import DatasetRef, ModelRef, Verdict
from airworthy.job import Job
from airworthy.registry.tags import NOTE, REASONS, VERDICT


def keep_evidence(
    job: Job,
    dataset: DatasetRef,
    challenger: ModelRef,
    verdict: Verdict,
    scored: Scored,
    bundle: ModelBundle,
) -> None:
    """Write ``verdict.json``, ``evaluation.png`` and ``report.html``; log them and the metrics to MLflow.

    What the picture's panels show in numbers is logged too: ``feature_importance.json``, ``confusion_matrix.json``.
    """
    import mlflow

    folder = job.evidence
    folder.mkdir(parents=True, exist_ok=True)
    content = verdict.model_dump(mode="json")
    importance = _importance(bundle)
    picture = _picture(job, scored, importance, bundle)
    (folder / "verdict.json").write_text(json.dumps(content, indent=1), encoding="utf-8")
    (folder / "evaluation.png").write_bytes(picture)
    (folder / "report.html").write_text(
        report_page(job, dataset, challenger, verdict, picture), encoding="utf-8"
    )
    with mlflow.start_run(run_id=verdict.mlflow_run_id):
        mlflow.log_metrics(
            {
                f"{role}_{metric}": value
                for role, found in verdict.metrics.items()
                for metric, value in found.items()
            }
        )
        mlflow.set_tags(
            {
                VERDICT: verdict.outcome,
                REASONS: "\n".join(verdict.reasons)[:4000],
                NOTE: f"```\n{verdict_table(verdict)}\n```",
            }
        )
        mlflow.log_dict(content, "verdict.json")
        mlflow.log_artifact(str(folder / "evaluation.png"))
        mlflow.log_artifact(str(folder / "report.html"))
        mlflow.log_dict(importance, "feature_importance.json")
        if job.spec.task != "regression":
            mlflow.log_dict(_confusion(job, scored, bundle), "confusion_matrix.json")


def _confusion(job: Job, scored: Scored, bundle: ModelBundle) -> dict[str, Any]:
    classes, threshold = list(bundle.manifest.classes), job.spec.evaluate.decision_threshold
    matrix = confusion(scored.labels, scored.predictions["challenger"], threshold, len(classes))
    return {"classes": classes, "rows_are": "actual", "matrix": matrix.tolist()}


def _importance(bundle: ModelBundle) -> dict[str, float]:
    """Return feature -> its share of the total gain, the largest first."""
    gains = bundle.booster.get_score(importance_type="total_gain")
    total = sum(gains.values()) or 1.0
    names = sorted(bundle.features.names, key=lambda name: -gains.get(name, 0.0))
    return {name: gains.get(name, 0.0) / total for name in names}


def _picture(job: Job, scored: Scored, importance: dict[str, float], bundle: ModelBundle) -> bytes:
    """Return the one picture, as PNG."""
    from airworthy.evaluation.plots import draw

    figure = draw(job.spec, scored, importance, list(bundle.manifest.classes))
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=90)
    return content.getvalue()
