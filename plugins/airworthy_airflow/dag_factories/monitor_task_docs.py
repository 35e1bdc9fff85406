"""The pages of the monitor DAG's tasks, made from the spec."""

from __future__ import annotations

from airworthy.spec import ModelSpec
from airworthy.spec.fields import format_duration
from airworthy_airflow.dag_factories.task_doc import CLEAR, TaskDoc, codes, listed
from airworthy_airflow.dag_factories.train_task_docs import expectation_text, ingest_doc

_LATER = "Nothing is lost: the next run judges the window."


def monitor_task_docs(spec: ModelSpec) -> dict[str, TaskDoc]:
    """Return task id -> its page's part."""
    return {
        "collect": TaskDoc(
            f"the log names the source, the day or the file. Correct the source. {CLEAR} {_LATER}",
            ingest_doc(spec).numbers,
        ),
        "check_age": _age(spec),
        "check_requests": _requests(spec),
        "check_data": _data(spec),
        "check_skew": _shift(spec, "the champion's training data"),
        "check_drift": _shift(
            spec, f"the {format_duration(spec.monitor.reference)} before the window"
        ),
        "check_performance": _performance(spec),
        "decide": _decide(spec),
        "trigger_retraining": TaskDoc(
            f"`{spec.model}__train` is paused: turn it on, then clear this task. Or too many challengers in a row were "
            "refused: look at their verdicts, correct the cause, and start the train DAG by hand.",
        ),
    }


def _age(spec: ModelSpec) -> TaskDoc:
    rules = spec.alerts
    age, delay = rules.champion_max_age, rules.data_max_delay
    return TaskDoc(
        f"the lake or the ledger could not be read. {CLEAR} An old champion and late data are no failure: people "
        "are told of them.",
        (
            f"Maximum age of the champion: {format_duration(age) if age else 'any'}.",
            f"Maximum delay of the data: {format_duration(delay) if delay else 'any'}.",
        ),
    )


def _requests(spec: ModelSpec) -> TaskDoc:
    share = spec.alerts.invalid_requests_max_share
    limit = "any" if share is None else f"{share:.2%}"
    return TaskDoc(
        f"the servers' counts could not be read. {CLEAR}",
        (f"Maximum share of rows outside the contract: {limit}.", f"Inputs: {codes(spec.inputs)}."),
    )


def _data(spec: ModelSpec) -> TaskDoc:
    return TaskDoc(
        f"the window could not be read. {CLEAR} {_LATER} A broken expectation is no failure: it is in the log.",
        (
            f"Window: {format_duration(spec.monitor.window)}, of {_production(spec)}; fewer than "
            f"{spec.monitor.min_rows:,} rows are not judged.",
            *listed(expectation_text(each) for each in spec.validate_.expectations),
        ),
    )


def _production(spec: ModelSpec) -> str:
    return {
        "auto": "the prediction log, or the lake while the log has too few rows",
        "predictions": "the prediction log",
        "lake": "the lake",
    }[spec.monitor.production]


def _shift(spec: ModelSpec, reference: str) -> TaskDoc:
    rules = spec.monitor.drift
    number, category = rules.numeric, rules.categorical
    columns = [
        name
        for name, kind in spec.inputs.items()
        if kind != "datetime" and name not in rules.ignore
    ]
    return TaskDoc(
        f"the champion's files are not those that the ledger names, or the lake was out of reach. The log says which. "
        f"{CLEAR} {_LATER} A shift is no failure.",
        (
            f"Compares {len(columns)} columns with {reference}: {codes(columns)}.",
            f"Left out by the spec: {codes(rules.ignore)}." if rules.ignore else "",
            f"Numbers: a distance over {number.distance:g}, a spread over {number.spread:g}, or {number.missing:.0%} "
            "more or fewer missing values.",
            f"Categories: a distance over {category.distance:g}, {category.new:.0%} new values, or "
            f"{category.missing:.0%} more or fewer missing values.",
            f"It fires when the shifted columns have {rules.min_importance:.1%} of the champion's gain.",
        ),
    )


def _performance(spec: ModelSpec) -> TaskDoc:
    rules = spec.monitor.performance
    return TaskDoc(
        f"the champion's files or the labels could not be read. {CLEAR} {_LATER}",
        (
            f"It fires when the error is more than {rules.max_loss:.0%} over that on the holdout, at the significance "
            f"level {rules.significance:g}.",
            f"At least {spec.monitor.retrain.min_labels:,} labels; a label is known "
            f"{format_duration(spec.ingest.label_delay)} after its row.",
        ),
    )


def _decide(spec: ModelSpec) -> TaskDoc:
    rules = spec.monitor.retrain
    return TaskDoc(
        f"MLflow or the ledger could not be reached. {CLEAR} A window is decided on once.",
        (
            f"A signal must fire in {rules.persist} windows of {format_duration(spec.monitor.window)}.",
            f"At least {format_duration(rules.cooldown)} between two trainings.",
            f"After {rules.max_rejected_in_a_row} refused challengers in a row no training is started.",
        ),
    )
