"""Every kind of event, and how the ledger stored it before events had classes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airworthy.handover import ArmFigures, DriftDecision, WindowSignals
from airworthy.ledger.events import (
    Adoption,
    AlertRaised,
    AliasMove,
    ApprovalAnswered,
    ArtifactsRemoved,
    BreakGlass,
    CandidateDropped,
    CandidateNamed,
    FlagOverride,
    GuardTrip,
    KillSwitchTurned,
    LedgerEvent,
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
    RolloutStep,
    RolloutStopped,
    StagingCheck,
    StalenessLimit,
    StalenessMeasured,
    VerdictReached,
    WatchEnded,
    WatchTripped,
)

NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)
DAY = datetime(2026, 3, 20, tzinfo=UTC)
FIGURES = ArmFigures(version="1", requests=40, errors=0, rows=40, p50_ms=1.5, p99_ms=4.0)
OTHERS = ArmFigures(
    version="2", requests=38, errors=2, rows=38, p99_ms=9.25, labels=3, mean_loss=2.0, loss_sd=0.5
)
DECISION = DriftDecision(
    model="eta",
    champion="1",
    champion_as_of=DAY - timedelta(days=9),
    window_start=DAY - timedelta(days=1),
    window_end=DAY,
    signals={"skew": "quiet", "drift": "fired", "label": "quiet", "loss": "inconclusive"},
    words={"skew": "", "drift": "distance_km moved", "label": "", "loss": "no labels"},
    inputs={"data": "aa"},
    windows=[WindowSignals(end=DAY, champion="1", signals={"drift": "fired"})],
    last_retrained=None,
    rejected_in_a_row=0,
    rules={"persist": "2 of 3", "min_labels": 100},
    outcome="watching",
    told="drift: not yet in 2 of 3 windows",
    reason=None,
    train_as_of=DAY,
    digest="ab12",
    trigger=False,
    train_run_id=None,
    evidence="/state/decision.json",
)

# Event, the run that records it, the entry's id, the payload.
STORED: list[tuple[LedgerEvent, str, str, str]] = [
    (
        VerdictReached(
            outcome="fail", reasons=["rmse: fail: 3.1 over 3.0"], champion=None, mlflow_run_id="f00",
            dataset_digest="dd", dag_id="eta__train",
        ),
        "run-1", "verdict:run-1:f00:None",
        '{"champion": null, "dag_id": "eta__train", "dataset_digest": "dd", "mlflow_run_id": "f00", '
        '"outcome": "fail", "reasons": ["rmse: fail: 3.1 over 3.0"]}',
    ),
    (
        Registration(
            version="3", validation_status="approved", bundle_digest="bb", dataset_digest="dd", as_of=DAY,
            reason="drift", mlflow_run_id="f00", dag_id=None, decision="drift_decision:2026-03-20T00:00:00+00:00",
        ),
        "run-1", "registration:3",
        '{"as_of": "2026-03-20T00:00:00+00:00", "bundle_digest": "bb", "dag_id": null, "dataset_digest": "dd", '
        '"decision": "drift_decision:2026-03-20T00:00:00+00:00", "mlflow_run_id": "f00", "reason": "drift", '
        '"validation_status": "approved", "version": "3"}',
    ),
    (
        StagingCheck(
            version="3", bundle_digest="bb", passed=True, reasons=[], rows=500, max_difference=0.0, tolerance=1e-06,
            p50_ms=1.25, p99_ms=3.0, load_seconds=0.5, memory_mib=None, size_mib=0.75,
        ),
        "run-1", "staging:run-1:3:passed",
        '{"bundle_digest": "bb", "load_seconds": 0.5, "max_difference": 0.0, "memory_mib": null, "p50_ms": 1.25, '
        '"p99_ms": 3.0, "passed": true, "reasons": [], "rows": 500, "size_mib": 0.75, "tolerance": 1e-06, '
        '"version": "3"}',
    ),
    (
        StagingCheck(version="3", bundle_digest="bb", passed=False, reasons=["it cannot be loaded"]),
        "run-1", "staging:run-1:3:refused",
        '{"bundle_digest": "bb", "passed": false, "reasons": ["it cannot be loaded"], "version": "3"}',
    ),
    (
        ApprovalAnswered(
            version="3", bundle_digest="bb", decision="reject", comment="not on a Friday", at=NOON, verdict="pass",
            champion="1", dataset_digest="dd", mlflow_run_id="f00",
        ),
        "run-1", "approval:run-1:3:2026-03-20T12:00:00+00:00",
        '{"at": "2026-03-20T12:00:00+00:00", "bundle_digest": "bb", "champion": "1", "comment": "not on a Friday", '
        '"dataset_digest": "dd", "decision": "reject", "mlflow_run_id": "f00", "verdict": "pass", "version": "3"}',
    ),
    (
        RolloutStep(
            version="3", bundle_digest="bb", step="shadow", state="begun", champion="1", since=NOON,
            until=NOON + timedelta(hours=1, microseconds=5),
        ),
        "run-1", "rollout_step:run-1:3:shadow:begun",
        '{"bundle_digest": "bb", "champion": "1", "since": "2026-03-20T12:00:00+00:00", "state": "begun", '
        '"step": "shadow", "until": "2026-03-20T13:00:00.000005+00:00", "version": "3"}',
    ),
    (
        RolloutStep(
            version="3", bundle_digest="bb", step=10, state="done", champion="1", since=NOON, judged=["latency"],
            missing=["quality: 0 of 100 labels came in"], psi=0.01, champion_figures=FIGURES,
            challenger_figures=OTHERS,
        ),
        "run-1", "rollout_step:run-1:3:10:done",
        '{"bundle_digest": "bb", "challenger_figures": {"errors": 2, "labels": 3, "loss_sd": 0.5, "mean_loss": 2.0, '
        '"p50_ms": null, "p99_ms": 9.25, "requests": 38, "rows": 38, "version": "2"}, "champion": "1", '
        '"champion_figures": {"errors": 0, "labels": 0, "loss_sd": null, "mean_loss": null, "p50_ms": 1.5, '
        '"p99_ms": 4.0, "requests": 40, "rows": 40, "version": "1"}, "judged": ["latency"], '
        '"missing": ["quality: 0 of 100 labels came in"], "psi": 0.01, "since": "2026-03-20T12:00:00+00:00", '
        '"state": "done", "step": 10, "version": "3"}',
    ),
    (
        RolloutStep(
            version="1", bundle_digest="bb", step="shadow", state="done", champion=None, since=None, judged=[],
            missing=["nothing was watched: there is no champion yet"],
        ),
        "run-1", "rollout_step:run-1:1:shadow:done",
        '{"bundle_digest": "bb", "champion": null, "judged": [], '
        '"missing": ["nothing was watched: there is no champion yet"], "since": null, "state": "done", '
        '"step": "shadow", "version": "1"}',
    ),
    (
        GuardTrip(
            version="3", champion="1", step=50, reasons=["p99 latency"], since=NOON, stopped_by="run-1", psi=None,
            champion_figures=FIGURES, challenger_figures=OTHERS,
        ),
        "run-1", "guard_trip:run-1:3",
        '{"challenger_figures": {"errors": 2, "labels": 3, "loss_sd": 0.5, "mean_loss": 2.0, "p50_ms": null, '
        '"p99_ms": 9.25, "requests": 38, "rows": 38, "version": "2"}, "champion": "1", "champion_figures": '
        '{"errors": 0, "labels": 0, "loss_sd": null, "mean_loss": null, "p50_ms": 1.5, "p99_ms": 4.0, '
        '"requests": 40, "rows": 40, "version": "1"}, "psi": null, "reasons": ["p99 latency"], '
        '"since": "2026-03-20T12:00:00+00:00", "step": 50, "stopped_by": "run-1", "version": "3"}',
    ),
    (
        RolloutStopped(
            version="3", champion="1", step="shadow", reasons=["the run failed"], since=NOON, stopped_by="run-2"
        ),
        "run-1", "rollout_stopped:run-1:3",
        '{"champion": "1", "reasons": ["the run failed"], "since": "2026-03-20T12:00:00+00:00", "step": "shadow", '
        '"stopped_by": "run-2", "version": "3"}',
    ),
    (
        AliasMove(
            alias="champion", from_=None, to="3", reason="drift run run-1: verdict pass", dataset_digest="dd",
            bundle_digest="bb", moves_before=4,
        ),
        "run-1", "alias_move:run-1:3:4",
        '{"alias": "champion", "bundle_digest": "bb", "dataset_digest": "dd", "from": null, '
        '"reason": "drift run run-1: verdict pass", "to": "3"}',
    ),
    (
        AliasMove(
            alias="champion", from_="3", to="1", reason="rollback back: late", dataset_digest=None, bundle_digest=None,
            rollback="back",
        ),
        "run-2", "alias_move:rollback:back",
        '{"alias": "champion", "bundle_digest": null, "dataset_digest": null, "from": "3", '
        '"reason": "rollback back: late", "to": "1"}',
    ),
    (
        RollbackStarted(from_="3", to="1", reason="late", named=False, withdraws=True),
        "back", "rollback_started:back",
        '{"from": "3", "named": false, "reason": "late", "to": "1", "withdraws": true}',
    ),
    (
        RollbackCompleted(
            from_="3", to="1", reason="late", named=True, withdraws=False, started_by="back", parity_rows=5,
            max_difference=2.5e-08,
        ),
        "run-2", "rollback:back",
        '{"from": "3", "max_difference": 2.5e-08, "named": true, "parity_rows": 5, "reason": "late", '
        '"started_by": "back", "to": "1", "withdraws": false}',
    ),
    (
        Retirement(from_version="3", bundle_digest="bd", reason="trams only"), "run-3", "retirement:run-3",
        '{"bundle_digest": "bd", "from_version": "3", "reason": "trams only"}',
    ),
    (
        WatchTripped(
            version="3", since=NOON, champion_entry=12, reasons=["error rate 50%"], judged=["error_rate"],
            missing=["quality: no labels"], figures=FIGURES,
        ),
        "watch", "watch_trip:12",
        '{"champion_entry": 12, "figures": {"errors": 0, "labels": 0, "loss_sd": null, "mean_loss": null, '
        '"p50_ms": 1.5, "p99_ms": 4.0, "requests": 40, "rows": 40, "version": "1"}, "judged": ["error_rate"], '
        '"missing": ["quality: no labels"], "reasons": ["error rate 50%"], "since": "2026-03-20T12:00:00+00:00", '
        '"version": "3"}',
    ),
    (
        WatchEnded(version="3", champion_entry=12, outcome="superseded", reasons=["version 4 became champion"]),
        "watch", "watch_end:12",
        '{"champion_entry": 12, "outcome": "superseded", "reasons": ["version 4 became champion"], "version": "3"}',
    ),
    (
        BreakGlass(
            from_="3", to="1", reason="answers are wrong", at=NOON, bundle_digest="ab12", withdraws=False, moved=True,
            server="host-1-ab",
        ),
        "run-1", "break_glass:run-1",
        '{"at": "2026-03-20T12:00:00+00:00", "bundle_digest": "ab12", "from": "3", "moved": true, '
        '"reason": "answers are wrong", "server": "host-1-ab", "to": "1", "withdraws": false}',
    ),
    (
        ArtifactsRemoved(versions=["2"], logged_models=["m-1", "m-2"], retention="90d"),
        "gc-1", "artifacts_removed:gc-1",
        '{"logged_models": ["m-1", "m-2"], "retention": "90d", "versions": ["2"]}',
    ),
    (
        RecordsRemoved(
            evidence=["run-1"], mlflow_runs=["ab12"], windows=2, predictions_before="2026-03-01",
            retention={"evidence": "365d", "predictions": "90d"},
        ),
        "gc-1", "records_removed:gc-1",
        '{"evidence": ["run-1"], "mlflow_runs": ["ab12"], "predictions_before": "2026-03-01", '
        '"retention": {"evidence": "365d", "predictions": "90d"}, "windows": 2}',
    ),
    (
        RollbackDrill(
            champion="3", predecessor="1", server="staging", passed=True, back_seconds=1.5, forth_seconds=0.5,
            max_difference=0.0,
        ),
        "drill", "rollback_drill:drill:passed",
        '{"back_seconds": 1.5, "champion": "3", "forth_seconds": 0.5, "max_difference": 0.0, "passed": true, '
        '"predecessor": "1", "server": "staging"}',
    ),
    (
        RetrainingDecision(decision=DECISION),
        "run-1", "drift_decision:2026-03-20T00:00:00+00:00",
        '{"blind_since": null, "blind_windows": 0, "champion": "1", "champion_as_of": "2026-03-11T00:00:00Z", '
        '"digest": "ab12", '
        '"evidence": "/state/decision.json", "follows": null, "inputs": {"data": "aa"}, "last_retrained": null, '
        '"model": "eta", "outcome": "watching", "reason": null, "rejected_in_a_row": 0, '
        '"rules": {"min_labels": 100, "persist": "2 of 3"}, "signals": {"drift": "fired", "label": "quiet", '
        '"loss": "inconclusive", "skew": "quiet"}, "told": "drift: not yet in 2 of 3 windows", '
        '"train_as_of": "2026-03-20T00:00:00Z", "train_run_id": null, "trigger": false, '
        '"window_end": "2026-03-20T00:00:00Z", "window_start": "2026-03-19T00:00:00Z", '
        '"windows": [{"champion": "1", "end": "2026-03-20T00:00:00Z", "signals": {"drift": "fired"}}], '
        '"words": {"drift": "distance_km moved", "label": "", "loss": "no labels", "skew": ""}}',
    ),
    (
        StalenessMeasured(
            model="eta", end=DAY, metric="rmse", confidence=0.95, max_loss=0.1, holdout="7d",
            points=[
                {"age": 7, "windows": 2, "rows": 900, "value": 3.5, "fresh": 3.25, "loss": 0.077, "low": 0.01,
                 "high": 0.12},
            ],
            left_out=[{"age": 90, "as_of": "2026-03-20T00:00:00Z", "why": "no data"}],
            limit=StalenessLimit(age=None, told="and no younger one was tried"), written=False,
            evidence="/state/run-1",
        ),
        "run-1", "staleness:128a03dcd6c1a83e58b68deffc359dc12a6f5b80ea87d0838e26d6e6fe576b8c",
        '{"confidence": 0.95, "end": "2026-03-20T00:00:00Z", "evidence": "/state/run-1", "holdout": "7d", '
        '"left_out": [{"age": 90, "as_of": "2026-03-20T00:00:00Z", "why": "no data"}], "limit": {"age": null, '
        '"told": "and no younger one was tried"}, "max_loss": 0.1, "metric": "rmse", "model": "eta", "points": '
        '[{"age": 7, "fresh": 3.25, "high": 0.12, "loss": 0.077, "low": 0.01, "rows": 900, "value": 3.5, '
        '"windows": 2}], "written": false}',
    ),
    (
        AlertRaised(
            key="drift:one day", told=[], title="eta is trained again", alert={"kind": "drift", "facts": {}}, first=True
        ),
        "run-1", "alert:drift:one day",
        '{"alert": {"facts": {}, "kind": "drift"}, "key": "drift:one day", "title": "eta is trained again", '
        '"told": []}',
    ),
    (
        AlertRaised(
            key="drift:one day", told=["slack a", "email b"], title="eta is trained again", alert={}, first=False
        ),
        "run-2", "alert:drift:one day:slack a, email b",
        '{"alert": {}, "key": "drift:one day", "title": "eta is trained again", "told": ["slack a", "email b"]}',
    ),
    (
        CandidateNamed(
            version="4", purpose="staging", bundle_digest="bb", server="production", named_before=2
        ),
        "run-1", "candidate:run-1:4:staging:2",
        '{"bundle_digest": "bb", "purpose": "staging", "server": "production", "version": "4"}',
    ),
    (
        CandidateDropped(version="4", purpose="release", reasons=["it cannot be loaded"], named_by=7),
        "run-1", "candidate_dropped:7",
        '{"named_by": 7, "purpose": "release", "reasons": ["it cannot be loaded"], "version": "4"}',
    ),
    (
        FlagOverride(version="4", flag="eta.kill_switch", value="true", replicas=["host-1"], step_entry=9),
        "run-1", "flag_override:run-1:9:b9c97eaddbffb55d",
        '{"flag": "eta.kill_switch", "replicas": ["host-1"], "step_entry": 9, "value": "true", '
        '"version": "4"}',
    ),
    (
        Adoption(version="4", champion="3", reason="it was meant"),
        "run-1", "adoption:run-1",
        '{"champion": "3", "reason": "it was meant", "version": "4"}',
    ),
    (
        KillSwitchTurned(on=True, reason="it is slow"),
        "page-1", "kill_switch:page-1",
        '{"on": true, "reason": "it is slow"}',
    ),
    (
        PromotionStarted(version="7", bundle_digest="bb", dataset_digest="dd", to_environment="production"),
        "run-1", "promotion_started:production:7:bb",
        '{"bundle_digest": "bb", "dataset_digest": "dd", "to_environment": "production", "version": "7"}',
    ),
    (
        PromotionReceived(
            version="3", bundle_digest="bb", dataset_digest="dd", from_environment="staging", from_version="7",
            from_entry=12, from_entry_hash="ee", from_run="run-0", mlflow_run_id="f00", trained_by=["ada"],
        ),
        "run-1", "promotion_received:staging:7:3:bb",
        '{"bundle_digest": "bb", "dataset_digest": "dd", "from_entry": 12, "from_entry_hash": "ee", '
        '"from_environment": "staging", "from_run": "run-0", "from_version": "7", "mlflow_run_id": "f00", '
        '"trained_by": ["ada"], "version": "3"}',
    ),
    (
        PromotionCompleted(
            version="7", bundle_digest="bb", to_environment="production", to_version="3", to_entry=5, to_entry_hash="ff"
        ),
        "run-1", "promotion_completed:production:3:7:bb",
        '{"bundle_digest": "bb", "to_entry": 5, "to_entry_hash": "ff", "to_environment": "production", '
        '"to_version": "3", "version": "7"}',
    ),
]  # fmt: skip
