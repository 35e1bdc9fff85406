"""A warning about a valid spec: something is missing, or something can have no effect."""

from __future__ import annotations

from dataclasses import dataclass, field

from airworthy.spec.faults import Fault


@dataclass(frozen=True)
class SpecWarning:
    """One warning: the file, the key, the problem, and the change that ends it."""

    file: str
    key: str
    problem: str
    next_step: str

    def __str__(self) -> str:
        """Return the warning as two lines: location and problem, next step."""
        text = f"{self.file}: {self.key}: warning: {self.problem}\n  next:     {self.next_step}"
        # A spec is untrusted text: control characters must not reach a terminal.
        return "".join(
            char if char.isprintable() or char == "\n" else ascii(char)[1:-1] for char in text
        )


@dataclass
class SpecWarnings:
    """All warnings about one spec.

    Attributes:
        warnings: In the order of the checks.
        faults: What a sample of the source shows, and every run would stop at.
        unmeasured: Each check that needs rows of the source and had none, with the reason.
    """

    warnings: list[SpecWarning] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    unmeasured: list[str] = field(default_factory=list)
