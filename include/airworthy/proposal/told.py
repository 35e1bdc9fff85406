"""The lines that ``airworthy new-model --from`` prints: its guesses, and what it left out. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from airworthy.proposal.proposal import Proposal
from airworthy.proposal.source_text import csv_keys
from airworthy.proposal.yaml_text import flow, one_line
from airworthy.spec.sources_part import CsvFormat


def told_lines(proposal: Proposal, csv: CsvFormat | None) -> Iterator[str]:
    """Yield one line for each guess, then the columns that were left out, then notes.

    Args:
        proposal: The proposed model.
        csv: The form of its CSV files; None: the usual one, or no CSV.
    """
    yield from (f"  {name:<12}{one_line(text)}" for name, text in _guesses(proposal, csv))
    if proposal.left_out:
        yield "left out:"
        for left in proposal.left_out:
            yield f"  {one_line(left.column.source)}: {one_line(left.reason)}"
    for note in proposal.notes:
        yield f"note: {one_line(note)}"


def _guesses(proposal: Proposal, csv: CsvFormat | None) -> Iterator[tuple[str, str]]:
    label, time, windows = proposal.label, proposal.time, proposal.windows
    yield "rows", f"{proposal.rows:,}, of which {proposal.sampled:,} were looked at"
    if csv_keys(csv):
        yield "csv", flow(csv_keys(csv))
    yield "label", f"{label.profile.source}: {label.task} ({label.guess})"
    if time is None or windows is None:
        yield "time", "none: static data, divided by a hash"
    else:
        form = f", format {proposal.time_format}" if proposal.time_format else ""
        days = time.days
        yield (
            "time",
            f"{time.column.source}{form}: {days.first} to {days.last}, {days.rows_a_day:,.1f} rows a day",
        )
        yield (
            "windows",
            f"lookback {windows.lookback}d, holdout {windows.holdout}d, monitor "
            f"{windows.monitor.window}d",
        )
    yield (
        "key",
        (proposal.key.source or "'', the first column")
        if proposal.key
        else "none: a row's number within its day",
    )
    if proposal.null_words:
        yield "no value", ", ".join(proposal.null_words)
    yield (
        "inputs",
        ", ".join(f"{each.name} ({each.kind})" for each in proposal.inputs) or "the time",
    )
    if proposal.renamed:
        yield "renamed", ", ".join(f"{old!r} -> {new}" for old, new in proposal.renamed.items())
    if proposal.derived:
        yield (
            "derived",
            ", ".join(
                f"{each.source} -> {each.name}, such as {each.amounts.example!r}"
                for each in proposal.declared
                if each.amounts is not None
            ),
        )
    yield "baseline", ", ".join(proposal.baseline) or "one mean over all rows"
    slices = [each if isinstance(each, str) else each["column"] for each in proposal.slices]
    yield "slices", ", ".join(slices) or "none"
    yield "checks", f"{len(proposal.expectations)} expectations"
