"""Records become the chain from source to prediction, whatever was decided on the way."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airworthy.handover import Window
from airworthy.lake.dataset_records import (
    BenchmarkRecord,
    DatasetRecord,
    Event,
    TrainingRecord,
    ValidationRecord,
)
from airworthy.lake.partition_records import PartitionRecord
from airworthy.ledger import Entry
from airworthy.lineage.answer_tree import build_tree, tree_lines
from airworthy.lineage.build import build_graph
from airworthy.lineage.graph import Graph, Node
from airworthy.lineage.lineage_answer import LineageAnswer
from airworthy.lineage.model_records import ModelRecords
from airworthy.lineage.node_ids import dataset_id, training_id, version_id
from airworthy.lineage.partition_nodes import add_partitions
from airworthy.lineage.served_nodes import PredictionCount, add_prediction, add_prediction_counts

START = datetime(2026, 1, 1, tzinfo=UTC)


class History:
    """Builds the stages' records of one model, each a minute after the one before."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Event]] = []
        self.entries: list[Entry] = []
        self.now = START

    def later(self) -> datetime:
        """Return an unused time."""
        self.now += timedelta(minutes=1)
        return self.now

    def entry(self, kind: str, run: str, **content: Any) -> None:
        """Add an entry to the ledger.

        Args:
            kind: Of the event.
            run: The run's id.
            **content: The event's payload.
        """
        number = len(self.entries) + 1
        time = self.later().isoformat(timespec="milliseconds")
        self.entries.append(
            Entry(
                number, f"{kind}:{number}", time, kind, "m", run, "ann", json.dumps(content), "", ""
            )
        )

    def train(
        self, run: str, dataset: str = "d1", key: str | None = None, version: str | None = None
    ) -> None:
        """Add a run's records from ingest to register.

        Args:
            run: The run's id.
            dataset: Digest of the dataset version.
            key: The idempotency key.
            version: The registered version.
        """
        who: dict[str, Any] = {"run_id": run, "dag_id": "m__train", "requested_by": "ann"}
        window = Window(start=START, end=START + timedelta(days=3))
        if dataset not in {key for key, event in self.events if isinstance(event, DatasetRecord)}:
            record = DatasetRecord(
                **who,
                time=self.later(),
                id=f"m/2026-01-04/{dataset}",
                model="m",
                digest=dataset * 32,
                table="t",
                version=3,
                window=window,
                source="files",
                preprocessing="p",
                git_commit="g",
                reason="manual",
                rows=30,
                quarantined=0,
                partition_count=3,
                statistics={},
            )
            self.events.append((dataset, record))
        checked = ValidationRecord(
            **who, time=self.later(), success=True, checks=1, warnings=0, failed=[], evidence="file"
        )
        trained = TrainingRecord(
            **who,
            time=self.later(),
            mlflow_run_id=f"mlflow-{run}",
            idempotency_key=key or run,
            bundle_digest="b",
            git_commit="g",
            reason="manual",
            parameters={},
            best_iteration=3,
            start=window.start,
            tuning_start=window.start + timedelta(days=1),
            holdout_start=window.start + timedelta(days=2),
            end=window.end,
            rows={"learning": 10, "tuning": 10, "holdout": 10},
        )
        benchmark = BenchmarkRecord(
            **who,
            time=self.later(),
            mlflow_run_id=f"mlflow-{run}",
            outcome="pass",
            champion_version=None,
            holdout_rows=10,
            metrics={"challenger": {"rmse": 2.5}},
        )
        self.events += [(dataset, checked), (dataset, trained), (dataset, benchmark)]
        self.entry(
            "verdict",
            run,
            outcome="pass",
            reasons=[],
            champion=None,
            mlflow_run_id=f"mlflow-{run}",
            dataset_digest=dataset * 32,
            dag_id="m__train",
        )
        if version is not None:
            self.entry(
                "registration",
                run,
                version=version,
                validation_status="approved",
                bundle_digest="b",
                dataset_digest=dataset * 32,
                mlflow_run_id=f"mlflow-{run}",
                dag_id="m__train",
            )

    def release(self, run: str, version: str, instead_of: str | None = None) -> None:
        """Add the release of a version, with a person's approval and a rollout.

        Args:
            run: The run's id.
            version: The version.
            instead_of: The former champion.
        """
        self.entry("staging", run, version=version, passed=True)
        at = self.now.isoformat()
        self.entry(
            "approval", run, version=version, decision="approve", comment="looks good", at=at
        )
        self.entry("rollout_step", run, version=version, step=10, state="begun")
        self.entry("rollout_step", run, version=version, step=10, state="done")
        self.deploy(run, version, instead_of)

    def deploy(
        self, run: str, version: str, instead_of: str | None, reason: str = "verdict pass"
    ) -> None:
        """Add the move of the champion alias.

        Args:
            run: The run's id.
            version: The version.
            instead_of: The former champion.
            reason: Of the move.
        """
        self.entry(
            "alias_move", run, alias="champion", **{"from": instead_of}, to=version, reason=reason
        )

    def graph(self) -> Graph:
        """The graph of it all, over three partitions."""
        graph = build_graph(ModelRecords("m", self.events, self.entries))
        days = {f"2026-01-0{day}": f"content{day}" for day in (1, 2, 3)}
        datasets = [key for key, event in self.events if isinstance(event, DatasetRecord)]
        add_partitions(
            graph, "m", dict.fromkeys(datasets, days), [record_of(*each) for each in days.items()]
        )
        return graph


def record_of(day: str, digest: str) -> PartitionRecord:
    """Return a day's partition record."""
    return PartitionRecord(
        partition=day,
        source="files",
        created=START,
        as_of=START,
        rows=10,
        quarantined=0,
        duplicates=0,
        digest=digest,
        preprocessing="p",
        git_commit="g",
        event_time="at",
        columns={"at": "datetime"},
    )


def kinds_back_from(graph: Graph, node: str) -> list[str]:
    """Return the kinds on the way back from a node, as long as the way does not fork."""
    chain = [graph.nodes[node].kind]
    while len(graph.before(node)) == 1:
        [node] = graph.before(node)
        chain.append(graph.nodes[node].kind)
    return chain


def prediction(version: str) -> Node:
    """Return a prediction of a version."""
    return Node("prediction:x", "prediction", "prediction x", version=version)


def test_a_prediction_goes_back_to_the_source() -> None:
    """Every step of the release and of the run lies between the prediction and the source, in
    order.
    """
    history = History()
    history.train("r1", version="1")
    history.release("r1", "1")
    graph = history.graph()
    add_prediction(graph, prediction("1"), "champion", history.later())
    assert kinds_back_from(graph, "prediction:x") == [
        "prediction",
        "deployment",
        "rollout_step",
        "rollout_step",
        "approval",
        "staging",
        "version",
        "verdict",
        "training",
        "validation",
        "dataset",
    ]
    causes = {graph.nodes[node].kind for node in graph.causes(["prediction:x"])}
    assert {"partition", "source"} <= causes
    assert graph.nodes[training_id("mlflow-r1")].facts["metrics"]["challenger"]["rmse"] == 2.5


def test_other_versions_are_no_part_of_a_predictions_lineage() -> None:
    """The causes of a prediction leave out earlier and later versions, though these share their
    data.
    """
    history = History()
    history.train("r1", version="1")
    history.release("r1", "1")
    history.train("r2", version="2")
    history.release("r2", "2", instead_of="1")
    graph = history.graph()
    add_prediction(graph, prediction("1"), "champion", history.now)
    causes = graph.causes(["prediction:x"])
    assert version_id("1") in causes
    assert {graph.nodes[node].run_id for node in causes} <= {"r1", None}
    from_partition = LineageAnswer("", "partition", "m", graph, ["partition:2026-01-02:content2"])
    assert from_partition.versions() == ["1", "2"]


@pytest.mark.parametrize("arm", ["challenger", "shadow"])
def test_a_challengers_prediction_hangs_at_the_step_of_its_rollout(arm: str) -> None:
    """Before it is champion a version answers because of a rollout's step, not of a deployment."""
    history = History()
    history.train("r1", version="1")
    history.entry("rollout_step", "r1", version="1", step="shadow", state="begun")
    asked_at = history.now + timedelta(seconds=1)
    history.entry("rollout_step", "r1", version="1", step=10, state="begun")
    history.deploy("r1", "1", None)
    graph = history.graph()
    add_prediction(graph, prediction("1"), arm, asked_at)
    [before] = graph.before("prediction:x")
    assert graph.nodes[before].facts["step"] == "shadow"


def test_a_rollback_is_a_deployment_of_the_old_version_and_an_end_of_the_new() -> None:
    """After it the old version's predictions go back to the rollback; nothing of the bad one is
    among their causes.
    """
    history = History()
    history.train("r1", version="1")
    history.release("r1", "1")
    history.train("r2", dataset="d2", version="2")
    history.release("r2", "2", instead_of="1")
    history.entry("rollback_started", "back", **{"from": "2"}, to="1", reason="late in the rain")
    history.deploy("back", "1", "2", "rollback back: late in the rain")
    parity = {"parity_rows": 3, "max_difference": 0.0}
    history.entry(
        "rollback",
        "back",
        **{"from": "2"},
        to="1",
        reason="late in the rain",
        started_by="back",
        **parity,
    )
    graph = history.graph()
    add_prediction(graph, prediction("1"), "champion", history.later())
    assert kinds_back_from(graph, "prediction:x")[:4] == [
        "prediction",
        "deployment",
        "rollback_started",
        "version",
    ]
    assert version_id("2") not in graph.causes(["prediction:x"])
    ends = [
        graph.nodes[node]
        for node in graph.effects([version_id("2")])
        if graph.nodes[node].kind == "replaced"
    ]
    assert [(end.version, end.facts["by"]) for end in ends] == [("2", "1")]
    assert "late in the rain" in ends[0].title


def test_a_withdrawn_challenger_has_the_rollback_and_the_champion_has_not() -> None:
    """A rollback that ends a rollout deploys nothing: it is a decision about the challenger alone."""
    history = History()
    history.train("r1", version="1")
    history.release("r1", "1")
    history.train("r2", dataset="d2", version="2")
    history.entry("rollout_step", "r2", version="2", step=10, state="begun")
    history.entry(
        "rollback_started", "back", **{"from": "2"}, to="1", reason="late", withdraws=True
    )
    history.entry("rollout_stopped", "r2", version="2", champion="1", step=10, reasons=["late"])
    asked_at = history.later()
    graph = history.graph()
    assert {graph.nodes[node].run_id for node in graph.effects([version_id("1")])} == {"r1"}
    kinds = {graph.nodes[node].kind for node in graph.effects([version_id("2")])}
    assert {"rollback_started", "rollout_stopped"} <= kinds
    add_prediction(graph, prediction("2"), "challenger", asked_at)
    [before] = graph.before("prediction:x")
    assert graph.nodes[before].kind == "rollout_step"


def test_a_run_that_made_the_same_version_again_is_part_of_its_lineage() -> None:
    """A repeated run registers nothing new: its verdict is one more behind the version."""
    history = History()
    history.train("r1", key="same", version="1")
    history.train("r2", key="same")
    history.deploy("r2", "1", None)
    graph = history.graph()
    made_from = {graph.nodes[node].run_id for node in graph.before(version_id("1"))}
    assert made_from == {"r1", "r2"}


def test_a_ledger_from_before_there_were_records_is_traced_by_its_verdicts() -> None:
    """Old entries name the MLflow run in the verdict only; the chain goes as far back as they say."""
    history = History()
    history.entry(
        "verdict",
        "r1",
        outcome="pass",
        reasons=[],
        champion=None,
        mlflow_run_id="old",
        dataset_digest="d",
    )
    history.entry(
        "registration", "r1", version="1", validation_status="approved", dataset_digest="d"
    )
    history.deploy("r1", "1", None)
    graph = history.graph()
    deployed = [node.id for node in graph.nodes.values() if node.kind == "deployment"]
    assert kinds_back_from(graph, deployed[0]) == ["deployment", "version", "verdict", "training"]


def test_any_kind_of_entry_is_shown() -> None:
    """A decision of an unknown kind stands in its run's chain, with its facts and reasons in its
    line.
    """
    history = History()
    history.train("r1", version="1")
    history.entry(
        "moon_phase", "r1", version="1", phase="full", reasons=["it was time"], comment="as ever"
    )
    history.entry("weather", "other", temperature=3.5)
    graph = history.graph()
    [moon] = [node for node in graph.nodes.values() if node.kind == "moon_phase"]
    assert graph.before(moon.id) == [version_id("1")]
    assert all(
        word in moon.title for word in ("moon phase", "phase full", "it was time", "as ever")
    )
    [weather] = [node for node in graph.nodes.values() if node.kind == "weather"]
    assert (graph.before(weather.id), weather.run_id) == ([], "other")


def test_a_failed_validation_ends_the_chain() -> None:
    """A stopped run built no model: nothing follows its validation."""
    history = History()
    history.train("r1", version="1")
    failed = ValidationRecord(
        run_id="r2",
        time=history.later(),
        success=False,
        checks=2,
        warnings=0,
        failed=["nulls"],
        evidence="file",
    )
    history.events.append(("d1", failed))
    graph = history.graph()
    [node] = [
        node for node in graph.nodes.values() if node.kind == "validation" and node.run_id == "r2"
    ]
    assert graph.after(node.id) == []
    assert "nulls" in node.title
    assert node.id in graph.effects([dataset_id("d1")])


def test_all_predictions_of_a_version_follow_its_deployment() -> None:
    """Counted predictions hang at the deployment or rollout step that let the version answer."""
    history = History()
    history.train("r1", version="1")
    history.release("r1", "1")
    graph = history.graph()
    first, last = history.later(), history.later()
    add_prediction_counts(
        graph,
        "m",
        [PredictionCount("1", arm, 7, first, last) for arm in ("champion", "challenger")],
    )
    kinds = {
        arm: graph.nodes[graph.before(f"predictions:1:{arm}")[0]].kind
        for arm in ("champion", "challenger")
    }
    assert kinds == {"champion": "deployment", "challenger": "rollout_step"}
    assert "7 predictions by version 1" in graph.nodes["predictions:1:champion"].title


def test_the_tree_writes_each_thing_once_and_many_partitions_as_one_line() -> None:
    """A tree of a thousand days is as short as one of a week, and names the first and the last day."""
    history = History()
    history.train("r1", version="1")
    history.release("r1", "1")
    graph = build_graph(ModelRecords("m", history.events, history.entries))
    days = {f"{START + timedelta(days=n):%Y-%m-%d}": f"content{n}" for n in range(1000)}
    add_partitions(graph, "m", {"d1": days}, [record_of(*each) for each in days.items()])
    lines = list(
        tree_lines(build_tree(LineageAnswer("m/1", "version", "m", graph, [version_id("1")])))
    )
    assert len(lines) < 20
    [folded] = [line for line in lines if "1,000 partitions" in line]
    assert "2026-01-01 to 2028-09-26" in folded
    assert lines[0] == "version m/1: concerns m/1"
    assert [line.strip() for line in lines if "source" in line] == ["source: files"]
    texts = [line.strip() for line in lines]
    assert len(texts) == len(set(texts))


def test_a_runs_tree_begins_with_what_it_made_first() -> None:
    """Everything that the run wrote hangs below that, marked; no root is written out twice."""
    history = History()
    history.train("r1", version="1")
    history.release("r1", "1")
    graph = history.graph()
    roots = [node.id for node in graph.nodes.values() if node.run_id == "r1"]
    lines = list(tree_lines(build_tree(LineageAnswer("r1", "run", "m", graph, roots))))
    assert lines[1].startswith("  dataset m/2026-01-04/d1")
    assert sum("* " in line for line in lines) == len(roots) - 1
