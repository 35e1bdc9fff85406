"""The retraining rule is pure, and careful in both directions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.handover import Signal, SignalOutcome, WindowSignals
from airworthy.monitoring.follow_ups import find_follow_ups
from airworthy.monitoring.retraining_rule import (
    RetrainingInputs,
    RetrainingResult,
    evaluate_retraining,
    persists,
)
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


@pytest.mark.parametrize(
    ("rejected", "last", "outcome"),
    [(3, -2, "circuit_open"), (3, -3, "retrain"), (4, -3, "circuit_open"), (4, -7, "retrain")],
)
def test_a_champion_that_got_worse_gets_a_trial_ever_more_rarely(
    rejected: int, last: int, outcome: str
) -> None:
    """An open breaker lets a training through after twice the cooldown of two days, then after four
    times.
    """
    assert decide(LOSS, LOSS, last=last, rejected=rejected) == (outcome, "performance")


SPEC: Any = SimpleNamespace(
    train=SimpleNamespace(lookback=28 * DAY, holdout=3 * DAY),
    ingest=SimpleNamespace(label_delay=timedelta(hours=12)),
    monitor=SimpleNamespace(window=DAY, retrain=RULES),
)


def triggered(day: int, follows: int | None = None, champion: str = "1") -> Any:
    """Return a decision that triggered a training after a window."""
    first = None if follows is None else FIRST + follows * DAY
    return SimpleNamespace(
        trigger=True, window_end=FIRST + day * DAY, follows=first, reason="drift", champion=champion
    )


def followed_up(day: int, last: int, *triggers: Any, rejected: int = 0) -> RetrainingResult:
    """Return the decision on a quiet window after triggered trainings."""
    end = FIRST + day * DAY
    current = windows(QUIET)[0].model_copy(update={"end": end})
    follow_ups = find_follow_ups(triggers, SPEC, end)
    inputs = RetrainingInputs([current], FIRST + last * DAY, rejected, follow_ups=follow_ups)
    return evaluate_retraining(inputs, RULES)


@pytest.mark.parametrize(
    ("day", "last", "rejected", "outcome"),
    [
        (3, 0, 0, "quiet"),  # the holdout and the days without labels have not passed
        (4, 0, 0, "retrain"),
        (7, 4, 0, "quiet"),
        (8, 4, 0, "retrain"),
        (9, 4, 0, "retrain"),  # the window of the day before was not judged
        (17, 16, 0, "quiet"),
        (16, 15, 0, "cooling_down"),  # a scheduled training of the day before
        (32, 16, 0, "quiet"),  # all of the lookback is after the change
        (8, 4, 3, "circuit_open"),
    ],
)
def test_a_triggered_training_is_followed_up(
    day: int, last: int, rejected: int, outcome: str
) -> None:
    """Further trainings come 4, 8 and 16 days later, however quiet the monitor is."""
    result = followed_up(day, last, triggered(0), rejected=rejected)
    assert result.outcome == outcome
    if outcome == "retrain":
        assert (result.reason, result.follows) == ("drift", FIRST)
        assert "follows up the training of 2026-03-20" in result.words


def test_follow_ups_count_from_the_first_training() -> None:
    """A training that follows another one starts no row of its own; a further trigger does."""
    assert followed_up(12, 8, triggered(0), triggered(4, 0), triggered(8, 0)).outcome == "quiet"
    assert followed_up(16, 8, triggered(0), triggered(4, 0), triggered(8, 0)).outcome == "retrain"
    assert followed_up(16, 12, triggered(0), triggered(12)).follows == FIRST + 12 * DAY
    assert followed_up(20, 12, triggered(0), triggered(12)).follows == FIRST + 12 * DAY


def test_drift_alone_waits_for_the_follow_up() -> None:
    """The same drift triggers no training beside the planned ones; a worse champion does."""
    for fired, outcome in ((DRIFT, "cooling_down"), (LOSS, "retrain")):
        recent = [
            each.model_copy(update={"end": FIRST + (5 + number) * DAY})
            for number, each in enumerate(windows(fired, fired))
        ]
        follow_ups = find_follow_ups([triggered(0), triggered(4, 0)], SPEC, recent[-1].end)
        inputs = RetrainingInputs(recent, FIRST + 4 * DAY, 0, follow_ups=follow_ups)
        assert evaluate_retraining(inputs, RULES).outcome == outcome


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
    waits = 2 ** min(2, max(0, rejected - rules.max_rejected_in_a_row + 1))
    assert decision.reason == "performance" or waits == 1
    assert inputs.windows[-1].end >= FIRST + last * DAY + waits * rules.cooldown
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
