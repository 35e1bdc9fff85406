"""An alert: an event of a model, its severity, and the next step, independent of the channel."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from airworthy.handover import StageOutput
from airworthy.shown_text import one_line, visible
from airworthy.spec.alerts_part import AlertKind

AlertSeverity = Literal["critical", "warning"]


class Alert(StageOutput):
    """An alert.

    Attributes:
        kind: The kind of event.
        model: The model.
        about: The exact subject. A retry or a cleared task has the same subject, and notifies
            nobody twice.
        severity: ``critical``: a person has to act. ``warning``: a person may want to know.
        title: One line.
        text: The event and its reasons, in a few lines.
        facts: Name -> value in words.
        links: Name -> evidence: an address, a file or a command.
        next_step: The next step for a person.
    """

    kind: AlertKind
    model: str
    about: str
    severity: AlertSeverity
    title: str
    text: str
    facts: dict[str, str] = Field(default_factory=dict)
    links: dict[str, str] = Field(default_factory=dict)
    next_step: str

    @property
    def key(self) -> str:
        """A key that identifies the alert within its model."""
        return f"{self.kind}:{self.about}"

    @property
    def lines(self) -> list[str]:
        """The whole alert as plain text, for a log."""
        return [
            one_line(f"{self.severity}: {self.title}"),
            *visible(self.text).split("\n"),
            *(f"  {name}: {one_line(value)}" for name, value in (self.facts | self.links).items()),
            f"  next: {one_line(self.next_step)}",
        ]
