"""The picture of ``airworthy status MODEL``: at most 80 columns wide. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from airworthy.cli.status_lines import (
    WIDTH,
    Signs,
    age_of,
    fit,
    paragraph,
    quality_words,
    traffic_bar,
    waiting_lines,
)
from airworthy.model_status.model_history import DriftFigure, GateFigure, ModelHistory, QualityPoint
from airworthy.model_status.model_summary import ModelSummary
from airworthy.model_status.waiting import waiting_of

_POINTS = 40
_COLUMNS = 8
_ENTRIES = 8
_OUTCOMES = {
    "pass": "pass",
    "fail": "FAIL",
    "inconclusive": "????",
    "waived": "waiv",
    "excused": "excu",
}


def model_picture(history: ModelHistory, signs: Signs, now: datetime | None = None) -> list[str]:
    """Return a model's champion, quality, gates, drift, traffic, last entries, and what waits.

    Args:
        history: The model's history.
        signs: The characters of bars and lines.
        now: The time, UTC; None: the present time.
    """
    moment = now or datetime.now(UTC)
    waiting = waiting_of(history.summary.state)
    sections = [
        _head(history.summary, signs, moment),
        _quality(history, signs),
        _gates(history),
        _drift(history),
        _entries(history),
        waiting_lines(waiting, moment) if waiting else ["nothing waits for a person"],
    ]
    return [line for lines in sections if lines for line in (*lines, "")][:-1]


def _head(summary: ModelSummary, signs: Signs, now: datetime) -> list[str]:
    state = summary.state
    about = ", ".join(
        text
        for text in (
            state.task,
            f"owner {summary.owner}" if summary.owner else None,
            f"schedule {summary.schedule}" if summary.schedule else None,
        )
        if text
    )
    lines = paragraph(f"{state.model}: {about or 'without a spec that can be read'}", "  ")
    if summary.description:
        lines += paragraph(f"  {summary.description}", "  ")
    lines += paragraph(f"champion  {_champion(summary, now)}", "          ")
    lines += [fit(f"traffic   {_traffic(summary, signs)}", WIDTH).rstrip()]
    verdict = f"{state.verdict} at {(state.verdict_at or '')[:16]}" if state.verdict else "none yet"
    return [*lines, fit(f"verdict   {verdict}", WIDTH).rstrip()]


def _champion(summary: ModelSummary, now: datetime) -> str:
    state = summary.state
    if state.retired is not None:
        return f"none: retired at {state.retired}"
    if state.champion is None:
        return "none yet"
    seen = f", has seen data until {state.data_until[:10]}" if state.data_until else ""
    return f"version {state.champion}, serves for {age_of(state.since, now)}{seen}"


def _traffic(summary: ModelSummary, signs: Signs) -> str:
    parts = [f"version {each.version} ({each.role}) {each.percent:g} %" for each in summary.traffic]
    return f"{traffic_bar(summary.traffic, signs, 20)} {', '.join(parts)}".rstrip()


def _quality(history: ModelHistory, signs: Signs) -> list[str]:
    quality = history.summary.quality
    if quality is None:
        return ["quality   not measured yet"]
    at = f"on {quality.measured_on} rows until {quality.at[:10]}"
    lines = paragraph(f"quality   {quality_words(quality)}, {at}", "          ")
    live = [each for each in history.quality if each.measured_on == "live"]
    points = [each for each in live or history.quality if each.metric == quality.metric]
    return [*lines, *_line_of(points[-_POINTS:], signs)]


def _line_of(points: Sequence[QualityPoint], signs: Signs) -> list[str]:
    """Return a small line of the last points, its least and greatest value; a point is no line."""
    if len(points) < 2:
        return []
    values = [each.value for each in points]
    least, span = min(values), max(values) - min(values)
    top = len(signs.levels) - 1
    line = "".join(
        signs.levels[round((value - least) / span * top) if span else 0] for value in values
    )
    days = f"{points[0].end[:10]} to {points[-1].end[:10]}"
    return [f"          {line}", f"          {least:.4g} to {max(values):.4g}, {days}"]


def _gates(history: ModelHistory) -> list[str]:
    if not history.gates:
        return []
    version = f" of version {history.verdict_version}" if history.verdict_version else ""
    head = fit(f"gates{version}", WIDTH).rstrip()
    return [head, *(_gate(each) for each in history.gates)]


def _gate(gate: GateFigure) -> str:
    name = fit(gate.gate, 38)
    return fit(
        f"  {_OUTCOMES.get(gate.outcome, gate.outcome)}  {name}  {gate.reason}", WIDTH
    ).rstrip()


def _drift(history: ModelHistory) -> list[str]:
    """Return the shifts of the newest window, in multiples of their thresholds, largest first."""
    if not history.drift:
        return [f"drift     {history.summary.drift.replace('_', ' ')}"]
    newest = [each for each in history.drift if each.end == history.drift[-1].end]
    newest.sort(key=lambda each: (not each.drifted, -each.value / each.threshold))
    head = f"drift     {history.summary.drift}, window until {newest[0].end[:16]}"
    return [head, *(_shift(each) for each in newest[:_COLUMNS])]


def _shift(figure: DriftFigure) -> str:
    times = figure.value / figure.threshold
    mark = "moved" if figure.drifted else ""
    name = fit(f"{figure.column} {figure.aspect}", 36)
    line = f"  {figure.signal:<6} {name} {times:6.2f} of its threshold  {mark}"
    return fit(line, WIDTH).rstrip()


def _entries(history: ModelHistory) -> list[str]:
    if not history.ledger:
        return ["ledger    no entry yet"]
    newest = history.ledger[-_ENTRIES:]
    lines = [
        fit(f"  {each.sequence:>4} {each.time[:16]} {each.kind:<14} {each.text}", WIDTH).rstrip()
        for each in newest
    ]
    return [f"ledger    the last {len(newest)} of {len(history.ledger)} entries", *lines]
