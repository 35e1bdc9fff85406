"""Checks the parameters of one run: XGBoost ignores names that it does not know."""

from __future__ import annotations

from airworthy.checks.boosting import parameter_faults
from airworthy.errors import TerminalError
from airworthy.features import load_expressions
from airworthy.job import Job
from airworthy.spec.run_parameters import require_finite


def require_parameters(job: Job, stage: str) -> None:
    """Check a run's parameters beside those of its spec, as ``airworthy check`` does.

    Args:
        job: The run's job.
        stage: The stage, for the error.

    Raises:
        TerminalError: when one is unknown, or has a value that XGBoost refuses.
    """
    if not job.run.parameters:
        return
    require_finite(job.run.parameters, job.spec.model)
    train_part = job.spec.train.model_copy(
        update={"parameters": {**job.spec.train.parameters, **job.run.parameters}, "search": None}
    )
    spec = job.spec.model_copy(update={"train": train_part})
    features = load_expressions(job.folder / "features.py", job.spec.model)
    faults = parameter_faults("the run", spec, list(features))
    if faults:
        raise TerminalError(
            "\n".join(str(fault) for fault in faults),
            model=job.spec.model,
            stage=stage,
            next_step="correct the run's parameters",
        )
