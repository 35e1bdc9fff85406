"""The default rules of data and releases that a spec waives, in words."""

from __future__ import annotations

from airworthy.spec.model_spec import ModelSpec
from airworthy.spec.validate_part import DataWaiver


def waived_expectations(spec: ModelSpec) -> list[str]:
    """Return the waivers of the data's default expectations, with their days, if any."""
    return [f"validate {_with_days(waiver)}: {waiver.because}" for waiver in spec.validate_.waive]


def waived_limits(spec: ModelSpec) -> list[str]:
    """Return the waivers of the release's limits."""
    return [f"release {waiver.rule}: {waiver.because}" for waiver in spec.release.waive]


def _with_days(waiver: DataWaiver) -> str:
    days = ", ".join(map(str, waiver.days))
    return f"{waiver.rule} on {days}" if days else waiver.rule
