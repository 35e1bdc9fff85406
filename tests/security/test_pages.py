"""Texts of data in pages for people: they are shown, and never run, loaded or followed."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from tests.core.stages.conftest import small_spec
from tests.operators.test_approval_brief import HANDED, RUN
from tests.security.pages import framed, read_page

from airworthy.environment import Environment
from airworthy.evaluation.model_report import report_page
from airworthy.handover import DatasetRef, ModelRef, Verdict
from airworthy.job import Job
from airworthy.monitoring.evidently_report import draw_report
from airworthy.spec import ModelSpec
from airworthy.spec.validate_part import Expectation
from airworthy.validation.suite import Suite, data_docs

SCRIPT = "<script>document.title='attacked'</script>"
ATTACKS = [
    SCRIPT,
    "</script><script>document.title='attacked'</script>",
    "<img src=x onerror=alert('attacked')>",
    '"><svg onload=alert(`attacked`)>',
    "<iframe src=https://attacked.example></iframe>",
    "<meta http-equiv=refresh content=0;url=https://attacked.example>",
    "<base href=https://attacked.example>",
    "<!--attacked",
]
EXPECTATIONS = [
    {"type": "expect_column_values_to_be_in_set", "column": "city", "value_set": [SCRIPT.upper()]},
    {"type": "expect_column_distinct_values_to_be_in_set", "column": "city", "value_set": ["oslo"]},
    {"type": "expect_column_value_lengths_to_be_between", "column": "city", "max_value": 2},
    {"type": "expect_column_values_to_match_regex", "column": "city", "regex": "^[a-z]+$"},
    {"type": "expect_column_values_to_be_between", "column": "n", "max_value": 0},
    {"type": "expect_column_most_common_value_to_be_in_set", "column": "city", "value_set": ["x"]},
]


def docs(cities: list[str]) -> str:
    """Return the Data Docs page of a partition that meets no expectation."""
    expectations = [Expectation.model_validate(each) for each in EXPECTATIONS]
    rows = pl.DataFrame({"city": cities, "n": list(range(1, len(cities) + 1))})
    return data_docs(Suite("trips", expectations).run(rows))


def drift_page(cities: list[str]) -> str:
    """Return Evidently's page of two samples with these cities."""
    count = 40 * len(cities)
    rows = pl.DataFrame(
        {
            "picked_up_at": pl.Series([0] * count).cast(pl.Datetime("us", "UTC")),
            "city": cities * 40,
            "vehicle": ["bike"] * count,
            "weather": cities * 40,
            "distance_km": [float(n) for n in range(count)],
            "stops": [n % 3 for n in range(count)],
            "late": [n % 2 == 0 for n in range(count)],
        }
    )
    page = draw_report(ModelSpec.model_validate(small_spec("drawn")), rows, rows).page
    assert page is not None
    return page


@pytest.mark.parametrize("make", [docs, drift_page], ids=["data docs", "evidently"])
def test_a_category_is_text_in_a_page(make: Any) -> None:
    """A page of hostile categories has the elements of a page of harmless ones, and no other."""
    harmless = [f"city{number}" for number in range(len(ATTACKS))]
    assert framed(make(ATTACKS)).names == framed(make(harmless)).names


def report(environment: Environment, texts: list[str]) -> str:
    """Return a model report whose categories, gates, people and words of the spec are these texts."""
    text = " ".join(texts)
    spec = ModelSpec.model_validate(small_spec("drawn", description=text, owner=text))
    run = RUN.model_copy(update={"model": "drawn", "requested_by": text, "run_id": text})
    outcome = {"outcome": "fail", "value": 1.0, "threshold": 2.0, "n": 9, "reason": text}
    figures = {"rows": 9, "rmse": 1.0}
    verdict = HANDED["verdict"] | {
        "gates": [outcome | {"gate": each} for each in texts],
        "slices": {"city": dict.fromkeys(texts, figures)},
        "waivers": texts,
        "champion_failing": texts,
    }
    dataset = {
        "model": "drawn", "table": "t", "version": 1, "partitions": {}, "rows": 9, "quarantined": 0,
        "window": {"start": "2026-02-20T00:00:00Z", "end": "2026-03-19T00:00:00Z"}, "digest": text,
    }  # fmt: skip
    return report_page(
        Job(spec, environment, run),
        DatasetRef.model_validate(dataset),
        ModelRef.model_validate(HANDED["challenger"]),
        Verdict.model_validate(verdict),
        b"",
    )


def test_a_category_is_text_in_a_model_report(environment: Environment) -> None:
    """It has the elements of a harmless report; no character turns its writing."""
    attacks = [*ATTACKS, "a\u202eb\u2066c", "d\x1b[2Ke\x07"]
    page = report(environment, attacks)
    harmless = report(environment, [f"city{number}" for number in range(len(attacks))])
    assert read_page(page).names == read_page(harmless).names
    assert read_page(page).names.count("table") > 2
    assert not {"\u202e", "\u2066", "\x1b", "\x07"} & set(page)
    assert "&lt;img src=x onerror=" in page


@pytest.mark.parametrize("make", [docs, drift_page], ids=["data docs", "evidently"])
def test_a_page_is_opened_in_a_sandbox(make: Any) -> None:
    """What gets past the escapes runs in a frame of no origin, and reaches no network."""
    page = read_page(make(ATTACKS))
    assert page.names.count("script") == 0
    (frame,) = page.all("iframe")
    assert "allow-same-origin" not in (frame["sandbox"] or "")
    (policy,) = (
        each["content"]
        for each in page.all("meta")
        if each.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy is not None
    assert "default-src 'none'" in policy
    assert "connect-src" not in policy


def test_great_expectations_page_runs_no_script() -> None:
    """Its own scripts come from six servers of others: none is loaded, and everything is shown."""
    (frame,) = read_page(docs(["oslo"])).all("iframe")
    assert frame["sandbox"] == ""
