"""Finds all warnings about a valid spec: declared ones, and those measured on a sample."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from airworthy.checks.declared_warnings import declared_warnings, owner_warnings
from airworthy.checks.spec_warning import SpecWarning, SpecWarnings
from airworthy.environment import Environment
from airworthy.errors import TerminalError
from airworthy.spec.faults import Fault
from airworthy.spec.loading import SPEC_FILE
from airworthy.spec.model_spec import ModelSpec

if TYPE_CHECKING:
    import polars as pl

    from airworthy.checks.source_sample import NoSampleError


def find_warnings(path: Path, spec: ModelSpec, environment: Environment | None) -> SpecWarnings:
    """Return the warnings about a spec without a fault.

    A source that cannot be reached raises nothing: the reason is in `SpecWarnings.unmeasured`.

    Args:
        path: The spec's file. Beside a file of a name other than ``model.yaml``, nothing is read
            and nothing is measured.
        spec: The spec.
        environment: Gives alert channels and download cache; None: neither is looked at.
    """
    from airworthy.checks.gate_warnings import declared_gate_warnings

    found = SpecWarnings(declared_warnings(path, spec))
    found.warnings += declared_gate_warnings(str(path), spec)
    if environment is None:
        found.unmeasured.append("owner, features and gates: there is no environment")
        return found
    found.warnings += owner_warnings(str(path), spec, environment)
    if path.name == SPEC_FILE:
        _measure(path, spec, environment, found)
    return found


def source_fault(file: str, spec: ModelSpec, error: NoSampleError) -> Fault | None:
    """Return the fault of a spec that the source does not fit; None: it cannot be told.

    Args:
        file: The spec's file.
        spec: The spec.
        error: The reason of a sample without rows.
    """
    if error.misfit is not None:
        way_out = f"{error.misfit.allowed or 'rows that fit'}; {error.misfit.next_step or ''}"
        received = error.misfit.received
        return Fault(file, "ingest", error.misfit.problem, received, way_out.rstrip("; "))
    if error.days is None:
        return None
    first, last = error.days
    received = f"start: {spec.start}, end: {spec.end or 'today'}"
    if last < spec.start or (spec.end is not None and first > spec.end):
        problem = f"the source has rows from {first} to {last}, and none of the spec's days"
        return Fault(file, "start", problem, received, f"start: {first}, end: {last}")
    problem = f"the source's rows end on {last}, so a run as of today finds none in its window"
    return Fault(file, "end", problem, received, f"end: {last}, or a source with newer rows")


def _measure(path: Path, spec: ModelSpec, environment: Environment, found: SpecWarnings) -> None:
    """Add what a sample of the source shows."""
    from airworthy.checks.feature_warnings import MIN_ROWS, feature_warnings
    from airworthy.checks.monitor_warnings import monitor_warnings
    from airworthy.checks.source_sample import NoSampleError, read_sample

    try:
        sample = read_sample(path, spec, environment)
    except NoSampleError as error:
        fault = source_fault(str(path), spec, error)
        if fault is not None:
            found.faults.append(fault)
            return
        received = "" if error.received is None else f" ({error.received})"
        found.unmeasured.append(f"features and gates: {error.problem}{received}")
        return
    found.warnings += monitor_warnings(str(path), spec, sample)
    if sample.rows.height < MIN_ROWS:
        found.unmeasured.append(
            f"features and gates: the source gave {sample.rows.height} rows, at least {MIN_ROWS} "
            "are needed"
        )
        return
    found.warnings += feature_warnings(path.with_name("features.py"), spec, sample)
    labelled = sample.rows[spec.ingest.label].is_not_null().sum()
    if labelled < MIN_ROWS:
        found.unmeasured.append(
            f"gates: {labelled} of the source's rows have a label, at least {MIN_ROWS} are needed"
        )
        return
    try:
        found.warnings += _gates(path, spec, sample.rows)
    except TerminalError as error:
        found.unmeasured.append(f"gates: {error.problem}")


def _gates(path: Path, spec: ModelSpec, rows: pl.DataFrame) -> list[SpecWarning]:
    from airworthy.behaviour import load_behaviour
    from airworthy.checks.constant_model import fit_constant
    from airworthy.checks.gate_warnings import measured_gate_warnings

    constant = fit_constant(spec, load_behaviour(path.parent, spec.model), rows)
    return list(measured_gate_warnings(str(path), spec, constant))
