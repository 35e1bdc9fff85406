"""The pages of DAGs and tasks in Airflow's UI: the model's own numbers, and its texts as texts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import yaml
from airflow.sdk import DAG
from markdown_it import MarkdownIt
from markdown_it.token import Token

from airworthy.environment import Environment
from airworthy.spec import ModelSpec
from airworthy.spec.score_part import Score
from airworthy_airflow.dag_factories.aliases_dag import build_aliases_dag
from airworthy_airflow.dag_factories.monitor_dag import build_monitor_dag
from airworthy_airflow.dag_factories.rollback_dag import build_rollback_dag
from airworthy_airflow.dag_factories.score_dag import build_score_dag
from airworthy_airflow.dag_factories.task_doc import FAILS
from airworthy_airflow.dag_factories.train_dag import build_train_dag
from airworthy_airflow.dag_factories.watch_dag import build_drill_dag, build_watch_dag

MODEL = "delivery_eta"
ATTACKS = (
    "<img src=x onerror=alert(1)>",
    "[x](javascript:alert(1))",
    "![](http://attacked.example/x.png)",
    "<javascript:alert(1)> <a href='http://attacked.example'>y</a>",
    "http://attacked.example www.attacked.example me@attacked.example",
    "a`b` ``<img src=x>`` | c",
    "- x\n# y\n\n[z]: http://attacked.example\n\n[z]",
    "&lt;img&gt; {{ 7 * 7 }} \u202eevil",
    "```\n<img src=x>\n```",
    "1. one\n---\n~~~",
    "\n \n",
)


def parts(environment: Environment) -> dict[str, Any]:
    """Return the shipped model's spec as values, with a person's approval and a rollout."""
    text = (environment.models / MODEL / "model.yaml").read_text(encoding="utf-8")
    release = {"approval": "required", "approvers": ["ada"], "rollout": ["shadow", 25, "full"]}
    return {**yaml.safe_load(text), "release": release}


def dags(values: dict[str, Any], environment: Environment) -> list[DAG]:
    """Return each DAG of a model, and the one of all models."""
    spec = ModelSpec.model_validate(values)
    return [
        build_train_dag(spec, environment),
        build_monitor_dag(spec, environment),
        build_score_dag(spec, Score.model_validate({"window": "7d"}), environment),
        build_rollback_dag(spec),
        build_watch_dag(spec, timedelta(hours=6)),
        build_drill_dag(spec, "@weekly"),
        build_aliases_dag(),
    ]


def pages(built: list[DAG]) -> dict[str, str]:
    """Return id -> page of each DAG and each task."""
    tasks = {f"{dag.dag_id}.{task.task_id}": task.doc_md for dag in built for task in dag.tasks}
    return {
        **{dag.dag_id: str(dag.doc_md) for dag in built},
        **{k: str(v) for k, v in tasks.items()},
    }


def test_each_task_says_what_to_do_when_it_fails(environment: Environment) -> None:
    """No task of any DAG is without it, whatever the release rules are."""
    built = dags(parts(environment), environment)
    assert len({dag.dag_id for dag in built}) == 7
    for name, page in pages(built).items():
        assert (FAILS in page) == ("." in name), name


NUMBERS = {
    "train.ingest": ("the 28d before", "`picked_up_at`", "`distance_km (float)`", "2.00%"),
    "train.validate": ("`expect_column_values_to_be_unique(column=delivery_id)`",),
    "train.train": ("the last 3d", "`max_depth=6`", "the mean by `vehicle`, `stops`"),
    "train.evaluate": ("Gate: `rmse` at most 6\n", "in every `city`", "`kpi` at most 1.2"),
    "train.release.deploy_staging": ("500 holdout rows", "1e-05"),
    "train.release.approve": ("May approve: `ada`", "counts as a rejection"),
    "train.release.rollout_25": ("25 % of the requests", "PSI at most 0.25"),
    "monitor.check_skew": ("Compares 8 columns", "over 0.15"),
    "monitor.check_performance": ("more than 20% over", "At least 1,000 labels"),
    "monitor.decide": ("2 of 3 windows of 1d", "After 3 refused"),
    "score.ingest_inputs": ("Window: 7d",),
    "watch.watch": ("6h after the release",),
}


def test_a_task_tells_the_numbers_of_its_model(environment: Environment) -> None:
    """Columns, window, gates and limits stand on the page of the task that uses them."""
    found = pages(dags(parts(environment), environment))
    for name, texts in NUMBERS.items():
        for text in texts:
            assert text in found[f"{MODEL}__{name}"], (name, text)


def attacked(values: dict[str, Any], attack: str) -> dict[str, Any]:
    """Return a spec's values with an attack in each of its free texts, names of columns among them."""
    because = f"for a reason {attack}"
    columns = {**values["ingest"]["columns"], attack: "category"}
    values["ingest"] |= {
        "columns": columns,
        "asset": {"name": re.sub(r"[^ -~]", "", attack).strip() or "rides"},
    }
    values["validate"]["expectations"] += [
        {"type": "expect_column_values_to_be_in_set", "column": attack, "value_set": [attack]}
    ]
    values["validate"]["waive"] = [{"expectation": "nulls", "because": because}]
    values["evaluate"]["slices"] += [attack]
    values["evaluate"]["gates"] += [{"metric": "rmse", "slice": attack, "max": 9.0}]
    values["evaluate"]["waive"] = [{"gate": "slices", "because": because}]
    values["train"]["baseline"] = {"by": [attack]}
    values["release"] |= {
        "approvers": [attack],
        "waive": [{"limit": "guard", "because": because}, {"limit": "latency", "because": because}],
    }
    return {**values, "description": attack, "owner": attack}


def tokens(markdown: str) -> Iterator[Token]:
    """Yield the tokens of a page, as GitHub's Markdown has them: links of bare addresses too."""
    for block in MarkdownIt("gfm-like").parse(markdown):
        yield block
        yield from block.children or []


MADE = {"link_open", "image", "html_inline", "html_block", "heading_open"} | {
    "fence", "hr", "code_block", "ordered_list_open", "s_open",
}  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
def test_texts_of_a_spec_are_text_on_each_page(environment: Environment, attack: str) -> None:
    """A description, an owner, a reason, a column: none makes a link, a picture, HTML or a block."""
    built = dags(attacked(parts(environment), attack), environment)
    for name, page in pages(built).items():
        made = [token.type for token in tokens(page) if token.type in MADE]
        assert made == ([] if "." in name else ["heading_open"]), name
        assert "\u202e" not in page
    # Airflow's UI shows the rest as text, and drops HTML: none of the attack's words is lost.
    shown = " ".join(token.content for token in tokens(pages(built)[f"{MODEL}__train"]))
    assert "onerror" not in attack or "<img src=x onerror=alert(1)>" in shown
