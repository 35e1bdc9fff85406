"""What trying a monitor gave, as plain text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from airworthy.monitoring.simulation.monitor_quality import WITHIN, Noticed, Quality


def quality_table(quality: Quality) -> str:
    """Return the false alarms, and one line per kind of change with how soon it was noticed."""
    return "\n".join([*_alarms(quality), "", *_kinds(list(quality.noticed.values()))])


def _alarms(quality: Quality) -> Iterator[str]:
    yield f"{quality.windows} windows without a change, {quality.champions} champions"
    fired = (
        ", ".join(f"{signal} {count}" for signal, count in quality.fired.most_common()) or "none"
    )
    yield f"  windows in which a signal fired:          {quality.fired_windows} ({fired})"
    yield f"  windows in which a training was triggered: {quality.triggered} ({quality.false_alarms:.2%})"


def _kinds(kinds: Sequence[Noticed]) -> Iterator[str]:
    width = max((len(kind.name) for kind in kinds), default=0)
    yield f"{'change':<{width}}  tries  noticed  triggered  after windows  by"
    for kind in kinds:
        tries = len(kind.fired)
        by = ", ".join(f"{signal} {count}" for signal, count in kind.signals.most_common()) or "-"
        yield (
            f"{kind.name:<{width}}  {tries:>5}  {_share(kind.fired):>7}  {_share(kind.triggered):>9}  "
            f"{_places(kind):>13}  {by}"
        )
        yield f"{'':<{width}}  ({kind.words})"
    yield f"noticed: a signal fired within {WITHIN} windows; after windows: most often, noticed / triggered"


def _share(places: Sequence[int | None]) -> str:
    return f"{sum(place is not None for place in places) / len(places):.0%}"


def _places(kind: Noticed) -> str:
    return " / ".join(_middle(places) for places in (kind.fired, kind.triggered))


def _middle(places: Sequence[int | None]) -> str:
    known = sorted(place for place in places if place is not None)
    return str(known[len(known) // 2]) if known else "-"
