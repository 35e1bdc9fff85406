"""The summary of each model: from its spec and its ledger, with the evidence of its runs.

A summary is kept until the spec's bytes, the ledger or the environment's defaults change.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from airworthy.environment import Environment
from airworthy.errors import AirworthyError
from airworthy.model_status.kept_values import KeptValues
from airworthy.model_status.known_models import known_models
from airworthy.model_status.ledger_position import ledger_position
from airworthy.model_status.model_sources import read_spec, sources_key
from airworthy.model_status.model_summary import ModelSummary
from airworthy.object_store import local_folder
from airworthy.versions.model_state import ModelState

_READERS = 16


def model_summaries(
    environment: Environment, models: Sequence[str] | None = None
) -> list[ModelSummary]:
    """Return the summary of each model, by name.

    A fault of a spec or a ledger is the fault of this model alone: its state says so.

    Args:
        environment: The environment.
        models: Only these models; None: all with a spec or a folder in the lake.

    Raises:
        TransientError: when the lake cannot be reached.
    """
    names = known_models(environment) if models is None else sorted(models)
    kept = KeptValues(environment, "summary", ModelSummary)
    summary = partial(_kept_summary, environment, kept)
    if local_folder(environment.lake) is not None:
        return [summary(name) for name in names]
    with ThreadPoolExecutor(_READERS) as pool:
        return list(pool.map(summary, names))


def model_summary(environment: Environment, model: str) -> ModelSummary:
    """Return one model's summary. A model without spec and ledger has an empty one.

    Args:
        environment: The environment.
        model: Its name.
    """
    kept = KeptValues(environment, "summary", ModelSummary)
    return _kept_summary(environment, kept, model)


def computed_summary(environment: Environment, model: str) -> ModelSummary:
    """Return one model's summary from spec, ledger and evidence, whatever is kept.

    Args:
        environment: The environment.
        model: Its name.

    Raises:
        TerminalError: when its ledger was changed, or an entry about traffic cannot be read.
        TransientError: when the lake cannot be reached.
    """
    from airworthy.ledger import open_ledger
    from airworthy.model_status.summarise import summarise

    source = read_spec(environment, model)
    return summarise(environment, model, source, open_ledger(environment, model).entries())


def _kept_summary(
    environment: Environment, kept: KeptValues[ModelSummary], model: str
) -> ModelSummary:
    make: Callable[[], ModelSummary] = partial(computed_summary, environment, model)
    try:
        position = ledger_position(environment, model, kept.position(model))
        return kept.get(model, sources_key(environment, model), position, make)
    except AirworthyError as error:
        return _faulty(environment, model, error)


def _faulty(environment: Environment, model: str, error: AirworthyError) -> ModelSummary:
    """Return the summary of a model whose ledger cannot be read."""
    source, fault = read_spec(environment, model), error.problem.splitlines()[0]
    spec = source.spec
    state = ModelState(
        model=model,
        task=spec.task if spec else None,
        faults=source.faults,
        ledger_fault=fault,
    )
    return ModelSummary(
        state,
        description=spec.description if spec else "",
        owner=spec.owner if spec else None,
        schedule=spec.schedule if spec else None,
    )
