"""The model specs as the DAG files want them."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from airworthy.environment import load_environment
from airworthy.errors import TerminalError
from airworthy.spec import ModelSpec, SpecError, find_specs, load_spec
from airworthy.spec.faults import Fault, shorten
from airworthy.spec.loading import FoundSpec
from airworthy_airflow.dag_factories.schedule import asset_of


class BrokenSpecsError(TerminalError):
    """One or more specs are broken; the message lists every fault of each."""

    consequence = "these models have no DAGs until their specs are repaired; every other model's DAGs keep running."


def specs_for(suffix: str, only_dag_id: str | None) -> list[ModelSpec]:
    """Return the specs whose ``<model>__<suffix>`` DAGs are wanted; broken specs are left out.

    Args:
        suffix: What follows ``__`` in the DAGs' ids.
        only_dag_id: The DAG that a task's process runs: then only its spec is read. None: every one, by name.
    """
    models = load_environment().models
    if only_dag_id is None:
        return [
            found.spec
            for found in _found_specs(models, _fingerprint(models))
            if found.spec is not None
        ]
    model, found_suffix, rest = only_dag_id.partition(f"__{suffix}")
    if not found_suffix or rest:
        return []
    try:
        return [load_spec(models / model / "model.yaml")]
    except SpecError:
        return []


def broken_specs_error() -> BrokenSpecsError | None:
    """Return the error that names every fault of every broken spec, or None."""
    models = load_environment().models
    errors = [
        found.error
        for found in _found_specs(models, _fingerprint(models))
        if found.error is not None
    ]
    if not errors:
        return None
    faults = "\n".join(error.problem for error in errors)
    count = (
        "one model spec is broken" if len(errors) == 1 else f"{len(errors)} model specs are broken"
    )
    return BrokenSpecsError(f"{count}\n{faults}", next_step="airworthy check")


def _fingerprint(models: Path) -> tuple[tuple[str, int, int], ...]:
    files = [(path, path.stat()) for path in sorted(models.glob("*/model.yaml"))]
    return tuple((str(path), stat.st_mtime_ns, stat.st_size) for path, stat in files)


@lru_cache(maxsize=1)
def _found_specs(models: Path, fingerprint: tuple[tuple[str, int, int], ...]) -> list[FoundSpec]:
    # Several DAG files ask for the same specs in one process: the unchanged ones are read once.
    return [_as_airflow_takes_it(found) for found in find_specs(models)]


def _as_airflow_takes_it(found: FoundSpec) -> FoundSpec:
    """Return a spec as broken when it names an asset that Airflow does not take: only Airflow knows its own rules."""
    declared = found.spec.ingest.asset if found.spec is not None else None
    if declared is None:
        return found
    try:
        asset_of(declared)
    except ValueError as error:
        received = shorten(declared.model_dump(exclude_none=True))
        fault = Fault(
            str(found.path),
            "ingest.asset",
            f"Airflow refuses it: {error}",
            received,
            "an asset as its DAG has it",
        )
        return FoundSpec(found.path, None, SpecError(found.path, [fault]))
    return found
