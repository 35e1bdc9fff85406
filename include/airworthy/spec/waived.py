"""All default rules that a spec waives, in words."""

from __future__ import annotations

from collections.abc import Sequence

from airworthy.spec.model_spec import ModelSpec
from airworthy.spec.waivers import Waiver


def waived_rules(spec: ModelSpec) -> list[str]:
    """Return the waivers of all parts, such as ``evaluate champion: the first month is a trial``.

    The order is that of the parts in the file.
    """
    return _of_part("evaluate", spec.evaluate.waive)


def _of_part(part: str, waivers: Sequence[Waiver]) -> list[str]:
    return [f"{part} {waiver.rule}: {waiver.because}" for waiver in waivers]
