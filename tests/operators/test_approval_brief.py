"""The approver's brief: enough to decide, in Markdown no value can break."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airworthy.handover import RunRequest
from airworthy.release.release_rules import ReleaseRules
from airworthy_airflow.operators.approval_brief import Brief, approval_brief

RUN = RunRequest(
    model="delivery_eta",
    as_of=datetime(2026, 3, 20, tzinfo=UTC),
    reason="api",
    run_id="manual__1",
    requested_by="ada",
)
RULES = ReleaseRules("required", timedelta(hours=8), ("shadow", 10, "full"), timedelta(minutes=10))
HANDED: dict[str, Any] = {
    "challenger": {
        "model": "delivery_eta", "mlflow_run_id": "abc", "mlflow_experiment_id": "4", "model_uri": "u",
        "bundle_uri": "u", "model_sha256": "d", "bundle_digest": "d", "idempotency_key": "k", "best_iteration": 1,
        "parameters": {}, "split": {
            "start": "2026-02-20T00:00:00Z", "holdout_start": "2026-03-16T00:00:00Z", "end": "2026-03-19T00:00:00Z",
            "train_rows": 9000, "holdout_rows": 1500,
        },
    },
    "verdict": {
        "model": "delivery_eta", "run_id": "manual__1", "mlflow_run_id": "abc", "dataset_digest": "d",
        "outcome": "inconclusive", "releasable": True, "champion_version": "6", "holdout_rows": 1500,
        "metrics": {"challenger": {"rmse": 4.5678, "mae": 3.1}, "champion": {"rmse": 4.8}, "baseline": {"rmse": 9.25}},
        "gates": [
            {"gate": "rmse", "outcome": "pass", "value": 4.5678, "threshold": 6.0, "n": 1500, "reason": "4.568 (ok)"},
            {"gate": "rmse against champion", "outcome": "inconclusive", "value": 0.01, "threshold": 0.02,
             "interval": [-0.01, 0.03], "n": 1500, "reason": "a | b\nacross the margin"},
        ],
    },
    "version": {
        "model": "delivery_eta", "version": "7", "model_uri": "u", "bundle_digest": "d",
        "validation_status": "approved", "created": True,
    },
    "parity": {
        "version": "7", "rows": 500, "max_difference": 1.2e-7, "tolerance": 1e-5, "matched": True, "p50_ms": 1.5,
        "p99_ms": 3.25, "waivers": ["validate row_count on 2026-03-18: a holiday | nobody works"],
    },
}  # fmt: skip


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> Brief:
    monkeypatch.setenv("AIRWORTHY_MLFLOW_URL", "http://mlflow.test")
    return approval_brief(RUN, HANDED, RULES)


def rows(body: str) -> list[list[str]]:
    """Return the cells of every line of every table; a bar behind a backslash is text."""
    lines = [line for line in body.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def test_the_headline_names_model_and_version(brief: Brief) -> None:
    """A list of questions tells them apart."""
    assert "delivery_eta version 7" in brief.subject


def test_the_verdict_is_a_table_of_every_gate(brief: Brief) -> None:
    """Each gate with outcome, value, interval, threshold and reason; failed gates stand out, in
    front.
    """
    cells = rows(brief.body)
    assert ["rmse", "pass", "4.568", "6", "4.568 (ok)"] in cells
    beside = [
        "rmse against champion",
        "**inconclusive**",
        "0.01 [-0.01, 0.03]",
        "0.02",
        "a \\| b across the margin",
    ]
    assert beside in cells
    assert brief.body.index("**Not passed**") < brief.body.index("**Gates**")


def test_waivers_and_a_failing_champion_are_in_front_of_the_gates() -> None:
    """Whoever approves reads them before the tables."""
    more = {"waivers": ["champion: a new label"], "champion_failing": ["rmse: 9.2 (at most 6)"]}
    body = approval_brief(RUN, {**HANDED, "verdict": {**HANDED["verdict"], **more}}, RULES).body
    parts = ["- champion: a new label", "- rmse: 9.2 (at most 6)", "**Gates**"]
    assert parts == sorted(parts, key=body.index)


def test_the_metrics_stand_side_by_side(brief: Brief) -> None:
    """Challenger, champion and baseline on the same rows; a missing value is a dash."""
    cells = rows(brief.body)
    assert ["metric", "challenger", "champion", "baseline"] in cells
    assert ["rmse", "4.568", "4.8", "9.25"] in cells
    assert ["mae", "3.1", "-", "-"] in cells


def test_every_table_has_as_many_cells_in_each_line_as_in_its_head(brief: Brief) -> None:
    """A reason with a bar or a line's end in it does not tear the table."""
    tables = [rows(part) for part in brief.body.split("\n\n") if part.startswith("| ")]
    assert len(tables) == 2
    assert all(len({len(line) for line in table}) == 1 for table in tables)


def test_report_run_and_version_are_one_click_away(brief: Brief) -> None:
    """Pages on Airflow's own origin ask for no second login; run and version are in MLflow."""
    links = dict(re.findall(r"\[([^\]]+)\]\(([^)]+)\)", brief.body))
    assert links == {
        "Model page": "/airworthy/models/delivery_eta",
        "Model report": "/airworthy/evidence/delivery_eta/manual__1/report.html",
        "Verdict": "/airworthy/evidence/delivery_eta/manual__1/verdict.json",
        "Data Docs": "/airworthy/evidence/delivery_eta/manual__1/data_docs",
        "Validation": "/airworthy/evidence/delivery_eta/manual__1/validation.json",
        "MLflow run": "http://mlflow.test/#/runs/abc",
        "Version 7": "http://mlflow.test/#/models/delivery_eta/versions/7",
    }


def test_it_says_what_an_answer_does(brief: Brief) -> None:
    """The steps after an approval, and the meaning of silence."""
    assert "in shadow for 10m, 10 % of the requests for 10m" in brief.body
    assert "No answer within 8h counts as a rejection" in brief.body


def test_it_says_who_asked_and_what_the_version_was_compared_with(brief: Brief) -> None:
    """The run, its reason, its user, the day its data end, the champion."""
    assert "Run `manual__1` (api, ada) on data up to 2026-03-20" in brief.body
    assert "champion: version 6" in brief.body


def test_it_names_the_waived_rules_with_their_reasons(brief: Brief) -> None:
    """Who approves reads what was not held against the version, and why."""
    assert "- validate row_count on 2026-03-18: a holiday \\| nobody works" in brief.body


ATTACKS = (
    "[approve](https://attacked.example)", "![x](https://attacked.example/x.png)", "<b>attacked</b>",
    "https://attacked.example", "www.attacked.example", "me@attacked.example", "[x]: https://attacked.example",
    "a`b`c", "\u202eevil", "x\n\n[approve]: https://attacked.example",
)  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
def test_texts_of_data_are_text(monkeypatch: pytest.MonkeyPatch, attack: str) -> None:
    """A category, a reason or a run's id makes no link, no picture and no markup."""
    monkeypatch.setenv("AIRWORTHY_MLFLOW_URL", "http://mlflow.test")
    gate: dict[str, Any] = {
        "gate": f"rmse in city={attack}",
        "outcome": "fail",
        "value": 1,
        "threshold": 1,
        "n": 3,
    }
    gate["reason"] = attack
    verdict = {**HANDED["verdict"], "gates": [gate], "waivers": [attack]}
    run = RUN.model_copy(update={"requested_by": attack, "run_id": attack})
    body = approval_brief(run, {**HANDED, "verdict": verdict}, RULES).body
    shown = re.sub(r"`[^`\n]*`|\\[^\w\s]", "", body)  # code spans and escaped characters are text
    shown = re.sub(r"\]\(/airworthy/[\w./%-]+\)", "", shown)  # the brief's own links
    links = re.findall(r"\]\((?!http://mlflow\.test)|\]:|!\[|<|://(?!mlflow\.test)|www\.|@", shown)
    assert links == []
    assert "\u202e" not in body
