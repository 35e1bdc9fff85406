"""What was computed of a window once, kept by content: a monitor that runs every hour reads only the newest window."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from airworthy.job import Job
from airworthy.monitoring.bins import Bins, make_bins
from airworthy.monitoring.champion_predictions import score
from airworthy.monitoring.column_profile import sample_rows
from airworthy.monitoring.live_rows import Production, digest_of, frames
from airworthy.monitoring.loss_rise import Losses, losses_of
from airworthy.monitoring.monitored_champion import Champion
from airworthy.monitoring.shifts import ReferenceWindow
from airworthy.monitoring.spans import Span
from airworthy.monitoring.window_summary import ColumnSummary, Summary, summarise
from airworthy.spec import ModelSpec
from airworthy.spec.fields import ColumnType
from airworthy.validation.validation_results import Remembered


class Memory:
    """Summaries and losses of windows under one champion."""

    def __init__(self, folder: Path, spec: ModelSpec, champion: Champion) -> None:
        """Keep whose windows they are, and the folder of what is kept."""
        self._folder, self._spec, self._champion = folder, spec, champion
        self._read: dict[tuple[str, str, str], Summary] = {}

    @classmethod
    def of(cls, job: Job, champion: Champion) -> Memory:
        """Return what is remembered of a job's model."""
        return cls(job.environment.evidence / job.spec.model / "windows", job.spec, champion)

    def bins(self, kinds: dict[str, ColumnType]) -> Bins:
        """Return the bins of columns, made from the days that the champion learned from."""
        kept = Remembered(
            self._folder, digest_of(self._champion.digest, json.dumps(sorted(kinds.items())))
        )
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
        self,
        rows: Production,
        span: Span,
        bins: Bins,
        *,
        labelled: bool = False,
        settled: bool = True,
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
        if not settled:
            return self._summarise(rows, span, bins, labelled)
        place = (span.name, content, bins.digest)
        if place not in self._read:
            kept = Remembered(self._folder, bins.digest)
            known = kept.get(span.name, content)
            if known is None:
                found = self._summarise(rows, span, bins, labelled)
                known = {name: column.to_json() for name, column in found.items()}
                kept.put(span.name, content, known)
            self._read[place] = {
                name: ColumnSummary.from_json(column) for name, column in known.items()
            }
        return self._read[place]

    @staticmethod
    def _summarise(rows: Production, span: Span, bins: Bins, labelled: bool) -> Summary:
        return summarise(
            frames(rows.labelled(span) if labelled else rows.scan(span), list(bins.columns)), bins
        )

    def windows(
        self, rows: Production, spans: Sequence[Span], bins: Bins, *, labelled: bool = False
    ) -> list[ReferenceWindow]:
        """Return the reference windows among some spans: those that have rows."""
        found = ((span, self.summary(rows, span, bins, labelled=labelled)) for span in spans)
        return [
            ReferenceWindow(span.season, summary) for span, summary in found if summary is not None
        ]

    def trained_losses(self, spans: Sequence[Span]) -> list[Losses]:
        """Return the champion's losses on windows of its own dataset version: those that have labelled rows."""
        kept = Remembered(self._folder, digest_of("losses", self._champion.digest))
        rows, task, found = self._champion.rows, self._spec.task, []
        for span in spans:
            content = rows.content(span)
            if content is None:
                continue
            known = kept.get(span.name, content)
            if known is None:
                losses = losses_of(
                    span.season,
                    task,
                    *score(self._spec, self._champion.bundle, rows.labelled(span)),
                )
                known = {"rows": losses.rows, "total": losses.total, "squares": losses.squares}
                kept.put(span.name, content, known)
            if known["rows"]:
                found.append(Losses(span.season, known["rows"], known["total"], known["squares"]))
        return found
