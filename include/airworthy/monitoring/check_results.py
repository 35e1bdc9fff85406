"""Results of checks: kept in full as JSON in the run's evidence, or inconclusive for a reason."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any, TypeVar

from airworthy.handover import StageOutput
from airworthy.job import Job

_Result = TypeVar("_Result", bound=StageOutput)


class InconclusiveError(Exception):
    """A check has too little to go on. Its message is the reason, for people. No task fails."""


def write_evidence(job: Job, result: _Result, **details: Any) -> _Result:
    """Write a result to the run's evidence, and return it.

    Args:
        job: The run.
        result: The result. Its field `evidence` has the address of the file.
        **details: More JSON values for the file.

    Raises:
        TransientError: when the object store cannot be reached.
    """
    content = {**result.model_dump(mode="json"), **details}
    job.evidence.write_json(PurePosixPath(content["evidence"]).name, content)
    return result
