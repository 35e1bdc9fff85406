"""What was computed of a window once, kept by content: a monitor that runs every hour reads only the newest window."""

from __future__ import annotations

import json
from collections.abc import Sequence

import polars as pl

from airworthy.job import Job
from airworthy.monitoring.bins import Bins, make_bins
from airworthy.monitoring.champion import Champion
from airworthy.monitoring.performance import Losses, losses_of
from airworthy.monitoring.production import Production, digest_of, frames
from airworthy.monitoring.profile import sample_rows
from airworthy.monitoring.scoring import score
from airworthy.monitoring.shifts import ReferenceWindow
from airworthy.monitoring.summary import ColumnSummary, Summary, summarise
from airworthy.monitoring.windows import Span
from airworthy.spec.fields import ColumnType
from airworthy.validation.results import Remembered


class Memory:
    """Summaries and losses of windows under one champion."""

    def __init__(self, job: Job, champion: Champion) -> None:
        """Keep whose windows they are."""
        self._job, self._champion = job, champion
        self._folder = job.environment.evidence / job.spec.model / "windows"

    def bins(self, kinds: dict[str, ColumnType]) -> Bins:
        """Return the bins of columns, made from the days that the champion learned from."""
        kept = Remembered(self._folder, digest_of(self._champion.digest, json.dumps(sorted(kinds.items()))))
        known = kept.get("bins", self._champion.digest)
        if known is None:
            rows = self._champion.rows.scan(self._champion.learned)
            watched = [name for name, kind in kinds.items() if kind != "datetime"]
            count = int(rows.select(pl.len()).collect().item())
            sample = sample_rows(frames(rows, watched), watched, count).collect()
            known = make_bins(sample, kinds).model_dump(mode="json")
            kept.put("bins", self._champion.digest, known)
        return Bins.model_validate(known)

    def summary(
        self, rows: Production, span: Span, bins: Bins, *, labelled: bool = False, settled: bool = True
    ) -> Summary | None:
        """Return a window's summary; None when it has no rows.

        Args:
            rows: Where the window's rows come from.
            span: The window.
            bins: The columns, and how they are counted; those of labels hold no other column.
            labelled: Only of the rows whose label is known.
            settled: Nothing is added to the window any more, so the summary is kept.
        """
        content = rows.content(span)
        if content is None:
            return None
        kept = Remembered(self._folder, bins.digest)
        known = kept.get(span.name, content) if settled else None
        if known is None:
            found = summarise(frames(rows.labelled(span) if labelled else rows.scan(span), list(bins.columns)), bins)
            if not settled:
                return found
            known = {name: column.to_json() for name, column in found.items()}
            kept.put(span.name, content, known)
        return {name: ColumnSummary.from_json(column) for name, column in known.items()}

    def windows(
        self, rows: Production, spans: Sequence[Span], bins: Bins, *, labelled: bool = False
    ) -> list[ReferenceWindow]:
        """Return the reference windows among some spans: those that have rows."""
        found = ((span, self.summary(rows, span, bins, labelled=labelled)) for span in spans)
        return [ReferenceWindow(span.season, summary) for span, summary in found if summary is not None]

    def trained_losses(self, spans: Sequence[Span]) -> list[Losses]:
        """Return the champion's losses on windows of its own dataset version: those that have labelled rows."""
        kept = Remembered(self._folder, digest_of("losses", self._champion.digest))
        rows, task, found = self._champion.rows, self._job.spec.task, []
        for span in spans:
            content = rows.content(span)
            if content is None:
                continue
            known = kept.get(span.name, content)
            if known is None:
                losses = losses_of(
                    span.season, task, *score(self._job.spec, self._champion.bundle, rows.labelled(span))
                )
                known = {"rows": losses.rows, "total": losses.total, "squares": losses.squares}
                kept.put(span.name, content, known)
            if known["rows"]:
                found.append(Losses(span.season, known["rows"], known["total"], known["squares"]))
        return found
