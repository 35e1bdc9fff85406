"""Names of versions in the graph: a number alone names no version. Pure.

The version that was registered under a number last has the number as its name. One that had the
number before is named with the first digits of its files' digest: ``1@ab12cd34ef56``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from airworthy.ledger import Entry
from airworthy.ledger.ledger_queries import ordered_times
from airworthy.ledger.version_numbers import registrations, reused_numbers

_DIGITS = 12


@dataclass(frozen=True)
class Bearer:
    """A version that has or had a number.

    Attributes:
        name: Its name.
        digest: The digest of its files; None: not recorded.
        sequence: The entry of its registration.
        until: The time of the next registration under the number; None: it has the number still.
    """

    name: str
    digest: str | None
    sequence: int
    until: datetime | None = None


class VersionNames:
    """The names of a ledger's versions."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        """Read the registrations of a ledger, oldest entry first."""
        times, reused = ordered_times(entries), reused_numbers(entries)
        first: dict[str, list[Entry]] = {}
        for entry in registrations(entries):
            number = entry.event.version
            if number not in first or entry.sequence in reused:
                first.setdefault(number, []).append(entry)
        self.bearers = {
            number: [
                Bearer(
                    number if after is None else f"{number}@{str(_digest(entry))[:_DIGITS]}",
                    _digest(entry),
                    entry.sequence,
                    None if after is None else times[after.sequence],
                )
                for entry, after in zip(registered, [*registered[1:], None], strict=True)
            ]
            for number, registered in first.items()
        }

    def at_entry(self, number: str, sequence: int) -> str:
        """Return the name of the version that had a number when an entry was written."""
        registered = self.bearers.get(number, [])
        before = [each.name for each in registered if each.sequence <= sequence]
        return (before or [each.name for each in registered[:1]] or [number])[-1]

    def at(self, number: str, moment: datetime) -> str:
        """Return the name of the version that had a number at a moment, UTC."""
        names = [
            each.name
            for each in self.bearers.get(number, [])
            if each.until is None or moment < each.until
        ]
        return names[0] if names else number

    def of_files(self, number: str, digest: str | None) -> str:
        """Return the name of the version with a number and these files; None: its present one."""
        names = [each.name for each in self.bearers.get(number, []) if each.digest == digest]
        return names[-1] if digest is not None and names else number

    def find(self, text: str) -> str:
        """Return the name for a reference: a number, or a number with digits of the digest."""
        number, _, digits = text.partition("@")
        names = [
            each.name
            for each in self.bearers.get(number, [])
            if digits and (each.digest or "").startswith(digits)
        ]
        return names[-1] if names else text


def number_of(name: str) -> str:
    """Return the number in a version's name.

    >>> number_of("1@ab12cd34ef56"), number_of("7")
    ('1', '7')
    """
    return name.partition("@")[0]


def _digest(entry: Entry) -> str | None:
    digest = entry.content.get("bundle_digest")
    return None if digest is None else str(digest)
