"""All default rules that a spec waives, in words."""

from __future__ import annotations

from collections.abc import Sequence

from airworthy.spec.model_spec import ModelSpec
from airworthy.spec.validate_part import DataWaiver
from airworthy.spec.waivers import Waiver


def waived_rules(spec: ModelSpec) -> list[str]:
    """Return the waivers of all parts, such as ``evaluate champion: the first month is a trial``.

    The order is that of the parts in the file.
    """
    return [
        *waived_expectations(spec),
        *_of_part("evaluate", spec.evaluate.waive),
        *waived_limits(spec),
    ]


def waived_expectations(spec: ModelSpec) -> list[str]:
    """Return the waivers of the data's default expectations, with their days, if any."""
    return [f"validate {_with_days(waiver)}: {waiver.because}" for waiver in spec.validate_.waive]


def waived_limits(spec: ModelSpec) -> list[str]:
    """Return the waivers of the release's limits."""
    return _of_part("release", spec.release.waive)


def _with_days(waiver: DataWaiver) -> str:
    days = ", ".join(map(str, waiver.days))
    return f"{waiver.rule} on {days}" if days else waiver.rule


def _of_part(part: str, waivers: Sequence[Waiver]) -> list[str]:
    return [f"{part} {waiver.rule}: {waiver.because}" for waiver in waivers]
