"""A decision of the monitor as plain text, for logs and terminals."""

from __future__ import annotations

from airworthy.handover import DriftDecision, Signal, WindowSignals
from airworthy.shown_text import one_line

_SIGNALS: tuple[Signal, ...] = ("skew", "drift", "label", "loss")
_MARKS = {"fired": "FIRED", "quiet": "quiet", "inconclusive": "?????"}


def decision_table(decision: DriftDecision) -> str:
    """Return one line per signal, the earlier windows, and the outcome."""
    champion = f"champion version {decision.champion}" if decision.champion else "no champion"
    window = f"[{decision.window_start:%Y-%m-%d %H:%M}, {decision.window_end:%Y-%m-%d %H:%M}) UTC"
    signals = [
        f"{_MARKS[decision.signals[name]]}  {name:<6} {decision.words[name]}" for name in _SIGNALS
    ]
    earlier = ", ".join(
        f"{window.end:%Y-%m-%d %H:%M} {_fired(window)}" for window in decision.windows[:-1]
    )
    lines = [
        f"{decision.model}: {window}, {champion}",
        *signals,
        f"windows before, and what fired: {earlier or 'none'}",
        f"decision: {decision.outcome}: {decision.told}",
    ]
    return "\n".join(map(one_line, lines))


def _fired(window: WindowSignals) -> str:
    return " ".join(name for name in _SIGNALS if window.signals[name] == "fired") or "-"
