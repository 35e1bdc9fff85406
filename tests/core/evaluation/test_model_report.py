"""The model report stands alone, shows the verdict, and lets nobody's text become markup."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import jsonschema
import mlflow
import pytest
import yaml
from tests.core.stages.conftest import FEATURES, small_spec
from typer.testing import CliRunner

from airworthy.cli.main import app
from airworthy.environment import Environment
from airworthy.evidence import Evidence
from airworthy.handover import Verdict
from airworthy.handover.catalogue import STAGES
from airworthy.stages import run_stage

HOSTILE = "<script>alert(1)</script>"
BEHAVIOUR = f"""
import polars as pl
from airworthy.behaviour import Direction, Invariance

BEHAVIOUR = {{
    "farther takes longer": Direction(change={{"distance_km": pl.col("distance_km") + 5}}, never="lower", allowed=0.1),
    "distance means nothing {HOSTILE}": Invariance(change={{"distance_km": 30.0}}, tolerance=0.1),
}}


def cost(labels, predictions):
    return abs(labels - predictions) * 2
"""


class Page(HTMLParser):
    """A page's content: its tags, every address in it, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.words = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag and its addresses."""
        self.tags.append(tag)
        self.addresses += [
            value or "" for name, value in attrs if name in {"src", "href", "srcset", "action"}
        ]

    def handle_data(self, data: str) -> None:
        """Note text, as a reader sees it."""
        self.words += data


@pytest.fixture
def evaluated(
    environment: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Verdict, Evidence]:
    """A small model with behaviour, KPI and bins, through the real stages; its verdict and its
    evidence.
    """
    spec = small_spec("small_model", description=HOSTILE)
    spec["evaluate"] = {
        "slices": ["city", {"column": "distance_km", "bins": [2, 6]}],
        "kpi": {"function": "cost", "unit": "EUR"},
        "gates": [
            {"metric": "rmse", "max": 100},
            {"metric": "kpi", "slice": "distance_km", "max": 1000},
            {"metric": "kpi", "against": "baseline", "better_by": 0.02},
        ],
    }
    folder = tmp_path / "models" / "small_model"
    folder.mkdir(parents=True)
    files = {"model.yaml": yaml.safe_dump(spec), "features.py": FEATURES, "behaviour.py": BEHAVIOUR}
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    monkeypatch.setenv("AIRWORTHY_MODELS", str(tmp_path / "models"))
    as_of = datetime(2026, 3, 20, tzinfo=UTC).isoformat()
    payload = {
        "run": {"model": "small_model", "as_of": as_of, "reason": "manual", "run_id": "test-run"}
    }
    for name, stage in STAGES.items():
        payload[stage.output] = run_stage(name, payload)
        if name == "evaluate":
            break
    evidence = Evidence(environment.beside_lake("small_model", "evidence"), "test-run")
    return Verdict.model_validate(payload["verdict"]), evidence


def test_one_broken_rule_rejects_and_the_report_says_all_of_it(
    evaluated: tuple[Verdict, Evidence],
) -> None:
    """Behaviour, KPI and bins reach the verdict, MLflow and a page that loads nothing and escapes
    text.
    """
    verdict, evidence = evaluated
    outcomes = {gate.gate: gate.outcome for gate in verdict.gates}
    assert outcomes["behaviour: farther takes longer"] == "pass"
    assert outcomes[f"behaviour: distance means nothing {HOSTILE}"] == "fail"
    assert (verdict.outcome, verdict.releasable) == ("fail", False)

    assert verdict.metrics["challenger"]["kpi"] == pytest.approx(
        2 * verdict.metrics["challenger"]["mae"]
    )
    assert outcomes["kpi against baseline"] == "pass"
    bins = verdict.slices["distance_km"]
    assert list(bins) == ["< 2", "[2, 6)", ">= 6"]
    assert sum(in_bin["rows"] for in_bin in bins.values()) == verdict.holdout_rows
    assert all(in_bin["kpi"] == pytest.approx(2 * in_bin["mae"]) for in_bin in bins.values())

    run = mlflow.get_run(verdict.mlflow_run_id)
    assert run.data.metrics["challenger_kpi"] == verdict.metrics["challenger"]["kpi"]
    shares = mlflow.artifacts.load_dict(f"{run.info.artifact_uri}/feature_importance.json")
    assert list(shares.values()) == sorted(shares.values(), reverse=True)
    assert sum(shares.values()) == pytest.approx(1.0)
    assert set(shares) == {"hour", "city", "vehicle", "weather", "distance_km", "km_per_stop"}
    text = mlflow.artifacts.load_text(f"{run.info.artifact_uri}/report.html")
    assert evidence.read(evidence.address("report.html")) == text.encode()

    page = Page()
    page.feed(text)
    assert not {"script", "link", "iframe", "object"} & set(page.tags)
    assert all(address.startswith("data:image/png;base64,") for address in page.addresses)
    assert len(page.addresses) == 1
    assert "url(" not in text
    assert "@import" not in text
    assert page.words.count(HOSTILE) >= 2
    for phrase in (
        *(gate.reason for gate in verdict.gates),
        verdict.dataset_digest,
        "not released",
        "manual",
        "EUR",
    ):
        assert phrase in page.words


def test_the_exported_schema_is_that_of_the_verdict(evaluated: tuple[Verdict, Evidence]) -> None:
    """`airworthy schema --verdict` prints a schema: verdict.json keeps it, a changed one breaks it."""
    result = CliRunner().invoke(app, ["schema", "--verdict"])
    assert result.exit_code == 0
    schema = json.loads(result.stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    verdict = json.loads(evaluated[1].read(evaluated[1].address("verdict.json")) or "{}")
    jsonschema.validate(verdict, schema)
    for changed in (
        {**verdict, "outcome": "maybe"},
        {**verdict, "extra": 1},
        {**verdict, "gates": [{"gate": "rmse"}]},
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(changed, schema)
