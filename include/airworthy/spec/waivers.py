"""Waivers: default rules that a spec turns off, each by name and with a reason."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Annotated, TypeVar

from pydantic import Field

from airworthy.spec.fields import Part, Violation


class Waiver(Part):
    """Base of the waivers of one part of a spec. A subclass adds the key that names the rule."""

    because: Annotated[
        str,
        Field(
            min_length=10,
            max_length=500,
            description="The reason. It is in the verdict, the report, the approval's question and "
            "the ledger.",
        ),
    ]

    @property
    @abstractmethod
    def rule(self) -> str:
        """The name of the waived rule."""


_Waiver = TypeVar("_Waiver", bound=Waiver)


def waiver_of(waivers: Sequence[_Waiver], rule: str) -> _Waiver | None:
    """Return the waiver of a rule; None: the rule holds."""
    return next((waiver for waiver in waivers if waiver.rule == rule), None)


def waiver_violations(waivers: Sequence[Waiver]) -> list[Violation]:
    """Return the violations of: each rule is waived once."""
    rules = [waiver.rule for waiver in waivers]
    return [
        Violation(("waive", index), "this rule is waived already", rule, "each rule once")
        for index, rule in enumerate(rules)
        if rule in rules[:index]
    ]
