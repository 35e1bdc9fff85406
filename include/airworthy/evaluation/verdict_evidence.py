"""The evidence of an evaluation, beside the lake and on its MLflow run."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import Any

from airworthy.bundle import ModelBundle
from airworthy.evaluation.holdout import ScoredHoldout
from airworthy.evaluation.model_report import report_page
from airworthy.evaluation.task_metrics import confusion
from airworthy.gates.verdict_table import verdict_table
from airworthy.handover import DatasetRef, ModelRef, Verdict
from airworthy.job import Job
from airworthy.registry.tags import NOTE
from airworthy.registry.verdict_tags import verdict_tags


def save_evidence(
    job: Job,
    dataset: DatasetRef,
    challenger: ModelRef,
    verdict: Verdict,
    scored: ScoredHoldout,
    bundle: ModelBundle,
) -> None:
    """Write verdict, plots and report to the run's evidence; log them and the metrics to MLflow.

    The files are ``verdict.json``, ``evaluation.png`` and ``report.html``.

    The numbers of two plots are logged too: ``feature_importance.json`` and
    ``confusion_matrix.json``.

    Args:
        job: The run.
        dataset: The challenger's dataset version.
        challenger: The model.
        verdict: The verdict on it.
        scored: The holdout with every model's predictions.
        bundle: The challenger's files.
    """
    importance = _importance(bundle)
    plots = _plots(job, scored, importance, bundle)
    report = report_page(job, dataset, challenger, verdict, plots)
    job.evidence.write_json("verdict.json", verdict.model_dump(mode="json"))
    job.evidence.write("evaluation.png", plots)
    job.evidence.write("report.html", report)
    numbers: dict[str, Any] = {"feature_importance.json": importance}
    if job.spec.task != "regression":
        numbers["confusion_matrix.json"] = _confusion(job, scored, bundle)
    _log_to_mlflow(verdict, plots, report, numbers)


def _log_to_mlflow(verdict: Verdict, plots: bytes, report: str, numbers: dict[str, Any]) -> None:
    import mlflow

    with mlflow.start_run(run_id=verdict.mlflow_run_id):
        mlflow.log_metrics(
            {
                f"{role}_{metric}": value
                for role, metrics in verdict.metrics.items()
                for metric, value in metrics.items()
            }
        )
        mlflow.set_tags(
            {
                **verdict_tags(verdict),
                NOTE: f"```\n{verdict_table(verdict)}\n```",
            }
        )
        mlflow.log_dict(verdict.model_dump(mode="json"), "verdict.json")
        mlflow.log_text(report, "report.html")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "evaluation.png"
            path.write_bytes(plots)
            mlflow.log_artifact(str(path))
        for name, content in numbers.items():
            mlflow.log_dict(content, name)


def _confusion(job: Job, scored: ScoredHoldout, bundle: ModelBundle) -> dict[str, Any]:
    classes, threshold = list(bundle.manifest.classes), job.spec.evaluate.decision_threshold
    matrix = confusion(scored.labels, scored.predictions["challenger"], threshold, len(classes))
    return {"classes": classes, "rows_are": "actual", "matrix": matrix.tolist()}


def _importance(bundle: ModelBundle) -> dict[str, float]:
    """Return feature -> its share of the total gain, the largest first."""
    gains = bundle.booster.get_score(importance_type="total_gain")
    total = sum(gains.values()) or 1.0
    names = sorted(bundle.features.names, key=lambda name: -gains.get(name, 0.0))
    return {name: gains.get(name, 0.0) / total for name in names}


def _plots(
    job: Job, scored: ScoredHoldout, importance: dict[str, float], bundle: ModelBundle
) -> bytes:
    """Return the plots as PNG."""
    from airworthy.evaluation.plots import draw

    figure = draw(job.spec, scored, importance, list(bundle.manifest.classes))
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=90)
    return content.getvalue()
