"""The model specs for the DAG files."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from airworthy.environment import load_environment
from airworthy.errors import TerminalError
from airworthy.spec import ModelSpec, SpecError, find_specs, load_spec
from airworthy.spec.faults import Fault, shorten
from airworthy.spec.loading import SpecFolder, spec_paths
from airworthy_airflow.dag_factories.schedule import asset_of


class BrokenSpecsError(TerminalError):
    """One or more specs are broken. The message lists every fault of each."""

    consequence = "these models have no DAGs until their specs are repaired; every other model's DAGs keep running."


def specs_for(suffix: str, only_dag_id: str | None) -> list[ModelSpec]:
    """Return the specs for the ``<model>__<suffix>`` DAGs. Broken specs are left out.

    Args:
        suffix: The part of the DAGs' ids after ``__``.
        only_dag_id: The DAG of a task's process: only its spec is read. None: every spec, by name.
    """
    models = load_environment().models
    if only_dag_id is None:
        folders = _spec_folders(models, _fingerprint(models))
        return [folder.spec for folder in folders if folder.spec is not None]
    if not only_dag_id.endswith(f"__{suffix}"):
        return []
    model = only_dag_id.removesuffix(f"__{suffix}")
    try:
        return [load_spec(models / model / "model.yaml")]
    except SpecError:
        return []


def broken_specs_error() -> BrokenSpecsError | None:
    """Return an error with every fault of every broken spec, or None."""
    models = load_environment().models
    folders = _spec_folders(models, _fingerprint(models))
    errors = [folder.error for folder in folders if folder.error is not None]
    if not errors:
        return None
    faults = "\n".join(error.problem for error in errors)
    count = (
        "one model spec is broken" if len(errors) == 1 else f"{len(errors)} model specs are broken"
    )
    return BrokenSpecsError(f"{count}\n{faults}", next_step="airworthy check")


def _fingerprint(models: Path) -> tuple[tuple[str, int, int], ...]:
    return tuple((str(path), *_state(path)) for path in spec_paths(models))


def _state(path: Path) -> tuple[int, int]:
    """Return a file's time of change and size; zeros for one that may not be read."""
    try:
        stat = path.stat()
    except OSError:
        return 0, 0
    return stat.st_mtime_ns, stat.st_size


@lru_cache(maxsize=1)
def _spec_folders(models: Path, fingerprint: tuple[tuple[str, int, int], ...]) -> list[SpecFolder]:
    # Several DAG files need the same specs in one process. Unchanged ones are read once.
    del fingerprint  # part of the cache's key
    return [_checked_by_airflow(folder) for folder in find_specs(models)]


def _checked_by_airflow(folder: SpecFolder) -> SpecFolder:
    """Return a spec as broken when Airflow refuses its asset: only Airflow knows its own rules."""
    declared = folder.spec.ingest.asset if folder.spec is not None else None
    if declared is None:
        return folder
    try:
        asset_of(declared)
    except ValueError as error:
        received = shorten(declared.model_dump(exclude_none=True))
        fault = Fault(
            str(folder.path),
            "ingest.asset",
            f"Airflow refuses it: {error}",
            received,
            "an asset as its DAG has it",
        )
        return SpecFolder(folder.path, None, SpecError(folder.path, [fault]))
    return folder
