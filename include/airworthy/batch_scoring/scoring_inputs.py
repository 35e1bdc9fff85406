"""The source of the rows to score: the model's lake, or the lake of a source only for scoring."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

from airworthy.environment import Environment
from airworthy.errors import AirworthyError, TerminalError
from airworthy.job import Job
from airworthy.lake.lake import Lake, open_lake
from airworthy.spec import ModelSpec
from airworthy.spec.score_part import Score

PART = "score"


def score_part_of(spec: ModelSpec) -> Score:
    """Return the spec's ``score`` part.

    Raises:
        TerminalError: when it has none.
    """
    if spec.score is None:
        raise TerminalError(
            "the spec does not say that this model scores batches",
            model=spec.model,
            received="no key score",
            allowed="score: {...}",
            next_step=f"add `score: {{}}` to include/models/{spec.model}/model.yaml",
        )
    return spec.score


def scoring_job(job: Job) -> Job:
    """Return the job to ingest the rows to score. Its spec's ``ingest`` describes them.

    The rows of a source only for scoring have no label. They are final when the source no longer
    changes them.

    Raises:
        TerminalError: when the spec has no ``score`` part.
    """
    source, ingest = score_part_of(job.spec).source, job.spec.ingest
    if source is None:
        return job
    columns = {name: kind for name, kind in ingest.columns.items() if name != ingest.label}
    unlabelled = ingest.model_copy(
        update={"source": source, "columns": columns, "label_delay": timedelta(0)}
    )
    return replace(job, spec=job.spec.model_copy(update={"ingest": unlabelled}))


def inputs_lake(environment: Environment, spec: ModelSpec) -> Lake:
    """Return the lake with the rows to score."""
    return open_lake(environment, spec.model, PART if spec.score and spec.score.source else "")


@contextmanager
def score_source_in_errors(job: Job) -> Iterator[None]:
    """Name ``score.source`` in place of ``ingest.source`` in errors, if the spec has it.

    Raises:
        AirworthyError: the block's error.
    """
    try:
        yield
    except AirworthyError as error:
        if score_part_of(job.spec).source is not None:
            error.problem = error.problem.replace("ingest.source", "score.source")
            error.next_step = error.next_step and error.next_step.replace(
                "ingest.source", "score.source"
            )
        raise
