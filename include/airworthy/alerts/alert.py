"""One alert: what happened to which model, how bad it is, and what to do next; whatever way it is sent."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from airworthy.handover import Ref
from airworthy.spec.alerts_part import AlertKind

AlertSeverity = Literal["critical", "warning"]


class Alert(Ref):
    """What people are told.

    Attributes:
        kind: What kind of thing happened.
        model: To which model.
        about: What exactly it is about: a retry or a cleared task finds the same, and tells nobody twice.
        severity: ``critical``: a person has to act; ``warning``: a person may want to know.
        title: One line.
        text: What happened and why, in a few lines.
        facts: What it rests on: a name and a value in words each.
        links: Where the evidence is: an address, a file or a command each, by name.
        next_step: What to do.
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
        """The same for the same alert, within a model."""
        return f"{self.kind}:{self.about}"

    @property
    def lines(self) -> list[str]:
        """All of it as plain text, for a log."""
        return [
            f"{self.severity}: {self.title}",
            *self.text.splitlines(),
            *(f"  {name}: {value}" for name, value in {**self.facts, **self.links}.items()),
            f"  next: {self.next_step}",
        ]
