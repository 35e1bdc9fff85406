"""The two kinds of errors: terminal and transient.

After a `TerminalError`, a retry fails again (bad data, a bad spec, a failed gate). After a
`TransientError`, a retry may succeed (network, lock). Both name the model, the stage, the received
and the allowed value, and the next command to run. Nobody needs a traceback to act.

Each kind has errors of the place: a disk, a container engine, a cluster. They say that the stage
could not be run there, and nothing about its data or its model.
"""

from __future__ import annotations

from airworthy.masking import masked
from airworthy.shown_text import indented, visible

_INDENT = len("  received: ")


class AirworthyError(Exception):
    """Base of Airworthy's errors."""

    consequence = ""
    kind: str | None = None
    """The word for it in JSON: ``unfit_data`` or ``place``; None: neither."""

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
        """Keep the parts separate, for a log line, a table or JSON. Secrets in them are masked.

        Args:
            problem: The problem in one sentence.
            model: The model's name, if any.
            stage: The stage's name, if any.
            received: The received value.
            allowed: The allowed values.
            next_step: The next command to run, or the next change to make.
        """
        self.problem = masked(problem)
        super().__init__(self.problem)
        self.model = model
        self.stage = stage
        self.received = masked(received) if isinstance(received, str) else received
        self.allowed = allowed
        self.next_step = next_step

    def __str__(self) -> str:
        """Return every given part on a line of its own. What was received is escaped.

        The consequence for a run and its retries is said of errors in a stage alone.
        """
        subject = " ".join(part for part in (self.model, self.stage) if part)
        lines = [visible(f"{subject}: {self.problem}" if subject else self.problem)]
        if self.received is not None:
            lines.append(f"  received: {indented(masked(str(self.received)), _INDENT)}")
        if self.allowed is not None:
            lines.append(f"  allowed:  {indented(self.allowed, _INDENT)}")
        if self.consequence and self.stage:
            lines.append(f"  so:       {self.consequence}")
        if self.next_step is not None:
            lines.append(f"  next:     {indented(self.next_step, _INDENT)}")
        return "\n".join(lines)


class TerminalError(AirworthyError):
    """A retry cannot help: the data, the spec or the model must change first."""

    consequence = "this run stops and is not retried; the champion keeps serving."


class UnfitDataError(TerminalError):
    """The stage's own answer is no: the data broke a critical check."""

    kind = "unfit_data"


class TransientError(AirworthyError):
    """A retry may help: a network, a lock or a service was not available."""

    consequence = "this run may be retried; nothing was changed."


class SupersededError(TransientError):
    """Another decision came first. A retry reads the record again and decides anew."""


class TerminalPlaceError(TerminalError):
    """The place cannot run the stage, and a retry meets the same: no image, no namespace, no memory."""

    kind = "place"


class TransientPlaceError(TransientError):
    """The place could not run the stage, and may later: a full disk, a lost node, a used up quota."""

    kind = "place"
