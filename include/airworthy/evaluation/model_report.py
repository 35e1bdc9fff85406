"""The model report: one self-contained HTML file for a reviewer with two minutes."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from airworthy.evaluation.behavioural_gates import BEHAVIOUR_GATE
from airworthy.gates.default_gates import held_gates
from airworthy.handover import DatasetRef, GateState, ModelRef, Verdict
from airworthy.job import Job, git_commit, lock_digest
from airworthy.shown_text import visible
from airworthy.spec.evaluate_part import KPI, LOWER_IS_BETTER
from airworthy.spec.waived import waived_expectations, waived_limits

_ROLES = ("challenger", "champion", "baseline")
_WORDS: dict[GateState, str] = {
    "pass": "Pass",
    "fail": "Fail",
    "inconclusive": "Inconclusive",
    "waived": "Waived",
    "excused": "Excused",
}
_MAX_SLICES = 60


def report_page(
    job: Job, dataset: DatasetRef, challenger: ModelRef, verdict: Verdict, plots: bytes
) -> str:
    """Return the report as HTML.

    Args:
        job: The run.
        dataset: The model's dataset version.
        challenger: The model.
        verdict: The verdict on it.
        plots: As PNG.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    pages = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
    )
    pages.filters["number"] = _number
    return pages.get_template("report.html.j2").render(
        spec=job.spec,
        verdict=verdict,
        words=_WORDS,
        behaviour_gate=BEHAVIOUR_GATE,
        compared=[each.name for each in held_gates(job.spec) if each.gate.against is not None],
        facts=_facts(job, dataset, challenger, verdict),
        gates=[gate for gate in verdict.gates if not gate.gate.startswith(BEHAVIOUR_GATE)],
        behaviour=[gate for gate in verdict.gates if gate.gate.startswith(BEHAVIOUR_GATE)],
        metrics=_metrics(job, verdict),
        roles=[role for role in _ROLES if role in verdict.metrics],
        slices=_slices(verdict),
        max_slices=_MAX_SLICES,
        plots=base64.b64encode(plots).decode("ascii"),
    )


def _facts(
    job: Job, dataset: DatasetRef, challenger: ModelRef, verdict: Verdict
) -> list[tuple[str, str]]:
    run, split, champion = job.run, challenger.split, verdict.champion_version
    started = run.run_id if run.dag_id is None else f"{run.run_id} of {run.dag_id}"
    holdout = f"[{split.holdout_start:%Y-%m-%d}, {split.end:%Y-%m-%d})"
    return [
        ("Why", f"{run.reason}, requested by {run.requested_by}"),
        ("Run", started),
        ("As of", f"{run.as_of:%Y-%m-%d %H:%M} UTC"),
        (
            "Data",
            f"{dataset.window}: {dataset.rows:,} rows of {len(dataset.partitions)} partitions",
        ),
        ("Dataset digest", dataset.digest),
        ("Learned from", f"{split.train_rows:,} rows before {split.holdout_start:%Y-%m-%d}"),
        ("Fitted on", _fitted_on(challenger)),
        ("Evaluated on", f"{verdict.holdout_rows:,} rows of {holdout}"),
        ("Compared with", f"champion version {champion}" if champion else "no champion"),
        ("Model digest", challenger.bundle_digest),
        ("MLflow run", challenger.mlflow_run_id),
        ("Git commit", git_commit(job.environment.project)),
        ("Lock digest", lock_digest(job.environment.project)),
        ("Owner", job.spec.owner),
        *(
            ("Waived", waiver)
            for waiver in [*waived_expectations(job.spec), *waived_limits(job.spec)]
        ),
    ]


def _fitted_on(challenger: ModelRef) -> str:
    """Return the fitted days, with the tuning loss of each span that was tried."""
    days = "all of these days"
    if challenger.fitted_days != "all":
        days = f"the newest {challenger.fitted_days} of these days"
    losses = ", ".join(f"{span} {loss:.4g}" for span, loss in challenger.span_losses.items())
    return f"{days} (mean loss of a tuning row: {losses})" if losses else days


def _metrics(job: Job, verdict: Verdict) -> list[dict[str, Any]]:
    """Return one row per metric, with the best value of all roles."""
    unit = job.spec.evaluate.kpi.unit if job.spec.evaluate.kpi else ""
    rows = []
    for name in verdict.metrics["challenger"]:
        values = {
            role: verdict.metrics[role][name]
            for role in _ROLES
            if name in verdict.metrics.get(role, {})
        }
        best = (min if name in LOWER_IS_BETTER else max)(values.values())
        direction = "lower is better" if name in LOWER_IS_BETTER else "higher is better"
        note = f"{unit} per row, {direction}" if name == KPI and unit else direction
        rows.append({"name": name, "note": note, "values": values, "best": best})
    return rows


def _slices(verdict: Verdict) -> list[dict[str, Any]]:
    """Return one table per sliced column: its largest slices, in the verdict's order."""
    tables = []
    for column, slices in verdict.slices.items():
        by_size = sorted(slices, key=lambda name: -slices[name]["rows"])
        largest = set(by_size[:_MAX_SLICES])
        rows = {name: metrics for name, metrics in slices.items() if name in largest}
        names = [
            name
            for name in verdict.metrics["challenger"]
            if any(name in metrics for metrics in rows.values())
        ]
        left_out = len(slices) - len(rows)
        tables.append({"column": column, "names": names, "rows": rows, "left_out": left_out})
    return tables


def _shown(value: Any) -> Any:
    """Return a text of data or people with its control and bidi characters as escapes.

    The template's own HTML, such as a macro's, stays as it is.
    """
    is_text = isinstance(value, str) and not hasattr(value, "__html__")
    return visible(value) if is_text else value


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"
