"""The text of an approval's question, as Markdown. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airworthy.handover import GateOutcome, ModelRef, ParityResult, RunRequest, Verdict, VersionRef
from airworthy.release.release_rules import ReleaseRules
from airworthy.spec.fields import format_duration
from airworthy_airflow.links import evidence_path, mlflow_url, model_page_path
from airworthy_airflow.markdown_text import as_code, as_text
from airworthy_airflow.spec_text import rollout_text

_ROLES = ("challenger", "champion", "baseline")


@dataclass(frozen=True)
class Brief:
    """The headline, and the text below it as Markdown."""

    subject: str
    body: str


def approval_brief(run: RunRequest, inputs: Mapping[str, Any], rules: ReleaseRules) -> Brief:
    """Return the case for and against a version, links, and the effect of each answer.

    Args:
        run: The version's training run.
        inputs: ``challenger``, ``verdict``, ``version`` and ``parity``, as JSON.
        rules: The release rules.
    """
    verdict, version = (
        Verdict.model_validate(inputs["verdict"]),
        VersionRef.model_validate(inputs["version"]),
    )
    parity = ParityResult.model_validate(inputs["parity"])
    parts = [
        _what(run, verdict, version),
        _another_person(run) if rules.by_other_than_trigger else "",
        _links(run, ModelRef.model_validate(inputs["challenger"]), version),
        _listed("Not passed", verdict.reasons),
        _listed("Waived by the spec", verdict.waivers),
        _listed("The champion fails its own gates", verdict.champion_failing),
        "**Gates**\n\n"
        + _table(("gate", "outcome", "value", "threshold", "why"), map(_gate_row, verdict.gates)),
        "**Metrics** on the same holdout rows\n\n" + _metrics(verdict),
        _staging(parity),
        _waivers(parity),
        f"**Approve**: {rollout_text(rules)}. **Reject**: everything after this is skipped and the champion stays. No "
        f"answer within {format_duration(rules.approval_timeout)} counts as a rejection.",
    ]
    return Brief(
        f"{version.model} version {version.version}: may it take over?",
        "\n\n".join(filter(None, parts)),
    )


def _what(run: RunRequest, verdict: Verdict, version: VersionRef) -> str:
    against = f"version {verdict.champion_version}" if verdict.champion_version else "none yet"
    return (
        f"**{version.model} version {version.version}**: verdict **{verdict.outcome}** on {verdict.holdout_rows:,} "
        f"holdout rows; champion: {against}.\n\nRun {as_code(run.run_id)} ({run.reason}, "
        f"{as_text(run.requested_by)}) on data up to {run.as_of:%Y-%m-%d} (UTC)."
    )


def _another_person(run: RunRequest) -> str:
    trigger = as_text(run.requested_by) if run.requested_by_proof != "nobody" else "nobody"
    return (
        f"**Another person** than the one who triggered the run ({trigger}) must approve it. Another approval is "
        "refused, and the question asked again."
    )


def _links(run: RunRequest, challenger: ModelRef, version: VersionRef) -> str:
    pages = {
        "Model page": model_page_path(version.model),
        "Model report": evidence_path(version.model, run.folder_name, "report.html"),
        "Verdict": evidence_path(version.model, run.folder_name, "verdict.json"),
        "Data Docs": evidence_path(version.model, run.folder_name, "data_docs"),
        "Validation": evidence_path(version.model, run.folder_name, "validation.json"),
        "MLflow run": mlflow_url(f"runs/{challenger.mlflow_run_id}"),
        f"Version {version.version}": mlflow_url(
            f"models/{version.model}/versions/{version.version}"
        ),
    }
    return " · ".join(f"[{name}]({address})" for name, address in pages.items())


def _listed(title: str, lines: Sequence[str]) -> str:
    return f"**{title}**\n\n" + "\n".join(f"- {as_text(line)}" for line in lines) if lines else ""


def _gate_row(gate: GateOutcome) -> Sequence[str]:
    interval = f" [{gate.interval[0]:.4g}, {gate.interval[1]:.4g}]" if gate.interval else ""
    outcome = gate.outcome if gate.outcome == "pass" else f"**{gate.outcome}**"
    value = _number(gate.value) + interval
    return as_text(gate.gate), outcome, value, _number(gate.threshold), as_text(gate.reason)


def _metrics(verdict: Verdict) -> str:
    roles = [role for role in _ROLES if role in verdict.metrics]
    names = verdict.metrics["challenger"]
    rows = (
        [as_text(name), *(_number(verdict.metrics[role].get(name)) for role in roles)]
        for name in names
    )
    return _table(("metric", *roles), rows)


def _staging(parity: ParityResult) -> str:
    return (
        f"**In staging**: {parity.rows:,} answers differ from the offline predictions by {parity.max_difference:.3g} "
        f"at most ({parity.tolerance:.3g} allowed); a request takes {parity.p50_ms:.1f} ms at p50, "
        f"{parity.p99_ms:.1f} ms at p99{_cost(parity)}."
    )


def _waivers(parity: ParityResult) -> str:
    """Return the waived rules of the data and of the release, each with its reason."""
    lines = [f"- {as_text(waiver)}" for waiver in parity.waivers]
    return "\n".join(["**Waived in data and release**\n", *lines]) if lines else ""


def _cost(parity: ParityResult) -> str:
    """Return the cost of loading the version. Outputs of older versions do not have it."""
    loading, memory, files = parity.load_seconds, parity.memory_mib, parity.size_mib
    facts = (("loading", loading, "s"), ("memory", memory, "MiB"), ("files", files, "MiB"))
    return "".join(
        f"; {name} {value:.2f} {unit}" for name, value, unit in facts if value is not None
    )


def _table(head: Sequence[str], rows: Any) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
