"""Remembered window summaries and losses, keyed by content, beside the lake.

With them an hourly monitor reads only the newest window, on whatever machine it runs.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import polars as pl

from airworthy.job import Job
from airworthy.monitoring.bins import Bins, build_bins
from airworthy.monitoring.champion_predictions import predict_labelled
from airworthy.monitoring.live_rows import LiveRows, digest_of, read_batches
from airworthy.monitoring.loss_rise import WindowLosses, summarise_losses
from airworthy.monitoring.monitored_champion import Champion
from airworthy.monitoring.sampled_rows import sample_rows
from airworthy.monitoring.shifts import ReferenceWindow
from airworthy.monitoring.spans import Span
from airworthy.monitoring.window_summary import ColumnSummary, Summary, summarise
from airworthy.spec import ModelSpec
from airworthy.spec.fields import ColumnType
from airworthy.validation.validation_results import PartitionResults


class WindowCache:
    """Summaries and losses of windows under one champion."""

    def __init__(
        self, uri: str, spec: ModelSpec, champion: Champion, copies: Path | None = None
    ) -> None:
        """Use an address as cache.

        Args:
            uri: The address of the files.
            spec: The model's spec.
            champion: The champion.
            copies: The folder of this machine's copies; None: no copies.
        """
        self._spec, self._champion = spec, champion
        # One object for each suite: it lists its files once.
        self._files = lru_cache(maxsize=None)(lambda suite: PartitionResults(uri, suite, copies))
        self._summaries: dict[tuple[str, str, str], Summary] = {}

    @classmethod
    def of(cls, job: Job, champion: Champion) -> WindowCache:
        """Return the cache of a job's model."""
        environment, model = job.environment, job.spec.model
        uri, copies = environment.beside_lake(model, "windows"), environment.copies / model
        return cls(uri, job.spec, champion, copies / "windows")

    def bins(self, types: dict[str, ColumnType]) -> Bins:
        """Return the bins of columns, built from the champion's training days."""
        digest = self._champion.digest
        key = digest_of(digest, json.dumps(sorted(types.items())))
        files = self._files(key)
        bins = files.get("bins", digest)
        if bins is None:
            bins = self._build_bins(types).model_dump(mode="json")
            files.put("bins", digest, bins)
        return Bins.model_validate(bins)

    def _build_bins(self, types: dict[str, ColumnType]) -> Bins:
        rows = self._champion.rows.scan(self._champion.training)
        columns = [name for name, type_ in types.items() if type_ != "datetime"]
        count = int(rows.select(pl.len()).collect().item())
        sample = sample_rows(read_batches(rows, columns), columns, count)
        return build_bins(sample.collect(), types)

    def summary(
        self,
        rows: LiveRows,
        span: Span,
        bins: Bins,
        *,
        labelled: bool = False,
        settled: bool = True,
    ) -> Summary | None:
        """Return a window's summary; None without rows.

        Args:
            rows: The source of the window's rows.
            span: The window.
            bins: The columns and their bins. Bins of the label hold no other column.
            labelled: Use labelled rows only.
            settled: The window gets no more rows or labels, so its summary is cached.
        """
        content_key = rows.content_key(span)
        if content_key is None:
            return None
        if not settled:
            return _summarise(rows, span, bins, labelled)
        key = (span.name, content_key, bins.digest)
        if key not in self._summaries:
            files = self._files(bins.digest)
            values = files.get(span.name, content_key)
            if values is None:
                summary = _summarise(rows, span, bins, labelled)
                values = {name: column.to_json() for name, column in summary.items()}
                files.put(span.name, content_key, values)
            self._summaries[key] = {
                name: ColumnSummary.from_json(column) for name, column in values.items()
            }
        return self._summaries[key]

    def reference_windows(
        self, rows: LiveRows, spans: Sequence[Span], bins: Bins, *, labelled: bool = False
    ) -> list[ReferenceWindow]:
        """Return the reference windows of some spans. Spans without rows are left out.

        Args:
            rows: The source of the windows' rows.
            spans: The windows.
            bins: The columns and their bins.
            labelled: Use labelled rows only.
        """
        summaries = ((span, self.summary(rows, span, bins, labelled=labelled)) for span in spans)
        return [
            ReferenceWindow(span.season, summary)
            for span, summary in summaries
            if summary is not None
        ]

    def champion_losses(self, spans: Sequence[Span]) -> list[WindowLosses]:
        """Return the champion's losses on windows of its dataset version.

        Windows without labelled rows are left out.
        """
        files = self._files(digest_of("losses", self._champion.digest))
        all_losses = (self._losses(files, span) for span in spans)
        return [losses for losses in all_losses if losses is not None and losses.rows]

    def _losses(self, files: PartitionResults, span: Span) -> WindowLosses | None:
        rows = self._champion.rows
        content_key = rows.content_key(span)
        if content_key is None:
            return None
        values = files.get(span.name, content_key)
        if values is None:
            scored = predict_labelled(self._spec, self._champion.bundle, rows.labelled(span))
            losses = summarise_losses(span.season, self._spec.task, *scored)
            values = {"rows": losses.rows, "total": losses.total, "squares": losses.squares}
            files.put(span.name, content_key, values)
        return WindowLosses(span.season, values["rows"], values["total"], values["squares"])


def _summarise(rows: LiveRows, span: Span, bins: Bins, labelled: bool) -> Summary:
    selected = rows.labelled(span) if labelled else rows.scan(span)
    return summarise(read_batches(selected, list(bins.columns)), bins)
