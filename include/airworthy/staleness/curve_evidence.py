"""The evidence of a staleness curve: its files, logged to MLflow, and a ledger entry."""

from __future__ import annotations

from pathlib import Path

from airworthy.job import Job
from airworthy.ledger import open_ledger
from airworthy.ledger.events import StalenessMeasured
from airworthy.registry.mlflow_errors import mlflow_errors
from airworthy.registry.registry import open_registry
from airworthy.staleness.curve import StalenessCurve, curve_table
from airworthy.staleness.curve_plot import draw
from airworthy.traffic.current_traffic import current_champion


def save_curve(job: Job, curve: StalenessCurve) -> Path:
    """Write the curve's files to the run's folder, and log them to the champion's MLflow run.

    The files are ``staleness.json``, ``.txt`` and ``.png``.

    Returns:
        The folder. Without a champion, nothing is logged to MLflow.

    Raises:
        TransientError: when MLflow or the ledger cannot be reached.
    """
    folder = job.evidence
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "staleness.json").write_text(curve.model_dump_json(indent=1), encoding="utf-8")
    (folder / "staleness.txt").write_text(curve_table(curve) + "\n", encoding="utf-8")
    draw(curve).savefig(folder / "staleness.png", dpi=100)
    champion = current_champion(job.environment, curve.model)
    if champion is not None:
        with mlflow_errors(job.environment):
            registry = open_registry(job.environment)
            run_id = str(registry.version(curve.model, champion).run_id)
            for name in ("staleness.json", "staleness.txt", "staleness.png"):
                registry.client.log_artifact(
                    run_id, str(folder / name), f"monitoring/staleness-{curve.end:%Y-%m-%d}"
                )
    return folder


def record_curve(job: Job, curve: StalenessCurve, written: bool) -> None:
    """Record the curve in the ledger, and whether the alert was set; the same entry once.

    Args:
        job: The run.
        curve: The measured curve.
        written: Whether the alert was set.

    Raises:
        TransientError: when the ledger cannot be reached.
    """
    content = curve.model_dump(mode="json", exclude={"windows"})
    measured = StalenessMeasured(**content, written=written, evidence=str(job.evidence))
    ledger = open_ledger(job.environment, curve.model)
    ledger.append(measured, run_id=job.run.run_id, who=job.run.requested_by)
