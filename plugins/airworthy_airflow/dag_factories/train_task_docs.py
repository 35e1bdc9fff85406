"""The pages of the train DAG's tasks up to the registered version, made from the spec."""

from __future__ import annotations

from airworthy.gates.default_gates import HeldGate, held_gates
from airworthy.spec import ModelSpec
from airworthy.spec.fields import format_duration
from airworthy.spec.validate_part import Expectation
from airworthy.spec.waived import waived_expectations
from airworthy_airflow.dag_factories.task_doc import CLEAR, TaskDoc, codes, listed
from airworthy_airflow.markdown_text import as_code, as_text
from airworthy_airflow.spec_text import gate_text


def train_task_docs(spec: ModelSpec) -> dict[str, TaskDoc]:
    """Return task id -> its page's part, for ``ingest`` to ``register``."""
    return {
        "ingest": ingest_doc(spec),
        "validate": _validate(spec),
        "train": _train(spec),
        "evaluate": _evaluate(spec),
        "register": TaskDoc(
            "MLflow or the ledger could not be reached, or the spec was changed during the run. The log says which. "
            f"{CLEAR} It makes no second version.",
            (f"The registered model in MLflow is {as_code(spec.model)}.",),
        ),
    }


def ingest_doc(spec: ModelSpec) -> TaskDoc:
    """Return the part of a task that reads the model's source."""
    ingest = spec.ingest
    delay, restate = format_duration(ingest.label_delay), format_duration(ingest.restate)
    columns = (f"{name} ({kind})" for name, kind in ingest.columns.items())
    return TaskDoc(
        "the log names the source, the day or the file, what was received and what is allowed. Correct the source, or "
        f"`ingest` in the spec. {CLEAR} Days that were read are not read again.",
        (
            f"Source: {as_code(ingest.source.type)}. Window: {window_text(spec)}.",
            f"{len(ingest.columns)} columns: {codes(columns)}.",
            f"Time of a row: {'none' if ingest.static else as_code(ingest.event_time)}. Key: {codes(ingest.key)}.",
            f"Label: {as_code(ingest.label)}, known {delay} after the row's time."
            if ingest.label_delay
            else f"Label: {as_code(ingest.label)}.",
            f"A day may be restated for {restate} after its end, and is read again."
            if ingest.restate
            else "",
            f"More than {ingest.max_bad_share:.2%} rows in quarantine stop the run.",
        ),
    )


def window_text(spec: ModelSpec) -> str:
    """Return the window of a training in words."""
    if spec.ingest.static:
        return "all rows, which have no time"
    return f"the {format_duration(spec.train.lookback)} before the run's *as of* day (UTC)"


def expectation_text(expectation: Expectation) -> str:
    """Return an expectation on one line."""
    arguments = ", ".join(f"{key}={value}" for key, value in expectation.arguments.items())
    return f"{expectation.severity}: {as_code(f'{expectation.type}({arguments})')}"


def _validate(spec: ModelSpec) -> TaskDoc:
    shift = spec.validate_.distribution
    return TaskDoc(
        "the data break a critical expectation, and the champion stays. Open *Data Docs* for the days and the rows. "
        "Correct the source, or the expectation in the spec. If the data are right and a default expectation is "
        f"wrong, write a waiver with its reason in `validate.waive`. {CLEAR}",
        (
            *listed(expectation_text(each) for each in spec.validate_.expectations),
            "By default: `schema`, `nulls`, and `row_count` of each day against recent days.",
            *(f"Waived: {as_text(waiver)}" for waiver in waived_expectations(spec)),
            f"A shift from the champion's training data over {shift.max_psi:g}: {shift.severity}.",
        ),
    )


def _train(spec: ModelSpec) -> TaskDoc:
    train = spec.train
    parameters = (f"{name}={value}" for name, value in train.parameters.items())
    return TaskDoc(
        "the log names the file and the line of `features.py`, the column, or the number of rows. Correct it. Changed "
        "features or parameters need a new run: start the DAG again. Else clear this task.",
        (
            f"Features from {len(spec.inputs)} columns: {codes(spec.inputs)}.",
            _split(spec),
            f"At least {train.min_rows:,} training rows. {train.validation_share:.0%} of them, the last, are for early "
            "stopping.",
            f"XGBoost: {codes(parameters)}; at most {train.rounds:,} rounds, and {train.early_stopping_rounds} without "
            f"a gain end it; seed {train.seed}.",
            f"Search: {train.search.trials} trials over {codes(train.search.space)}."
            if train.search
            else "",
            f"Baseline: the mean by {codes(train.baseline.by)}."
            if train.baseline.by
            else "Baseline: one mean over all rows.",
        ),
    )


def _split(spec: ModelSpec) -> str:
    train = spec.train
    if spec.ingest.static:
        share = train.holdout_share or train.holdout / train.lookback
        return f"Holdout: {share:.0%} of the rows, by a hash of their key."
    return f"Holdout: the last {format_duration(train.holdout)} with known labels."


def _evaluate(spec: ModelSpec) -> TaskDoc:
    return TaskDoc(
        "a rejected challenger is no failure: open *Verdict* or *Model report* for the reasons. A failure is an error "
        f"of `behaviour.py` or of a service; the log names the place. Correct it. {CLEAR}",
        (
            *listed(f"Gate: {held_gate_text(each)}" for each in held_gates(spec)),
            f"Slices: {codes(spec.evaluate.slice_columns)}.",
        ),
    )


def held_gate_text(held: HeldGate) -> str:
    """Return a gate, with the reason of its waiver, as Markdown."""
    default = " (default)" if held.default else ""
    waived = f"; waived: {as_text(held.because)}" if held.because else ""
    return f"{gate_text(held.gate)}{default}{waived}"
