"""Ages of champion and data, in the data's own time, on a real lake and registry."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from airworthy.handover import AgeCheck
from airworthy.stages import run_stage

LIMITS = {"champion_max_age": "3d", "data_max_delay": "1d"}


def check(model: str, as_of: str) -> AgeCheck:
    """Check the ages of a model at a moment."""
    run = {
        "model": model,
        "reason": "manual",
        "run_id": f"age-{as_of}",
        "as_of": f"{as_of}:00+00:00",
    }
    return AgeCheck.model_validate(run_stage("check_age", {"run": run}))


def test_age_and_delay_are_counted_from_the_datas_end(monitored_model: Callable[..., str]) -> None:
    """Trained on data up to 20 March, nothing newer in the lake: whatever today's date is."""
    model = monitored_model(alerts=LIMITS)
    fresh, stale = check(model, "2026-03-21T00:00"), check(model, "2026-03-23T06:00")
    assert fresh.champion == stale.champion == "1"
    assert fresh.champion_as_of == fresh.data_until == datetime(2026, 3, 20, tzinfo=UTC)
    assert fresh.champion_age == timedelta(days=1)
    assert (fresh.champion_too_old, fresh.data_too_late) == (False, False)
    assert (stale.champion_too_old, stale.data_too_late) == (True, True)
    assert (
        stale.champion_age_text
        == "version 1 has seen data up to 2026-03-20: 3.2 days ago (3d allowed)"
    )


def test_a_model_without_champion_and_data_is_late_and_has_no_age(
    make_model: Callable[..., str],
) -> None:
    """Before the first training nothing is too old; the data are late from their first day on."""
    result = check(make_model(start="2026-03-01", alerts=LIMITS), "2026-03-20T00:00")
    assert (result.champion, result.champion_age, result.champion_too_old) == (None, None, False)
    assert result.data_until == datetime(2026, 3, 1, tzinfo=UTC)
    assert result.data_too_late
