"""The train DAG's page in Airflow's UI, made from the model's spec."""

from __future__ import annotations

from airworthy.gates.default_gates import held_gates
from airworthy.release.release_rules import ReleaseRules
from airworthy.spec import ModelSpec
from airworthy.spec.fields import format_duration
from airworthy.spec.waivers import waiver_of
from airworthy_airflow.dag_factories.release_task_docs import approvers_text
from airworthy_airflow.dag_factories.train_task_docs import held_gate_text
from airworthy_airflow.markdown_text import as_code, as_text
from airworthy_airflow.spec_text import guard_text, rollout_text


def train_doc(spec: ModelSpec, rules: ReleaseRules) -> str:
    """Return the train DAG's page as Markdown: purpose, gates, release, and where to look."""
    lines = [
        f"## {spec.model}: train",
        as_text(spec.description),
        f"A **{spec.task}** model of {as_text(spec.owner)}: predicts {as_code(spec.ingest.label)} from "
        f"{len(spec.inputs)} columns of a {as_code(spec.ingest.source.type)} source. {_window(spec)}",
        _end_of_data(spec),
        _new_data(spec),
        "`ingest >> validate >> train >> evaluate >> register >> release`",
        "**Gates**",
        "\n".join(f"- {held_gate_text(each)}" for each in held_gates(spec)),
        "When a gate fails the version is registered as rejected, the release is skipped and the champion keeps "
        "serving; a backfill never releases unless it is started with `promote: always`.",
        "**Release**",
        _release(spec, rules),
        "**Where to look**",
        f"- the verdict: log and buttons of `evaluate`; why a release was held: log of the task that was skipped "
        f"first, from `release.deploy_staging` on\n- who approved what, which steps a rollout took: "
        f"`airworthy ledger {spec.model}`\n"
        f"- runs, plots and versions: MLflow, experiment and registered model `{spec.model}`\n"
        f"- what is served: `GET /models/{spec.model}` on the model server\n"
        f"- the declaration: `include/models/{spec.model}/model.yaml`",
    ]
    return "\n\n".join(line for line in lines if line)


def _end_of_data(spec: ModelSpec) -> str:
    return (
        f"The data end with {spec.end}: a run after that sees the last window with data."
        if spec.end
        else ""
    )


def _new_data(spec: ModelSpec) -> str:
    if spec.ingest.asset is None:
        return ""
    beside = "beside the schedule" if spec.schedule else "and not by the clock"
    asset = as_code(str(spec.ingest.asset.name or spec.ingest.asset.uri))
    return f"New data in the asset {asset} starts a run, {beside}."


def _release(spec: ModelSpec, rules: ReleaseRules) -> str:
    lines = [
        "the server's answers are compared with the offline predictions in staging, and its cost with the budget"
    ]
    if rules.approval == "required":
        lines.append(
            f"a person approves it ({approvers_text(spec, rules)}) in the UI under *Required actions* or over REST; "
            f"no answer within {format_duration(rules.approval_timeout)} counts as a rejection"
        )
    lines.append(rollout_text(rules))
    waiver = waiver_of(spec.release.waive, "guard")
    if rules.guarded_steps and waiver is not None:
        lines.append(f"the guard is waived: {as_text(waiver.because)}")
    elif rules.guarded_steps:
        lines.append(
            f"the guard: {guard_text(spec.release.guard)}; else all traffic goes back to the champion"
        )
    return "\n".join(f"- {line}" for line in lines)


def _window(spec: ModelSpec) -> str:
    if spec.ingest.static:
        return "Its rows have no time: each run sees all of them and holds out a part by a hash."
    return (
        f"Each run sees the {format_duration(spec.train.lookback)} of data "
        f"before its *as of* day (UTC) and holds out the last {format_duration(spec.train.holdout)} with known labels."
    )
