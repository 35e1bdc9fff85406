"""What a DAG says about itself in the UI, made from the model's spec."""

from __future__ import annotations

from airworthy.spec import ModelSpec
from airworthy.spec.fields import format_duration
from airworthy.spec.gates import Gate


def train_doc(spec: ModelSpec) -> str:
    """Return the train DAG's page as Markdown: what it does, what it takes to fly, where to look."""
    lines = [
        f"## {spec.model}: train",
        spec.description,
        f"A **{spec.task}** model of *{spec.owner}*: predicts `{spec.ingest.label}` from {len(spec.inputs)} columns "
        f"of a `{spec.ingest.source.type}` source. Each run sees the {format_duration(spec.train.lookback)} of data "
        f"before its *as of* day (UTC) and holds out the last {format_duration(spec.train.holdout)} with known labels.",
        _end_of_data(spec),
        "`ingest >> validate >> train >> evaluate >> register >> release`",
        "**Gates**",
        "\n".join(f"- {gate_text(gate)}" for gate in spec.evaluate.gates),
        "When a gate fails the version is registered as rejected, the release is skipped and the champion keeps "
        "serving; a backfill never releases unless it is started with `promote: always`.",
        "**Where to look**",
        f"- the verdict: log of `evaluate`; why a release was held: log of `release.deploy_staging`\n"
        f"- runs, plots and versions: MLflow, experiment and registered model `{spec.model}`\n"
        f"- what is served: `GET /models/{spec.model}` on the model server\n"
        f"- the declaration: `include/models/{spec.model}/model.yaml`",
    ]
    return "\n\n".join(line for line in lines if line)


def _end_of_data(spec: ModelSpec) -> str:
    return f"The data end with {spec.end}: a run after that sees the last window with data." if spec.end else ""


def gate_text(gate: Gate) -> str:
    """Return a gate as a phrase, such as ``rmse at most 6.0 in every city (30 rows or more)``."""
    if gate.against == "champion":
        return f"`{gate.metric}` at most {gate.margin:.1%} worse than the champion's"
    if gate.against == "baseline":
        return f"`{gate.metric}` at least {gate.better_by:.1%} better than the baseline's"
    limits = (("at least", gate.min), ("at most", gate.max))
    bounds = [f"{word} {limit:g}" for word, limit in limits if limit is not None]
    where = f" in every `{gate.slice}` ({gate.min_rows} rows or more)" if gate.slice else ""
    return f"`{gate.metric}` {' and '.join(bounds)}{where}"
