"""What a staleness curve leaves: its files, on the champion's MLflow run too, and an entry in the ledger."""

from __future__ import annotations

from pathlib import Path

from airworthy.job import Job
from airworthy.ledger import open_ledger
from airworthy.ledger.events import StalenessMeasured
from airworthy.registry.mlflow_errors import explained
from airworthy.registry.registry import open_registry
from airworthy.staleness.curve import StalenessCurve, curve_table
from airworthy.staleness.curve_plot import draw


def keep_curve(job: Job, curve: StalenessCurve) -> Path:
    """Write ``staleness.json``, ``.txt`` and ``.png`` to the run's folder, and log them to the champion's MLflow run.

    Returns:
        The folder. Without a champion, it is the only place.

    Raises:
        TransientError: when MLflow cannot be reached.
    """
    folder = job.evidence
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "staleness.json").write_text(curve.model_dump_json(indent=1), encoding="utf-8")
    (folder / "staleness.txt").write_text(curve_table(curve) + "\n", encoding="utf-8")
    draw(curve).savefig(folder / "staleness.png", dpi=100)
    with explained(job.environment):
        registry = open_registry(job.environment)
        champion = registry.champion(curve.model)
        if champion is not None:
            run_id = str(registry.version(curve.model, champion).run_id)
            for name in ("staleness.json", "staleness.txt", "staleness.png"):
                registry.client.log_artifact(
                    run_id, str(folder / name), f"monitoring/staleness-{curve.end:%Y-%m-%d}"
                )
    return folder


def record_curve(job: Job, curve: StalenessCurve, written: bool) -> None:
    """Leave in the ledger what was measured, and whether the spec's alert was set from it; the same, once.

    Raises:
        TransientError: when the ledger cannot be reached.
    """
    content = curve.model_dump(mode="json", exclude={"windows"})
    measured = StalenessMeasured(**content, written=written, evidence=str(job.evidence))
    ledger = open_ledger(job.environment, curve.model)
    ledger.append(measured, run_id=job.run.run_id, who=job.run.requested_by)
