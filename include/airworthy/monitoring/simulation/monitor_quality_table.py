"""The quality of a monitor as plain text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from airworthy.monitoring.simulation.monitor_quality import (
    DETECTION_WINDOWS,
    Detection,
    MonitorQuality,
)


def monitor_quality_table(quality: MonitorQuality) -> str:
    """Return the false alarms, and two lines per kind of change: its detection, and its words."""
    detections = list(quality.detections.values())
    return "\n".join([*_false_alarms(quality), "", *_detections(detections)])


def _false_alarms(quality: MonitorQuality) -> Iterator[str]:
    yield f"{quality.windows} windows without a change, {quality.champions} champions"
    signals = ", ".join(f"{signal} {count}" for signal, count in quality.fired.most_common())
    fired = f"{quality.fired_windows} ({signals or 'none'})"
    triggered = f"{quality.triggered} ({quality.false_alarms:.2%})"
    yield f"  windows in which a signal fired:          {fired}"
    yield f"  windows in which a training was triggered: {triggered}"


def _detections(detections: Sequence[Detection]) -> Iterator[str]:
    width = max((len(each.name) for each in detections), default=0)
    yield f"{'change':<{width}}  tries  noticed  triggered  after windows  by"
    for each in detections:
        fired, triggered = _share(each.fired), _share(each.triggered)
        delays = f"{_median(each.fired)} / {_median(each.triggered)}"
        by = ", ".join(f"{signal} {count}" for signal, count in each.signals.most_common()) or "-"
        counts = f"{len(each.fired):>5}  {fired:>7}  {triggered:>9}  {delays:>13}"
        yield f"{each.name:<{width}}  {counts}  {by}"
        yield f"{'':<{width}}  ({each.words})"
    yield (
        f"noticed: a signal fired within {DETECTION_WINDOWS} windows; "
        "after windows: median, noticed / triggered"
    )


def _share(numbers: Sequence[int | None]) -> str:
    return f"{sum(number is not None for number in numbers) / len(numbers):.0%}"


def _median(numbers: Sequence[int | None]) -> str:
    """Return the upper median of the windows' numbers; a dash without any."""
    ordered = sorted(number for number in numbers if number is not None)
    return str(ordered[len(ordered) // 2]) if ordered else "-"
