"""Outputs of a champion's watch after its release, and of a rollback drill."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, Field

from airworthy.handover.release_outputs import ArmFigures
from airworthy.handover.stage_output import StageOutput

WatchState = Literal["watching", "over", "tripped", "none"]


class WatchStatus(StageOutput):
    """The result of one look at a watched champion.

    ``watching``  its time is not over: look again
    ``over``      its time is over and it did not trip; `reasons` say what was not evaluated
    ``tripped``   it is bad and still champion: traffic is to go back; `reasons` list the causes
    ``none``      the champion is not watched: nothing to do

    Attributes:
        model: The model.
        version: The champion; None: there is none.
        state: The state.
        since: The time at which it became champion.
        until: The planned end of the watch.
        reasons: See above.
        figures: The servers' counts since it became champion.
    """

    model: str
    version: str | None = None
    state: WatchState
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    reasons: list[str] = Field(default_factory=list)
    figures: ArmFigures | None = None


class DrillResult(StageOutput):
    """The result of a rollback drill in staging.

    Attributes:
        model: The model.
        champion: The champion.
        predecessor: The version that a rollback would go back to.
        passed: True when both were loaded and answered as they do offline.
        reasons: The reasons of a failure.
        back_seconds: From the naming of the predecessor to its checked answers.
        forth_seconds: From the naming of the champion to its checked answers.
        max_difference: The largest difference from offline predictions.
    """

    model: str
    champion: str
    predecessor: str
    passed: bool
    reasons: list[str] = Field(default_factory=list)
    back_seconds: float | None = None
    forth_seconds: float | None = None
    max_difference: float | None = None
