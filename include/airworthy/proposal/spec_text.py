"""The ``model.yaml`` of a proposed model, with a comment on each guess."""

from __future__ import annotations

import os
from collections.abc import Iterator
from math import ceil
from pathlib import Path

from airworthy.proposal.proposal import EventTime, Proposal
from airworthy.proposal.windows import Windows
from airworthy.proposal.yaml_text import block, flow, one_line, scalar, with_comment
from airworthy.spec.evaluate_part import LOSS_OF_TASK
from airworthy.spec.ingest_part import Ingest
from airworthy.spec.spec_schema import SCHEMA_FILE

# The parts of a hash split: four fifths to train on, one to hold out.
_STATIC_DAYS = (5, 1)
_MAX_BAD_SHARE = 0.5


def spec_text(proposal: Proposal, source: list[str], folder: Path, static_day: str) -> str:
    """Return the text of the spec.

    Args:
        proposal: The proposed model.
        source: The lines below ``ingest.source``.
        folder: The model's folder.
        static_day: The day of static data.
    """
    lines = [
        f"# yaml-language-server: $schema={os.path.relpath(SCHEMA_FILE, folder)}",
        f"# Proposed from {proposal.rows:,} rows, {proposal.sampled:,} of which were looked at. Each "
        "guess says why;",
        "# change what you know better. `airworthy check` explains whatever is wrong here.",
        f"model: {proposal.name}",
        with_comment(f"task: {proposal.label.task}", proposal.label.guess),
        with_comment(
            "owner: my-team@example.org", "who answers for this model: an address that is read"
        ),
        'description: ""',
        *_days(proposal, static_day),
        "",
        "ingest:",
        "  source:",
        *block(source, 4),
        *block(_ingest(proposal), 2),
        "",
        *_validate(proposal),
        *_train(proposal),
        "",
        *_evaluate(proposal),
        "",
        "release:",
        with_comment(
            "  parity: {rows: 500, tolerance: 1e-5}", "served against offline predictions"
        ),
        "",
        *_monitor(proposal.windows),
        "",
    ]
    return "\n".join(lines)


def _days(proposal: Proposal, static_day: str) -> list[str]:
    windows = proposal.windows
    if windows is None or proposal.time is None:
        return [
            with_comment("schedule: null", "the rows do not grow; train by hand"),
            with_comment(f"start: {static_day}", "the day of all rows: they have no time"),
            f"end: {static_day}",
        ]
    days = proposal.time.days
    schedule = "null" if windows.schedule is None else f'"{windows.schedule}"'
    why = (
        "the rows have ended; a cron expression once there are new ones"
        if windows.end
        else "cron in UTC; null: only by hand or by trigger"
    )
    lines = [
        with_comment(f"schedule: {schedule}", why),
        with_comment(f"start: {windows.start}", f"the first of {days.days:,} days with rows"),
    ]
    if windows.end is not None:
        lines.append(
            with_comment(f"end: {windows.end}", "the last day; remove it when rows come in")
        )
    return lines


def _ingest(proposal: Proposal) -> list[str]:
    time, key, label = proposal.time, proposal.key, proposal.label
    lines = [_event_time(proposal)]
    if time is None:
        lines.append(with_comment("static: true", "the rows have no time, so no drift can be seen"))
    if proposal.time_format is not None:
        lines.append(
            with_comment(f"time_format: {scalar(proposal.time_format)}", "seen in the rows")
        )
    if time is not None and time.naive:
        lines.append("# time_zone: Europe/Berlin   # the times have no zone and are read as UTC")
    if key is None:
        lines.append(
            with_comment("key: []", "no column identifies a row: its number within the day")
        )
    else:
        lines.append(with_comment(f"key: [{scalar(key.name)}]", "another value in each row"))
    if proposal.null_words:
        lines.append(
            with_comment(f"null_values: {flow(proposal.null_words)}", "mean no value here")
        )
    lines += _bad_share(time)
    lines.append(f"label: {scalar(label.profile.name)}")
    if label.positive is not None:
        why = label.guess.rpartition(": ")[2]
        lines.append(with_comment(f"positive: {scalar(label.positive)}", f"means yes: {why}"))
    delay = "the label is known with the row; say 1d if it comes a day later"
    lines += [with_comment("label_delay: 0d", delay), "columns:"]
    return [*lines, *_columns(proposal)]


def _bad_share(time: EventTime | None) -> list[str]:
    """Return the limit for a first day that rows without a time would stop, such as one of totals."""
    share = 0.0 if time is None else time.days.bad_share
    usual: float = Ingest.model_fields["max_bad_share"].default
    if time is None or not usual < share <= _MAX_BAD_SHARE:
        return []
    rows = f"{time.days.undated:,} rows without a time count as rows of {time.days.first}"
    return [with_comment(f"max_bad_share: {ceil(100 * share) / 100}", rows)]


def _event_time(proposal: Proposal) -> str:
    time = proposal.time
    if time is None:
        return with_comment(f"event_time: {scalar(proposal.time_name)}", "made: the day `start`")
    days = time.days
    words = f"{days.first} to {days.last}, {days.rows_a_day:,.1f} rows a day"
    return with_comment(f"event_time: {scalar(time.column.name)}", words)


def _columns(proposal: Proposal) -> Iterator[str]:
    for each in proposal.declared:
        notes = [each.note] if each.note else []
        if each.null_share:
            notes.append(f"missing in {each.null_share:.1%}")
        if each.kind == "category":
            notes.append(f"{each.distinct} values")
        yield with_comment(f"  {scalar(each.name)}: {each.kind}", "; ".join(notes))
    if proposal.left_out:
        yield "  # Left out:"
    for left in proposal.left_out:
        column = left.column
        yield with_comment(f"  # {one_line(scalar(column.name))}: {column.kind}", left.reason)


def _validate(proposal: Proposal) -> list[str]:
    if not proposal.expectations:
        return []
    lines = [
        "validate:",
        "  # Critical ones stop a run, and the server refuses rows that break them: their limits have room.",
        "  expectations:",
    ]
    for each in proposal.expectations:
        lines.append(f"    # {one_line(each.comment)}")
        lines.append(f"    - {flow(each.keys)}")
    return [*lines, ""]


def _train(proposal: Proposal) -> list[str]:
    windows = proposal.windows
    lines = ["train:"]
    if windows is None:
        lookback, holdout = _STATIC_DAYS
        lines += [
            with_comment("  split: hash", "rows are divided by a hash of their key, not by time"),
            with_comment(f"  lookback: {lookback}d", "of hash parts, as there is no time"),
            with_comment(f"  holdout: {holdout}d", "the part kept for the evaluation"),
            f"  min_rows: {max(10, min(500, proposal.rows // 2))}",
        ]
    else:
        rows = f"about {windows.train_rows:,} rows to learn from"
        held = f"about {windows.holdout_rows:,} rows, kept for the evaluation"
        lines += [
            with_comment(f"  lookback: {windows.lookback}d", rows),
            with_comment(f"  holdout: {windows.holdout}d", held),
            with_comment(f"  min_rows: {windows.min_rows}", "fewer stop the run"),
        ]
    by = flow(proposal.baseline)
    groups = "the simple model to beat: a mean by these features"
    return [
        *lines,
        with_comment("  parameters: {max_depth: 6, learning_rate: 0.1}", "XGBoost's own names"),
        with_comment("  # search: {trials: 20}", "let Optuna look for better ones"),
        with_comment(f"  baseline: {{by: {by}}}", groups),
    ]


def _evaluate(proposal: Proposal) -> list[str]:
    loss = LOSS_OF_TASK[proposal.label.task]
    slices = "groups that no version may serve worse"
    return [
        "evaluate:",
        with_comment(f"  slices: {flow(proposal.slices)}", slices),
        "  # Beside these gates: not worse than the champion, better than the baseline, no slice proved worse.",
        "  # waive: [{gate: champion, because: ...}] waives such a default gate, and every record says so.",
        "  gates:",
        with_comment(
            f"    - {{metric: {loss}, against: baseline, better_by: 0.02}}",
            "a gain of at least 2 %",
        ),
        with_comment(
            f"    - {{metric: {loss}, against: champion, margin: 0.02}}", "a loss of at most 2 %"
        ),
    ]


def _monitor(windows: Windows | None) -> list[str]:
    if windows is None:
        return ["monitor:", with_comment("  schedule: null", "rows without a time show no drift")]
    monitor = windows.monitor
    rows = f"about {monitor.rows:,} rows: enough to judge"
    return [
        "monitor:",
        with_comment(f"  window: {monitor.window}d", rows),
        with_comment(f"  reference: {monitor.reference}d", "what a window is compared with"),
        with_comment(f"  min_rows: {monitor.min_rows}", "below a usual window; fewer say nothing"),
        with_comment(
            f"  retrain: {{min_labels: {monitor.min_labels}}}",
            "fewer labels say nothing of the errors",
        ),
    ]
