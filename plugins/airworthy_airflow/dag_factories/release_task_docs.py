"""The pages of the tasks of a release, made from the spec and the environment's rules."""

from __future__ import annotations

from airworthy.handover import GuardedStep
from airworthy.release.release_rules import ReleaseRules
from airworthy.spec import ModelSpec
from airworthy.spec.fields import format_duration
from airworthy.spec.release_part import Budget
from airworthy.spec.waived import waived_limits
from airworthy.spec.waivers import waiver_of
from airworthy_airflow.dag_factories.task_doc import CLEAR, TaskDoc
from airworthy_airflow.markdown_text import as_code, as_text
from airworthy_airflow.spec_text import guard_text, step_text

_LIMITS = {
    "p50_ms": "median latency at most {:g} ms",
    "p99_ms": "p99 latency at most {:g} ms",
    "load_seconds": "loading at most {:g} s",
    "memory_mib": "memory at most {:g} MiB",
    "size_mib": "files at most {:g} MiB",
}


def release_task_docs(spec: ModelSpec, rules: ReleaseRules) -> dict[str, TaskDoc]:
    """Return task id -> its page's part, for every task that a release may have.

    Args:
        spec: The model's spec.
        rules: The release rules.
    """
    steps = {f"release.rollout_{step}": _step(spec, rules, step) for step in rules.guarded_steps}
    return {
        "release.deploy_staging": _staging(spec),
        "release.approve": _approve(spec, rules),
        **steps,
        "release.deploy_production": _production(rules),
        "release.end_rollout": TaskDoc(
            "another task of the run failed, and the champion has all of the traffic; the log names the task. If the "
            f"server or the ledger could not be reached, clear this task. `airworthy ledger {spec.model}` tells who "
            "answers."
        ),
    }


def approvers_text(spec: ModelSpec, rules: ReleaseRules) -> str:
    """Return the people who may approve, in words."""
    names = ", ".join(as_code(name) for name in spec.release.approvers)
    other = "; not the person who triggered the run" if rules.by_other_than_trigger else ""
    return (names or "anybody with the right to approve") + other


def _staging(spec: ModelSpec) -> TaskDoc:
    parity = spec.release.parity
    return TaskDoc(
        "the server's answers are not the offline predictions, or the version costs more than its budget. The champion "
        "stays. The log has both figures. Correct `features.py`, or the budget in the spec, and train again. If the "
        "staging server was down, clear this task.",
        (
            f"{parity.rows:,} holdout rows; an answer may differ by {parity.tolerance:g}.",
            f"Budget: {_budget(spec.release.budget)}.",
            *(f"Waived: {as_text(waiver)}" for waiver in waived_limits(spec)),
        ),
    )


def _budget(budget: Budget) -> str:
    values = budget.model_dump()
    limits = [
        words.format(values[key]) for key, words in _LIMITS.items() if values[key] is not None
    ]
    if budget.p50_ms is None and budget.p99_ms is None:
        limits.append(
            "latency at most three times the champion's, or 250 ms at p50 and 2 s at p99 (default)"
        )
    return ", ".join(limits)


def _approve(spec: ModelSpec, rules: ReleaseRules) -> TaskDoc:
    return TaskDoc(
        "the answer could not be taken or recorded, and nothing was approved. The task asks again. After its last try, "
        "clear it, and answer once more.",
        (
            f"May approve: {approvers_text(spec, rules)}.",
            f"No answer within {format_duration(rules.approval_timeout)} counts as a rejection.",
        ),
    )


def _step(spec: ModelSpec, rules: ReleaseRules, step: GuardedStep) -> TaskDoc:
    guard, waiver = spec.release.guard, waiver_of(spec.release.waive, "guard")
    held = f"Waived: {as_text(waiver.because)}" if waiver else f"Guard: {guard_text(guard)}."
    return TaskDoc(
        "the guard tripped, or the servers were out of reach for too long. All traffic is on the champion. Read the "
        f"figures in the log and in `airworthy ledger {spec.model}`. Do not clear this task: find the cause, then "
        "train again.",
        (
            f"The version answers {step_text(step)} for {format_duration(rules.bake)}."
            if step != "shadow"
            else f"The version answers in shadow for {format_duration(rules.bake)}: nobody gets its answers.",
            held,
            f"Latency and predictions are judged from {guard.min_requests:,} requests on, losses from "
            f"{guard.min_labels:,} labels on.",
        ),
    )


def _production(rules: ReleaseRules) -> TaskDoc:
    watch = rules.watch
    return TaskDoc(
        f"MLflow, the ledger or the model server could not be reached. {CLEAR} It completes what was begun, and never "
        "releases twice. To go back, start the rollback DAG.",
        (f"The guard watches the new champion for {format_duration(watch)}." if watch else "",),
    )
