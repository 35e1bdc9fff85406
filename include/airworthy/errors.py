"""The two kinds of failure, and what each must tell its reader.

A `TerminalError` will fail again however often it is tried (bad data, a bad spec, a failed gate); a `TransientError`
may pass on a later try (network, lock). Both name the model and the stage, what was received, what is allowed and
the next command to run, so that nobody has to read a traceback to act.
"""

from __future__ import annotations


class AirworthyError(Exception):
    """Base of every error that Airworthy raises on purpose."""

    consequence = ""

    def __init__(
        self,
        problem: str,
        *,
        model: str | None = None,
        stage: str | None = None,
        received: object = None,
        allowed: object = None,
        next_step: str | None = None,
    ) -> None:
        """Keep the parts apart, so that a log line, a table or JSON can show each.

        Args:
            problem: One sentence: what is wrong.
            model: The model's name, when one is concerned.
            stage: The stage's name, when one is concerned.
            received: What was found.
            allowed: What would have been accepted.
            next_step: The next command to run or thing to change.
        """
        super().__init__(problem)
        self.problem = problem
        self.model = model
        self.stage = stage
        self.received = received
        self.allowed = allowed
        self.next_step = next_step

    def __str__(self) -> str:
        """Return every part that is known, one a line."""
        where = " ".join(part for part in (self.model, self.stage) if part)
        lines = [f"{where}: {self.problem}" if where else self.problem]
        if self.received is not None:
            lines.append(f"  received: {self.received}")
        if self.allowed is not None:
            lines.append(f"  allowed:  {self.allowed}")
        if self.consequence:
            lines.append(f"  so:       {self.consequence}")
        if self.next_step is not None:
            lines.append(f"  next:     {self.next_step}")
        return "\n".join(lines)


class TerminalError(AirworthyError):
    """Trying again cannot help: the data, the spec or the model has to change first."""

    consequence = "this run stops and is not retried; the champion keeps serving."


class TransientError(AirworthyError):
    """Trying again may help: a network, a lock or a service was not there this time."""

    consequence = "this run may be retried; nothing was changed."
