"""A disagreement between two records of a model."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from airworthy.errors import TerminalError

Decision = Literal["evaluate", "release", "rollback"]
"""A decision that is not made over a disagreement that stops it."""
FORWARD: Final[tuple[Decision, ...]] = ("evaluate", "release")
EVERY: Final[tuple[Decision, ...]] = (*FORWARD, "rollback")


@dataclass(frozen=True)
class Disagreement:
    """Two records of a model say different things, or one of them is damaged.

    Attributes:
        kind: A stored name, such as ``champion_not_registered``.
        subject: The version, the server or the day that it is about.
        model: The model.
        problem: The disagreement in one sentence.
        received: What one record says.
        allowed: What the other one says.
        next_step: The next thing to do.
        stops: The decisions that are not made over it; empty: it is told, and stops nothing.
    """

    kind: str
    subject: str
    model: str
    problem: str
    received: str
    allowed: str
    next_step: str
    stops: tuple[Decision, ...] = ()

    @property
    def id(self) -> str:
        """Kind and subject: the same disagreement has the same id at every look."""
        return f"{self.kind}:{self.subject}"

    def as_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {"id": self.id, **asdict(self)}

    def error(self, stage: str) -> TerminalError:
        """Return it as the error of a stage that does not go on."""
        return TerminalError(
            self.problem,
            model=self.model,
            stage=stage,
            received=self.received,
            allowed=self.allowed,
            next_step=self.next_step,
        )
