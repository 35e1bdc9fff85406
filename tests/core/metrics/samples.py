"""Readers of metrics in text form."""

from __future__ import annotations

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

Samples = dict[tuple[str, ...], float]


def samples(text: str | Path) -> Samples:
    """Return every sample of a text or file: its name and label values, by the labels' names -> its
    value.
    """
    text = text.read_text(encoding="utf-8") if isinstance(text, Path) else text
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
