"""The guard of a watched champion: evaluates its figures after its release. Pure.

There is no second version at the same time. Errors and latency have limits of the spec. Without a
limit for the latency, and for the loss, the previous champion's recorded figures and the version's
own holdout are the reference. A watch is looked at hundreds of times, so a signal trips only on
what chance explains less than once in a million looks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from airworthy.handover import ArmFigures
from airworthy.release.client_weights import Weighed, weigh_clients
from airworthy.release.guard import Arm
from airworthy.spec.release_part import Guard

SIGNIFICANCE = 1e-6
_SIGNIFICANCE_Z = 4.753  # the normal quantile of 1 - `SIGNIFICANCE`
# One hour of a day differs from another by more than one version from the next.
UNLIKE_TIMES = 2.0
SLOWER, SLOWER_MS = 3.0, 50.0


@dataclass(frozen=True)
class Reference:
    """The figures that a watched champion is compared with.

    Attributes:
        error_rate: The previous champion's share of failed requests; None: not recorded.
        p99_ms: The previous champion's 99th percentile latency in milliseconds, or None.
        mean_loss: The previous champion's mean loss on labelled live rows, or None.
        loss_error: The standard error of `mean_loss`.
        holdout_loss: The version's own mean loss on its holdout, or None.
    """

    error_rate: float | None = None
    p99_ms: float | None = None
    mean_loss: float | None = None
    loss_error: float = 0.0
    holdout_loss: float | None = None


@dataclass(frozen=True)
class Span:
    """A champion's figures in one span of time.

    Attributes:
        words: The span, for reasons, such as ``since it became champion``.
        arm: The figures.
        recent: True for a window of a few minutes.
        without: Returns the figures without some clients; None: the clients are not told apart.
        clients: The clients' names.
    """

    words: str
    arm: Arm
    recent: bool = False
    without: Callable[[frozenset[str]], Arm] | None = None
    clients: tuple[str, ...] = ()


@dataclass(frozen=True)
class WatchResult:
    """The result of a look.

    Attributes:
        trips: The reasons to go back; empty when the version may stay.
        evaluated: The signals that were evaluated.
        missing: For each other signal, the reason that it was not.
        tripped: The first span that tripped, or None.
    """

    trips: list[str] = field(default_factory=list)
    evaluated: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    tripped: Span | None = None


def evaluate_watch(guard: Guard, spans: Sequence[Span], reference: Reference) -> WatchResult:
    """Evaluate a watched champion. Of several clients, none makes it trip alone.

    Args:
        guard: The spec's limits.
        spans: The whole time first, then windows of it.
        reference: The figures to compare with.
    """
    weighed = [(_weighed(guard, span, reference), span) for span in spans]
    found = [(reason, span) for each, span in weighed for reason in each.trips.values()]
    tripped = {signal for each, _ in weighed for signal in each.trips}
    contested = {
        signal: words
        for each, _ in reversed(weighed)
        for signal, words in each.contested.items()
        if signal not in tripped
    }
    evaluated, missing = _evaluated(guard, spans[0].arm.figures, reference)
    return WatchResult(
        trips=_first_of_each_signal([reason for reason, _ in found]),
        evaluated=[name for name in evaluated if name not in contested],
        missing=missing + [f"{name}: {words}" for name, words in contested.items()],
        tripped=found[0][1] if found else None,
    )


def _weighed(guard: Guard, span: Span, reference: Reference) -> Weighed:
    """Return a span's trips, and those that rest on one client alone."""
    arm_without = span.without
    if arm_without is None:
        return Weighed(_trips(guard, span, reference))

    def trips(left_out: frozenset[str]) -> dict[str, str]:
        arm = arm_without(left_out) if left_out else span.arm
        return _trips(guard, replace(span, arm=arm), reference)

    return weigh_clients(span.clients, trips)


def _trips(guard: Guard, span: Span, reference: Reference) -> dict[str, str]:
    reasons = {
        "error_rate": _error_trip(guard, span.arm.figures, reference),
        "latency": _latency_trip(guard, span.arm, reference),
        "quality": _loss_trip(guard, span, reference),
    }
    return {
        name: f"{reason} ({span.words})" for name, reason in reasons.items() if reason is not None
    }


def _first_of_each_signal(reasons: list[str]) -> list[str]:
    """Return one reason for each signal: that of the longest span."""
    first: dict[str, str] = {}
    for reason in reasons:
        first.setdefault(reason.split(" ", 1)[0], reason)
    return list(first.values())


def _error_trip(guard: Guard, figures: ArmFigures, reference: Reference) -> str | None:
    # To go back to a version that failed as often would help nobody.
    allowed = max(guard.error_rate, reference.error_rate or 0.0)
    if not figures.errors or _tail(figures.errors, figures.requests, allowed) > SIGNIFICANCE:
        return None
    rate = figures.errors / figures.requests
    return (
        f"error rate {rate:.2%}: {figures.errors} of {figures.requests} requests, "
        f"at most {allowed:.2%} allowed"
    )


def _latency_trip(guard: Guard, arm: Arm, reference: Reference) -> str | None:
    """Return a reason when too many requests were slower than the limit.

    With the spec's limit, one in a hundred may be. Against the previous champion, whose load was
    another one, half of the requests may be slower than three times its 99th percentile.
    """
    limit_ms, share = _latency_limit(guard, reference)
    if limit_ms is None or arm.figures.requests < guard.min_requests or not arm.seconds:
        return None
    slow = sum(seconds * 1e3 > limit_ms for seconds in arm.seconds)
    if _tail(slow, len(arm.seconds), share) > SIGNIFICANCE:
        return None
    return (
        f"latency: {slow / len(arm.seconds):.0%} of the requests took more than {limit_ms:.4g} ms, "
        f"at most {share:.0%} allowed"
    )


def _latency_limit(guard: Guard, reference: Reference) -> tuple[float | None, float]:
    if guard.p99_ms is not None:
        return guard.p99_ms, 0.01
    if reference.p99_ms is None:
        return None, 0.0
    return max(SLOWER * reference.p99_ms, reference.p99_ms + SLOWER_MS), 0.5


def _loss_trip(guard: Guard, span: Span, reference: Reference) -> str | None:
    figures = span.arm.figures
    expected = expected_loss(reference)
    if figures.mean_loss is None or figures.labels < guard.min_labels or expected is None:
        return None
    factor = 1.0 + guard.max_loss_increase
    if span.recent or reference.mean_loss is None:
        factor *= UNLIKE_TIMES
    own_error = (figures.loss_sd or 0.0) / math.sqrt(figures.labels)
    chance = _SIGNIFICANCE_Z * math.hypot(own_error, factor * reference.loss_error)
    allowed = factor * expected + chance
    if figures.mean_loss <= allowed:
        return None
    return (
        f"quality: mean loss {figures.mean_loss:.4g} on {figures.labels} labels, expected "
        f"{expected:.4g}, at most {allowed:.4g} allowed"
    )


def expected_loss(reference: Reference) -> float | None:
    """Return the greater of both references' losses: live rows may be harder than the holdout."""
    known = [loss for loss in (reference.mean_loss, reference.holdout_loss) if loss and loss > 0.0]
    return max(known, default=None)


def _evaluated(
    guard: Guard, figures: ArmFigures, reference: Reference
) -> tuple[list[str], list[str]]:
    """Return the signals evaluated over the whole time, and the reasons of the others."""
    too_few = f"{figures.requests} of {guard.min_requests} requests were seen"
    labels = f"{figures.labels} of {guard.min_labels} labels came in"
    no_limit = _latency_limit(guard, reference)[0] is None
    obstacles = {
        "error_rate": None if figures.requests else "no request was seen",
        "latency": (
            "neither a limit nor figures of the champion before it"
            if no_limit
            else (too_few if figures.requests < guard.min_requests else None)
        ),
        "quality": (
            labels
            if figures.labels < guard.min_labels
            else (None if expected_loss(reference) else "there is no loss to compare with")
        ),
    }
    missing = [f"{name}: {reason}" for name, reason in obstacles.items() if reason is not None]
    return [name for name, reason in obstacles.items() if reason is None], missing


def _tail(count: int, total: int, share: float) -> float:
    """Return the probability of at least `count` in `total`, each with probability `share`."""
    from scipy.stats import binom

    return float(binom.sf(count - 1, total, share))
