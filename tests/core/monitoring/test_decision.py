"""The retraining rule is pure, and careful in both directions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.handover import Signal, SignalOutcome, WindowSignals
from airworthy.monitoring.retraining_rule import RetrainingInputs, evaluate_retraining, persists
from airworthy.spec.monitor_part import Persistence, Retrain

DAY = timedelta(days=1)
FIRST = datetime(2026, 3, 20, tzinfo=UTC)
RULES = Retrain(cooldown=2 * DAY)
SIGNALS: tuple[Signal, ...] = ("skew", "drift", "label", "loss")
OUTCOMES: tuple[SignalOutcome, ...] = ("quiet", "fired", "inconclusive")

outcomes = st.fixed_dictionaries({signal: st.sampled_from(OUTCOMES) for signal in SIGNALS})
histories = st.lists(outcomes, min_size=1, max_size=8)
persistences = st.integers(1, 5).flatmap(
    lambda of: st.builds(Persistence, st.integers(1, of), st.just(of))
)


def windows(*signals_of_windows: dict[Signal, SignalOutcome]) -> list[WindowSignals]:
    """Return consecutive windows with these outcomes of signals."""
    return [
        WindowSignals(
            end=FIRST + number * DAY,
            champion="1",
            signals={**dict.fromkeys(SIGNALS, "quiet"), **each},
        )
        for number, each in enumerate(signals_of_windows)
    ]


def decide(
    *signals_of_windows: dict[Signal, SignalOutcome], last: int | None = None, rejected: int = 0
) -> tuple[str, str | None]:
    """Return the decision on the last of some windows; `last` is the number of the last trained
    window.

    Args:
        *signals_of_windows: Outcomes of the signals, a window each.
        last: Number of the last trained window. None: none was.
        rejected: How many challengers were rejected in a row.
    """
    trained_at = None if last is None else FIRST + last * DAY
    decision = evaluate_retraining(
        RetrainingInputs(windows(*signals_of_windows), trained_at, rejected), RULES
    )
    return decision.outcome, decision.reason


QUIET: dict[Signal, SignalOutcome] = {}
DRIFT: dict[Signal, SignalOutcome] = {"drift": "fired"}
SKEW: dict[Signal, SignalOutcome] = {"skew": "fired"}
LOSS: dict[Signal, SignalOutcome] = {"loss": "fired"}
NOTHING: dict[Signal, SignalOutcome] = dict.fromkeys(SIGNALS, "inconclusive")


@pytest.mark.parametrize(
    ("signals_of_windows", "outcome", "reason"),
    [
        ([QUIET], "quiet", None),
        ([NOTHING], "inconclusive", None),
        ([DRIFT], "watching", None),
        ([DRIFT, DRIFT], "retrain", "drift"),
        ([SKEW, DRIFT], "retrain", "drift"),
        ([DRIFT, QUIET, DRIFT], "retrain", "drift"),
        ([DRIFT, QUIET, QUIET, DRIFT], "watching", None),
        ([DRIFT, DRIFT, QUIET], "quiet", None),
        ([DRIFT, LOSS], "watching", None),
        ([LOSS, LOSS], "retrain", "performance"),
        ([{**LOSS, **DRIFT}, {**LOSS, **DRIFT}], "retrain", "performance"),
        ([DRIFT, NOTHING, NOTHING, DRIFT], "retrain", "drift"),
        ([LOSS, {"loss": "inconclusive"}, LOSS], "retrain", "performance"),
    ],
)
def test_two_of_three_windows(
    signals_of_windows: list[dict[Signal, SignalOutcome]], outcome: str, reason: str | None
) -> None:
    """A reason needs two of the last three conclusive windows, the present one among them."""
    assert decide(*signals_of_windows) == (outcome, reason)


@pytest.mark.parametrize(
    ("last", "outcome"), [(None, "retrain"), (-1, "retrain"), (0, "cooling_down")]
)
def test_cooldown(last: int | None, outcome: str) -> None:
    """Within two days of the last training none is triggered; exactly two days later one is."""
    assert decide(DRIFT, DRIFT, last=last) == (outcome, "drift")


@pytest.mark.parametrize(
    ("rejected", "outcome"), [(2, "retrain"), (3, "circuit_open"), (7, "circuit_open")]
)
def test_the_circuit_breaker(rejected: int, outcome: str) -> None:
    """After three refused challengers nothing is triggered, cooldown or not: a person has to look."""
    assert decide(DRIFT, DRIFT, rejected=rejected)[0] == outcome
    assert decide(DRIFT, DRIFT, rejected=3, last=1)[0] == "circuit_open"


def test_an_open_breaker_says_that_the_champion_fails() -> None:
    """A champion that fails its own gates is not left in place in silence."""
    inputs = RetrainingInputs(windows(DRIFT, DRIFT), None, 3, ("rmse: 9.2 (at most 6 required)",))
    words = evaluate_retraining(inputs, RULES).words
    assert "the champion fails its own gates: rmse: 9.2 (at most 6 required)" in words


@given(
    histories,
    st.integers(0, 7),
    st.sampled_from(SIGNALS),
    persistences,
    st.integers(-9, 9),
    st.integers(0, 5),
)
def test_one_more_signal_never_undoes_a_training(
    history: list[dict[Signal, SignalOutcome]],
    number: int,
    signal: Signal,
    persist: Persistence,
    last: int,
    no: int,
) -> None:
    """A signal that fires instead of being quiet leaves a decision to train, or makes one."""
    rules = Retrain(cooldown=2 * DAY, persist=persist)
    at = number % len(history)
    louder = [dict(each) for each in history]
    if louder[at][signal] == "inconclusive":
        return
    louder[at][signal] = "fired"
    before, after = (
        evaluate_retraining(RetrainingInputs(windows(*each), FIRST + last * DAY, no), rules)
        for each in (history, louder)
    )
    order = ["inconclusive", "quiet", "watching", "cooling_down", "circuit_open", "retrain"]
    if before.outcome in ("cooling_down", "circuit_open", "retrain"):
        assert after.outcome == before.outcome
    assert order.index(after.outcome) >= order.index(before.outcome)


@given(histories, persistences, st.integers(-9, 9), st.integers(0, 5))
def test_what_must_hold_before_anything_is_trained(
    history: list[dict[Signal, SignalOutcome]], persist: Persistence, last: int, rejected: int
) -> None:
    """A training has a reason fired now and in enough windows, no cooldown and no breaker against
    it.
    """
    rules = Retrain(cooldown=2 * DAY, persist=persist)
    inputs = RetrainingInputs(windows(*history), FIRST + last * DAY, rejected)
    decision = evaluate_retraining(inputs, rules)
    assert decision == evaluate_retraining(inputs, rules)
    assert decision.words
    if decision.outcome != "retrain":
        return
    signals = {"performance": ("loss",), "drift": ("skew", "drift", "label")}[str(decision.reason)]
    fired = [any(each[signal] == "fired" for signal in signals) for each in history]  # type: ignore[index]
    assert fired[-1]
    assert sum(fired) >= persist.needed
    assert rejected < rules.max_rejected_in_a_row
    assert inputs.windows[-1].end >= FIRST + last * DAY + rules.cooldown


@given(histories, persistences)
def test_windows_long_ago_count_no_more(
    history: list[dict[Signal, SignalOutcome]], persist: Persistence
) -> None:
    """Only the last windows matter: any number of earlier ones changes nothing."""
    conclusive = [each for each in history if each["loss"] != "inconclusive"]
    recent = conclusive[-persist.of :]
    whole, short = windows(*history), windows(*recent)
    rules = Retrain(persist=persist)
    signals: tuple[Signal, ...] = ("loss",)
    assert persists(whole, signals, rules) == (bool(short) and persists(short, signals, rules))
