"""A fault of the place in one sentence, with the next step. It says nothing about a stage's data."""

from __future__ import annotations

from dataclasses import dataclass

from airworthy.errors import AirworthyError, TerminalPlaceError, TransientPlaceError


@dataclass(frozen=True)
class PlaceFault:
    """The reason that a cluster did not run a stage to its end.

    Attributes:
        problem: One sentence.
        next_step: The next thing to do.
        final: Whether trying again meets the same.
        received: The cluster's own words, if they say more.
    """

    problem: str
    next_step: str
    final: bool = False
    received: str | None = None

    def error(self, model: str, stage: str) -> AirworthyError:
        """Return the error of a stage."""
        kind = TerminalPlaceError if self.final else TransientPlaceError
        return kind(
            self.problem,
            model=model,
            stage=stage,
            received=self.received,
            next_step=self.next_step,
        )
