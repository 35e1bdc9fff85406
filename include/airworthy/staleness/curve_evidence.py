"""The evidence of a staleness curve: its files, logged to MLflow, and a ledger entry."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

from airworthy.job import Job
from airworthy.ledger import open_ledger
from airworthy.ledger.events import StalenessMeasured
from airworthy.registry.mlflow_errors import mlflow_errors
from airworthy.registry.registry import Registry, open_registry
from airworthy.staleness.curve import StalenessCurve, curve_table
from airworthy.staleness.curve_plot import draw
from airworthy.traffic.current_traffic import current_champion


def save_curve(job: Job, curve: StalenessCurve) -> None:
    """Write the curve's files to the run's evidence, and log them to the champion's MLflow run.

    The files are ``staleness.json``, ``.txt`` and ``.png``. Without a champion, nothing is logged to
    MLflow.

    Raises:
        TransientError: when MLflow, the ledger or the object store cannot be reached.
    """
    picture = io.BytesIO()
    draw(curve).savefig(picture, format="png", dpi=100)
    files = {
        "staleness.json": curve.model_dump_json(indent=1).encode(),
        "staleness.txt": f"{curve_table(curve)}\n".encode(),
        "staleness.png": picture.getvalue(),
    }
    for name, content in files.items():
        job.evidence.write(name, content)
    champion = current_champion(job.environment, curve.model)
    if champion is not None:
        with mlflow_errors(job.environment):
            _log_to_mlflow(open_registry(job.environment), curve, champion, files)


def _log_to_mlflow(
    registry: Registry, curve: StalenessCurve, champion: str, files: dict[str, bytes]
) -> None:
    run_id = str(registry.version(curve.model, champion).run_id)
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            (Path(folder) / name).write_bytes(content)
        registry.client.log_artifacts(run_id, folder, f"monitoring/staleness-{curve.end:%Y-%m-%d}")


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
    ledger.append(
        measured,
        run_id=job.run.run_id,
        who=job.run.requested_by,
        proved_by=job.run.requested_by_proof,
    )
