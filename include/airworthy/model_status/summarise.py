"""One model's summary, computed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from airworthy.environment import Environment
from airworthy.lake.dataset_records import BenchmarkRecord
from airworthy.lake.datasets import open_datasets
from airworthy.ledger import Entry
from airworthy.ledger.events import Registration, RetrainingDecision, VerdictReached
from airworthy.ledger.ledger_queries import of_kind
from airworthy.ledger.version_numbers import entries_about
from airworthy.model_status.model_sources import ReadSpec
from airworthy.model_status.model_summary import DriftState, ModelSummary, Quality, TrafficShare
from airworthy.model_status.promises import Promise, holdout_quality, live_quality, promise_of
from airworthy.model_status.run_evidence import RunEvidence, run_evidence
from airworthy.release.release_rules import release_rules
from airworthy.spec import ModelSpec
from airworthy.traffic import Traffic, traffic_of
from airworthy.versions.state_of_entries import model_state


def summarise(
    environment: Environment, model: str, source: ReadSpec, entries: Sequence[Entry]
) -> ModelSummary:
    """Return a model's summary.

    Args:
        environment: The environment.
        model: Its name.
        source: Its spec, or the faults of it.
        entries: Its ledger, oldest first.

    Raises:
        TerminalError: when an entry about traffic cannot be read.
        TransientError: when the lake cannot be reached.
    """
    spec, traffic = source.spec, traffic_of(entries)
    runs = of_kind(entries, VerdictReached, Registration)
    evidence = run_evidence(environment, model)
    drift, drifted = _drift(spec, traffic.champion_version, entries, evidence)
    return ModelSummary(
        state=model_state(
            model,
            entries,
            task=spec.task if spec else None,
            approval_required=spec is not None and _approval_required(spec, environment),
            faults=source.faults,
        ),
        description=spec.description if spec else "",
        owner=spec.owner if spec else None,
        schedule=spec.schedule if spec else None,
        quality=_quality(environment, model, spec, traffic, entries),
        drift=drift,
        drifted=drifted,
        traffic=traffic_shares(traffic),
        last_entry_at=entries[-1].time if entries else None,
        last_run_id=runs[-1].run_id if runs else None,
        entries=len(entries),
    )


def _approval_required(spec: ModelSpec, environment: Environment) -> bool:
    return release_rules(spec, environment).approval == "required"


def traffic_shares(traffic: Traffic) -> list[TrafficShare]:
    """Return who answers, by the ledger."""
    champion, rollout = traffic.champion_version, traffic.rollout
    if champion is None:
        return []
    if rollout is None:
        return [TrafficShare(champion, "champion", 100.0)]
    if rollout.step == "shadow":
        shadow = TrafficShare(rollout.challenger, "shadow", 0.0)
        return [TrafficShare(champion, "champion", 100.0), shadow]
    share = float(rollout.step)
    challenger = TrafficShare(rollout.challenger, "challenger", share)
    return [TrafficShare(champion, "champion", 100.0 - share), challenger]


def champion_decisions(
    entries: Sequence[Entry], champion: str | None
) -> list[Entry[RetrainingDecision]]:
    """Return the monitor's decisions on a champion, oldest first.

    Args:
        entries: The ledger, oldest first.
        champion: Its version; None: there are none.
    """
    decisions = of_kind(entries_about(entries, champion), RetrainingDecision)
    return [each for each in decisions if champion and each.event.decision.champion == champion]


def _drift(
    spec: ModelSpec | None, champion: str | None, entries: Sequence[Entry], evidence: RunEvidence
) -> tuple[DriftState, list[str]]:
    newest = champion_decisions(entries, champion)[-1:]
    if not newest:
        monitored = spec is not None and spec.monitor.schedule is not None
        return "not_judged_yet" if monitored else "not_monitored", []
    signals = newest[0].event.decision.signals
    fired = [name for name, outcome in signals.items() if outcome == "fired"]
    if fired:
        return "drift", _drifted(newest, fired, evidence)
    judged = any(outcome == "quiet" for outcome in signals.values())
    return ("none" if judged else "blind"), []


def _drifted(
    newest: Sequence[Entry[RetrainingDecision]], fired: Sequence[str], evidence: RunEvidence
) -> list[str]:
    """Return the columns that moved, then the other signals that fired."""
    names: list[str] = []
    for signal in ("skew", "drift"):
        if signal in fired:
            check = evidence.shifts(newest, signal)[0]
            names += check.drifted if check else [signal]
    names += [signal for signal in ("label", "loss") if signal in fired]
    return list(dict.fromkeys(names))


class Holdout(NamedTuple):
    """Metrics of a version on a holdout, with the exclusive end of its run's data."""

    metrics: dict[str, float]
    at: str


def _quality(
    environment: Environment,
    model: str,
    spec: ModelSpec | None,
    traffic: Traffic,
    entries: Sequence[Entry],
) -> Quality | None:
    """Return the champion's newest live figure; without one, that on its newest holdout."""
    champion = traffic.champion_version
    if spec is None or champion is None:
        return None
    evidence, promise = run_evidence(environment, model), promise_of(spec)
    measured = [
        each
        for each in champion_decisions(entries, champion)
        if each.event.decision.signals.get("loss", "inconclusive") != "inconclusive"
    ]
    check = evidence.performances(measured[-1:])[0] if measured else None
    live = live_quality(promise, check) if check else None
    return live or _on_holdout(environment, model, promise, champion, entries)


def _on_holdout(
    environment: Environment,
    model: str,
    promise: Promise,
    champion: str,
    entries: Sequence[Entry],
) -> Quality | None:
    registered = of_kind(entries_about(entries, champion), Registration)
    own = [each for each in registered if each.event.version == champion][-1:]
    verdicts = of_kind(entries_about(entries, champion), VerdictReached)
    against = [each for each in verdicts if each.event.champion == champion][-1:]
    released = _holdout(environment, model, "challenger", _verdicts_of(entries, own))
    newest = _holdout(environment, model, "champion", against)
    figures = newest or released
    if figures is None:
        return None
    at = _as_of(entries, (against if newest else _verdicts_of(entries, own))[-1])
    known = released or {}
    return holdout_quality(promise, figures, known, at) or (
        holdout_quality(promise, known, known, at) if known else None
    )


def _verdicts_of(
    entries: Sequence[Entry], registration: Sequence[Entry[Registration]]
) -> list[Entry[VerdictReached]]:
    """Return the verdict on the training behind a registration, as a list of one or none."""
    return [
        each
        for each in of_kind(entries, VerdictReached)
        if registration and each.event.mlflow_run_id == registration[0].event.mlflow_run_id
    ][-1:]


def _as_of(entries: Sequence[Entry], verdict: Entry[VerdictReached]) -> str:
    """Return the end of the data of a verdict's run; the verdict's time, if nobody recorded it."""
    ends = [
        each.event.as_of.isoformat()
        for each in of_kind(entries, Registration)
        if each.event.mlflow_run_id == verdict.event.mlflow_run_id and each.event.as_of is not None
    ]
    return ends[-1] if ends else verdict.time


def _holdout(
    environment: Environment, model: str, role: str, verdicts: Sequence[Entry[VerdictReached]]
) -> dict[str, float] | None:
    """Return a role's metrics by a verdict's evidence, else by the dataset's record, or None."""
    if not verdicts:
        return None
    verdict = run_evidence(environment, model).verdicts(verdicts)[0]
    if verdict is not None:
        return verdict.metrics.get(role)
    run = verdicts[0].event.mlflow_run_id
    records = [
        record.metrics
        for _, record in open_datasets(environment, model).events(BenchmarkRecord)
        if record.mlflow_run_id == run and record.champion_version == verdicts[0].event.champion
    ]
    return records[-1].get(role) if records else None
