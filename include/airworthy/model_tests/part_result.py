"""The result of one part of ``airworthy test``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

PartOutcome = Literal["pass", "fail", "not run"]


@dataclass(frozen=True)
class PartResult:
    """One part: its name, its outcome, a few words, and a line for each failure."""

    part: str
    outcome: PartOutcome
    words: str = ""
    failures: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, part: str, failures: list[str], words: str) -> PartResult:
        """Return a pass with words, or a failure when there is one."""
        if failures:
            return cls(part, "fail", f"{len(failures)} failed", failures)
        return cls(part, "pass", words)

    def __str__(self) -> str:
        """Return a line, and below it an indented line for each line of each failure."""
        outcome = {"pass": "pass", "fail": "FAIL", "not run": "----"}[self.outcome]
        lines = [f"{outcome}  {self.part:<10} {self.words}".rstrip()]
        lines += [f"      {line}" for failure in self.failures for line in failure.splitlines()]
        return "\n".join(lines)
