"""State folders of earlier versions are read, believed and continued; `make_state` has their story.

The quick promises are kept for every version. The slow ones are kept for the newest: its state has
the same formats.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

import polars as pl
import pytest
from prometheus_client.parser import text_string_to_metric_families

from .conftest import NEWEST, OldState, Served

KINDS = {
    "verdict",
    "registration",
    "staging",
    "approval",
    "rollout_step",
    "rollout_stopped",
    "guard_trip",
    "alias_move",
    "rollback_started",
    "rollback",
    "alert",
    "drift_decision",
    "staleness",
}
CHAMPION, CHALLENGER, REJECTED, ROLLED_BACK = "4", "5", "2", "3"

newest_only = pytest.mark.parametrize("old_state", [NEWEST], indirect=True)


def test_every_spec_loads(old_state: OldState) -> None:
    """No key of a spec and no feature of those days is wrong today."""
    checked = [
        line.split(": ok (") for line in old_state.run("check", str(old_state.models)).splitlines()
    ]
    assert {line[0] for line in checked} == {
        "bike_demand",
        "delivery_drift",
        "delivery_eta",
        "delivery_late",
    }
    assert all(len(line) == 2 for line in checked)


def test_the_ledger_is_read_and_shown(old_state: OldState) -> None:
    """Every entry of every kind is as it was, and has a line; the chain is whole."""
    assert old_state.new_entries() == []
    stored = old_state.facts["entries"]
    assert {entry["kind"] for entry in stored} == KINDS
    lines = old_state.run("ledger", old_state.model).splitlines()
    for line, entry in zip(lines, stored, strict=True):
        assert line.split()[:4] == [
            str(entry["sequence"]),
            entry["time"],
            entry["kind"],
            entry["who"],
        ]
        assert entry["payload"] not in line
    channels = [line.rpartition("(told: ")[2] for line in lines if line.split()[2] == "alert"]
    assert channels == [
        "slack slack_default #ml)",
        "slack slack_default #ml, webhook pager v2/enqueue)",
        "email smtp_default ml@example.org)",
        "nobody)",
    ]


def test_versions_are_shown_and_what_is_not_kept_of_them_is_said(old_state: OldState) -> None:
    """Their spec, their features and their tree were not kept in those days."""
    kept = "an earlier release registered it: its files and its tree are not kept"
    model = old_state.model
    assert kept in old_state.run("show", f"{model}/{CHAMPION}")
    assert kept in old_state.refused("show", f"{model}/{CHAMPION}", "--spec")
    difference = old_state.run("diff", f"{model}/1", f"{model}/{CHAMPION}")
    assert f"version 1 and {CHAMPION}: {kept}" in difference
    assert "rmse" in difference


def test_the_ledger_says_what_served_when(old_state: OldState) -> None:
    """Each version's time as champion, with its verdict, data and files."""
    moves = [entry for entry in old_state.facts["entries"] if entry["kind"] == "alias_move"]
    assert [json.loads(move["payload"])["to"] for move in moves] == [
        "1",
        ROLLED_BACK,
        "1",
        CHAMPION,
    ]
    for move in moves:
        facts, command = (
            json.loads(move["payload"]),
            ("ledger", old_state.model, "--at", move["time"]),
        )
        answer = old_state.lines(*command, "--json")[0]["served"]
        assert (answer["version"], answer["since"], answer["who"]) == (
            facts["to"],
            move["time"],
            move["who"],
        )
        for digest in ("dataset_digest", "bundle_digest"):
            assert answer["evidence"][digest] == facts[digest]
        assert answer["evidence"]["verdict"] == "pass"
        assert f"version {facts['to']} served" in old_state.run(*command)
    assert "none had been released yet" in old_state.run(
        "ledger", old_state.model, "--at", "2001-01-01"
    )


def test_the_registry_is_read(old_state: OldState) -> None:
    """Versions, tags and aliases are as they were, and lineage finds versions by their aliases."""
    answer = old_state.registry.search_model_versions(f"name = '{old_state.model}'")
    tags = {str(version.version): dict(version.tags) for version in answer}
    assert tags == old_state.facts["versions"]
    assert tags[REJECTED]["airworthy.validation_status"] == "rejected"
    assert tags[ROLLED_BACK]["airworthy.rolled_back"] == "late in the rain"
    assert tags[CHALLENGER]["airworthy.decision"].startswith("drift_decision:")
    assert old_state.champion() == CHAMPION
    for alias, version in (("champion", CHAMPION), ("challenger", CHALLENGER)):
        assert (
            old_state.lineage(f"{old_state.model}@{alias}")["roots"]
            == old_state.lineage(f"{old_state.model}/{version}")["roots"]
        )


def test_lineage_goes_back_to_the_source(old_state: OldState) -> None:
    """Every version, and a logged prediction in the lake or still in the spool, is traced to the
    data behind it.
    """
    collected = old_state.facts["collected"]
    in_spool = [each for each in old_state.facts["logged"] if each not in collected]
    made_by = {f"{old_state.model}/{version}": version for version in old_state.facts["versions"]}
    made_by |= {collected[0]: "1", collected[-1]: CHAMPION, in_spool[-1]: CHAMPION}
    for reference, version in made_by.items():
        answer = old_state.lineage(reference)
        assert answer["versions"] == [version]
        before = {node["kind"] for node in answer["nodes"] if node["place"] == "before"}
        assert before >= {"source", "partition", "dataset", "validation", "training", "verdict"}


def known_then(shown: Any, stored: Any) -> Any:
    """Return what is shown now without the keys that were not there when it was stored."""
    if isinstance(stored, dict):
        return {key: known_then(shown[key], value) for key, value in stored.items()}
    if isinstance(stored, list) and len(shown) == len(stored):
        return [known_then(shown[number], value) for number, value in enumerate(stored)]
    return shown


def test_every_dataset_version_is_known(old_state: OldState) -> None:
    """Source, digests, statistics, split, and the versions trained on it.

    Counts of rows, fitted days, the lock of the libraries and waivers were not recorded then.
    """
    shown, stored = (
        old_state.lines("dataset", old_state.model, "--json"),
        old_state.facts["datasets"],
    )
    assert len(shown) == len(stored)
    locks = [model.pop("lock_digest") for dataset in shown for model in dataset["models"]]
    assert set(locks) == {"unknown"}
    checks = [check for dataset in shown for check in dataset["validations"]]
    assert [check.pop("waivers") for check in checks] == [[]] * len(checks)
    assert [known_then(shown[n], each) for n, each in enumerate(stored)] == stored


def test_data_that_are_there_are_not_read_again(old_state: OldState) -> None:
    """The lake's partitions are recognised: nothing is read, nothing is written, and the run is
    counted on.
    """
    stored, counted = old_state.facts["dataset"], runs_of(old_state, "ingest")
    dataset = old_state.stage("ingest", "2026-03-25")
    assert dataset["partitions_read"] == 0
    assert dataset.pop("counts")["kept"] == stored["rows"]
    assert dataset == {**stored, "table": str(old_state.state / "lake" / old_state.model / "data")}
    assert runs_of(old_state, "ingest") == counted + 1 > 5


def runs_of(old_state: OldState, stage: str) -> float:
    """Return how often a stage has run, by the metrics in its file."""
    text = (old_state.state / "metrics" / f"stages_{old_state.model}.prom").read_text(
        encoding="utf-8"
    )
    samples = [
        sample for family in text_string_to_metric_families(text) for sample in family.samples
    ]
    return sum(
        each.value
        for each in samples
        if each.name.endswith("_runs_total") and each.labels["stage"] == stage
    )


def test_data_that_were_validated_are_not_validated_again(old_state: OldState) -> None:
    """Every partition's result is found where it was remembered, and is beside the lake then."""
    folder = old_state.state / "evidence" / old_state.model / "partitions"
    remembered = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert (
        old_state.stage("validate", "2026-03-25", dataset=old_state.facts["dataset"])["success"]
        is True
    )
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == remembered
    validations = old_state.state / "lake" / old_state.model / "validations"
    brought = {f"{path.stem}-{path.parent.name}.json" for path in validations.rglob("*.json")}
    assert brought <= {path.name for path in remembered}
    assert len(brought) == len(old_state.facts["dataset"]["partitions"])


def test_rows_that_were_scored_are_not_scored_again(old_state: OldState) -> None:
    """The champion's scored days stay as they are; another day comes into the same table."""
    before = old_state.table("batch_predictions")
    assert set(before["model_version"]) == {ROLLED_BACK, CHAMPION}
    assert re.search(
        r"[1-9]\d* scored, 0 of them now",
        old_state.run("score", old_state.model, "--as-of", "2026-03-22"),
    )
    assert old_state.table("batch_predictions").equals(before)
    old_state.run("score", old_state.model, "--as-of", "2026-03-23")
    after = old_state.table("batch_predictions")
    assert set(before["id"]) < set(after["id"])
    assert after["id"].is_unique().all()


def test_what_the_spool_holds_is_collected_once(old_state: OldState) -> None:
    """Uncollected predictions and labels join the collected ones, none of them twice."""
    facts = old_state.facts
    predictions = len(facts["logged"]) - len(facts["collected"]) + facts["shadows_left"]
    labels = len(facts["labels"]) - len(facts["labels_collected"])
    assert min(labels, facts["shadows_left"]) > 0
    assert f"{predictions} predictions, {labels} labels" in old_state.run(
        "collect", old_state.model
    )
    assert old_state.run("collect", old_state.model) == ""
    assert list((old_state.state / "spool").rglob("*.seg")) == []

    logged = old_state.table("predictions")
    asked_last = logged.filter(
        pl.col("request_id").is_in([each.split(":")[0] for each in list(facts["logged"])[-24:]])
    )
    assert Counter(asked_last["arm"]) == {"champion": 24, "shadow": facts["shadows_left"]}
    answers = logged.filter(pl.col("arm") != "shadow").select("id", "prediction")
    assert answers["id"].is_unique().all()
    assert facts["logged"].items() <= dict(answers.iter_rows()).items()
    assert sorted(old_state.table("labels").select("id", "value").rows()) == sorted(
        facts["labels"].items()
    )


@newest_only
def test_the_monitor_goes_on(old_state: OldState) -> None:
    """A decided window stays decided; the next decision knows the earlier ones, and the trainings."""
    decided = [
        json.loads(entry["payload"])
        for entry in old_state.facts["entries"]
        if entry["kind"] == "drift_decision"
    ]
    assert decided[-1]["told"] in old_state.run(
        "monitor", old_state.model, "--as-of", "2026-03-25", "--no-ingest"
    )
    assert old_state.new_entries() == []
    old_state.run("monitor", old_state.model, "--as-of", "2026-03-26")
    [entry] = old_state.new_entries()
    facts = json.loads(entry["payload"])
    assert (entry["kind"], facts["champion"]) == ("drift_decision", CHAMPION)
    assert facts["last_retrained"] == decided[-1]["train_as_of"]
    assert facts["windows"][:-1] == decided[-1]["windows"]


@newest_only
def test_the_next_day_is_trained_and_takes_over(old_state: OldState) -> None:
    """A new version is compared with the old champion, ends the abandoned rollout, and takes over.

    The champion is the one of the ledger, and so is the rollout: the flags are those of its step.
    """
    old_state.approve_here()
    old_state.run("run", old_state.model, "--as-of", "2026-03-26", "--approve", "after the upgrade")
    new = old_state.new_entries()
    assert {entry["proved_by"] for entry in new} == {"operating system"}
    verdict = json.loads(new[0]["payload"])
    assert (verdict["outcome"], verdict["champion"]) == ("pass", CHAMPION)
    passing = ("rollout_step", "candidate", "candidate_dropped")
    assert [entry["kind"] for entry in new if entry["kind"] not in passing] == [
        "verdict",
        "registration",
        "staging",
        "approval",
        "rollout_stopped",
        "alias_move",
    ]
    moved = json.loads(new[-1]["payload"])
    assert (moved["from"], moved["to"]) == (CHAMPION, old_state.champion()) == (CHAMPION, "6")


def test_an_alias_or_flags_of_before_change_no_traffic(old_state: OldState, served: Served) -> None:
    """Servers follow the ledger of those days, whatever alias and flag file say meanwhile."""
    (old_state.state / "flags.json").write_text('{"flags": {}}', encoding="utf-8")
    old_state.registry.set_registered_model_alias(old_state.model, "champion", REJECTED)
    assert served.rollout() == ("shadow", CHALLENGER)
    assert served.answers(CHAMPION) == old_state.facts["answers"][CHAMPION]


@newest_only
def test_the_server_answers_as_it_did_and_goes_back(old_state: OldState, served: Served) -> None:
    """Answers equal the log bit for bit; a rollout is withdrawn, and old champions serve again.

    A version rolled back in those days comes back only by its name.
    """
    answers = old_state.facts["answers"]
    assert served.rollout() == ("shadow", CHALLENGER)
    assert served.answers(CHAMPION) == answers[CHAMPION]
    old_state.run("rollback", old_state.model, "--reason", "nobody watches it")
    assert served.rollout() == (None, None)
    assert served.answers(CHAMPION) == answers[CHAMPION]
    old_state.run("rollback", old_state.model)
    assert served.answers("1") == answers["1"]
    assert "nothing to roll back to" in old_state.refused("rollback", old_state.model)
    old_state.approve_here()
    held = old_state.refused("release", old_state.model, ROLLED_BACK, "--approve", "again")
    assert "rolled back (late in the rain)" in held
    old_state.run("rollback", old_state.model, "--to-version", ROLLED_BACK)
    assert served.answers(ROLLED_BACK) == answers[ROLLED_BACK]
    assert old_state.champion() == ROLLED_BACK
    new = [entry["kind"] for entry in old_state.new_entries()]
    assert [kind for kind in new if not kind.startswith("candidate")] == [
        *["rollback_started", "rollout_stopped", "rollback"],
        *["rollback_started", "alias_move", "rollback"],
        *["staging", "approval"],
        *["rollback_started", "alias_move", "rollback"],
    ]
