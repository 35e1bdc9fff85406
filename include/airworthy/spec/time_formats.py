"""The formats of times in a source, as the spec names them."""

from __future__ import annotations

import re

ISO = "iso"
EPOCHS = {"epoch_s": 1_000_000_000, "epoch_ms": 1_000_000, "epoch_us": 1_000, "epoch_ns": 1}
"""Format -> the nanoseconds of its unit, since 1970-01-01 UTC."""
ALLOWED = (
    f"{ISO}, {', '.join(EPOCHS)}, or a format of strftime with a year and a month, such as "
    "%d.%m.%Y %H:%M, %m/%d/%Y %I:%M %p or %Y-%m-%dT%H:%M:%S%z"
)
_DIRECTIVE = re.compile(r"%(\.[369]?f|:?z|-?[A-Za-z%]|.?)")
_KNOWN = frozenset("YymdbBhejHIkMSfpPzaATFRDGVu%")
_YEARS, _MONTHS = frozenset("YyFD"), frozenset("mbBhjFD")
_WEEKS = frozenset("GVu")
_TWELVE, _HALVES = frozenset("I"), frozenset("pP")


def format_problem(text: str) -> str | None:
    """Return the fault of a time format in words; None: it can be used.

    >>> format_problem("%m/%d/%Y %I:%M")
    'a clock of twelve hours needs %p, for AM and PM'
    """
    if text == ISO or text in EPOCHS:
        return None
    found = [match.lstrip("-:") for match in _DIRECTIVE.findall(text)]
    names = {"f" if match.startswith(".") else match for match in found}
    unknown = sorted(names - _KNOWN)
    if unknown:
        return f"%{unknown[0]} is not known here" + _hint(unknown[0])
    if names & _WEEKS and not {"G", "V"} <= names:
        return "a week needs its year %G and its number %V"
    if names & _WEEKS and names & (_YEARS | _MONTHS | {"d", "e"}):
        return "a week has a year of its own, %G, and no month"
    if not names & _WEEKS and (not names & _YEARS or not names & _MONTHS):
        return "a time needs a year and a month, or the year and number of a week (%G-W%V)"
    if names & _TWELVE and not names & _HALVES:
        return "a clock of twelve hours needs %p, for AM and PM"
    if re.search(r"(?<![.,])%f", text):
        return "%f, the digits of a second after the point, needs the point before it"
    return None


def has_two_digit_year(text: str) -> bool:
    """Return True for a format whose years have two digits.

    >>> has_two_digit_year("%d.%m.%y"), has_two_digit_year("%d.%m.%Y")
    (True, False)
    """
    return bool({"y", "D"} & {match.lstrip("-") for match in _DIRECTIVE.findall(text)})


def _hint(directive: str) -> str:
    if directive == "Z":
        return ": names such as CET mean several zones; drop them in derive, and give time_zone"
    return ": write epoch_s instead" if directive == "s" else ""
