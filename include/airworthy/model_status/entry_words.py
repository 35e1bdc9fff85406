"""Entries of a ledger in words. Pure. People's text in them is not escaped."""

from __future__ import annotations

from datetime import datetime

from airworthy.ledger import Entry
from airworthy.ledger.events import (
    BEGUN,
    Adoption,
    AlertRaised,
    AliasMove,
    AnyEvent,
    ApprovalAnswered,
    ArtifactsRemoved,
    BreakGlass,
    CandidateDropped,
    CandidateNamed,
    FlagOverride,
    GuardTrip,
    KillSwitchTurned,
    PromotionCompleted,
    PromotionReceived,
    PromotionStarted,
    RecordsRemoved,
    Registration,
    Retirement,
    RetrainingDecision,
    RollbackCompleted,
    RollbackDrill,
    RollbackStarted,
    RolloutEnded,
    RolloutStep,
    RolloutStopped,
    StagingCheck,
    StalenessMeasured,
    VerdictReached,
    WatchEnded,
    WatchTripped,
)

_ANSWERS = {"approve": "approved", "reject": "rejected", "timeout": "not approved in time"}


def entry_words(entry: Entry) -> str:
    """Return the decision of an entry and its reasons in words; of an unknown kind, its payload."""
    return _words(entry.shown_event) or entry.payload


def _words(event: AnyEvent) -> str | None:
    """Return an event in words; None for an unknown kind."""
    match event:
        case VerdictReached() | Registration():
            return _training_result(event)
        case CandidateNamed() | CandidateDropped():
            return _candidate(event)
        case StagingCheck():
            return _staging(event)
        case ApprovalAnswered():
            return _approval(event)
        case RolloutStep():
            return _rollout_step(event)
        case FlagOverride():
            return f"{event.flag} is set by hand: {event.value} (in {', '.join(event.replicas)})"
        case KillSwitchTurned():
            return f"the kill switch is {'on' if event.on else 'off'}: {event.reason}"
        case GuardTrip() | RolloutStopped():
            return _rollout_end(event)
        case AliasMove():
            return _alias_move(event)
        case RollbackStarted() | RollbackCompleted():
            return _with_reasons(f"version {event.from_} -> version {event.to}", [event.reason])
        case Adoption():
            return f"version {event.version} is adopted, released next: {event.reason}"
        case BreakGlass():
            return _break_glass(event)
        case Retirement():
            return f"retired; version {event.from_version} serves no more: {event.reason}"
        case ArtifactsRemoved():
            return _removal(event)
        case RecordsRemoved():
            return _records_removal(event)
        case WatchTripped() | WatchEnded():
            return _watch(event)
        case RollbackDrill():
            return _drill(event)
        case RetrainingDecision():
            return _retraining(event)
        case StalenessMeasured():
            return _staleness(event)
        case PromotionStarted() | PromotionReceived() | PromotionCompleted():
            return _promotion(event)
        case AlertRaised():
            return f"{event.title} (told: {', '.join(event.told) or 'nobody'})"
        case _:
            return None


def _training_result(event: VerdictReached | Registration) -> str:
    if isinstance(event, Registration):
        return f"version {event.version} is {event.validation_status}"
    against = f"against version {event.champion}" if event.champion else "without a champion"
    notes = [f"waived {waiver}" for waiver in event.waivers]
    notes += [f"the champion fails its own gates: {text}" for text in event.champion_failing]
    return _with_reasons(f"{event.outcome} {against}", [*event.reasons, *notes])


def _promotion(event: PromotionStarted | PromotionReceived | PromotionCompleted) -> str:
    match event:
        case PromotionReceived():
            origin = f"{event.from_environment}'s version {event.from_version}"
            return f"version {event.version} is {origin}, promoted by its entry {event.from_entry}"
        case PromotionCompleted():
            target = f"{event.to_environment}'s version {event.to_version}"
            return f"version {event.version} is {target}, received by its entry {event.to_entry}"
    return f"version {event.version} is to be promoted to {event.to_environment}"


def _candidate(event: CandidateNamed | CandidateDropped) -> str:
    if isinstance(event, CandidateNamed):
        return f"version {event.version} is to be loaded by {event.server}, for {event.purpose}"
    words = f"version {event.version} is not needed any more, for {event.purpose}"
    return _with_reasons(words, event.reasons)


def _staging(event: StagingCheck) -> str:
    measured = ""
    if event.rows and event.p50_ms is not None and event.p99_ms is not None:
        measured = f" ({event.rows} rows, p50 {event.p50_ms:.2f} ms, p99 {event.p99_ms:.2f} ms)"
    outcome = "fit for production" if event.passed else "not fit"
    return _with_reasons(f"version {event.version} is {outcome}{measured}", event.reasons)


def _approval(event: ApprovalAnswered) -> str:
    return _with_reasons(
        f"version {event.version} is {_ANSWERS[event.decision]}",
        [event.comment] if event.comment else [],
    )


def _alias_move(event: AliasMove) -> str:
    before = f"version {event.from_}" if event.from_ else "nothing"
    return _with_reasons(f"champion: {before} -> version {event.to}", [event.reason])


def _break_glass(event: BreakGlass) -> str:
    words = f"without the ledger at {_time(event.at)}: version {event.from_} -> {event.to}"
    outcome = "" if event.moved else " (ended: another version had become champion)"
    return _with_reasons(f"{words}{outcome}", [event.reason])


def _removal(event: ArtifactsRemoved) -> str:
    versions = f"versions {', '.join(event.versions)}" if event.versions else "no version"
    count = len(event.logged_models)
    return f"files of {count} trainings older than {event.retention} are removed: {versions}"


def _records_removal(event: RecordsRemoved) -> str:
    parts = [
        f"evidence of {len(event.evidence)} runs",
        f"files of {len(event.mlflow_runs)} MLflow runs",
        f"{event.windows} monitor windows of others",
    ]
    if event.predictions_before is not None:
        parts.append(f"predictions before {event.predictions_before}")
    ages = ", ".join(f"{name} older than {age}" for name, age in event.retention.items())
    return f"{ages} is removed: {', '.join(parts)}"


def _rollout_step(event: RolloutStep) -> str:
    words = f"version {event.version} {_step(event)}"
    if event.state == BEGUN:
        return f"{words} began, beside version {event.champion}, until {_time(event.until)}"
    figures = event.challenger_figures
    counts = f" ({figures.requests} requests, {figures.errors} errors)" if figures else ""
    evaluated = ", ".join(event.judged) or "nothing"
    return _with_reasons(
        f"{words} ended well{counts}; judged: {evaluated}",
        [f"not {text}" for text in event.missing],
    )


def _rollout_end(event: RolloutEnded) -> str:
    words = f"version {event.version} {_step(event)} was ended"
    return _with_reasons(f"{words}: all traffic is on version {event.champion}", event.reasons)


def _watch(event: WatchTripped | WatchEnded) -> str:
    figures = event.figures
    counts = f" ({figures.requests} requests, {figures.errors} errors)" if figures else ""
    words = f"watch of version {event.version}"
    if isinstance(event, WatchTripped):
        return _with_reasons(f"{words}: it is bad{counts}, traffic goes back", event.reasons)
    outcome = event.outcome.replace("_", " ")
    missing = [f"not {text}" for text in event.missing]
    return _with_reasons(f"{words} ended: {outcome}{counts}", [*event.reasons, *missing])


def _drill(event: RollbackDrill) -> str:
    words = f"drill in {event.server}: version {event.champion} -> {event.predecessor} and back"
    if event.back_seconds is not None and event.forth_seconds is not None:
        words += f" ({event.back_seconds:.2f} s, {event.forth_seconds:.2f} s)"
    return _with_reasons(f"{words} {'passed' if event.passed else 'failed'}", event.reasons)


def _retraining(event: RetrainingDecision) -> str:
    decision = event.decision
    fired = sorted(name for name, state in decision.signals.items() if state == "fired")
    signals = ", ".join(fired) or "nothing"
    window = f"until {decision.window_end:%Y-%m-%dT%H:%M}: {signals} fired"
    triggered = f" -> run {decision.train_run_id}" if decision.trigger else ""
    return f"{decision.outcome}: {decision.told} ({window}){triggered}"


def _staleness(event: StalenessMeasured) -> str:
    spec = "written to the spec" if event.written else "not written to the spec"
    return f"{event.metric} by age up to {event.end:%Y-%m-%d}: {event.limit.told} ({spec})"


def _step(event: RolloutStep | RolloutEnded) -> str:
    return "shadow" if event.step == "shadow" else f"{event.step} %"


def _time(moment: datetime | None) -> str:
    return moment.isoformat() if moment else "a time that is not recorded"


def _with_reasons(words: str, reasons: list[str]) -> str:
    return f"{words}: {'; '.join(reasons)}" if reasons else words
