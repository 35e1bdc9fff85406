"""Labels reach any replica: the arm that predicted gets them, once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from airworthy.object_store import open_store
from airworthy.serving.in_process_server import serving
from airworthy.traffic.label_exchange import (
    MAX_BATCHES,
    LabelExchange,
    Step,
    open_label_store,
)
from airworthy.traffic.replica_report import WatchReport

from ..eventually import eventually  # noqa: TID252 - tests are no installed package
from .conftest import FolderRegistry
from .release_record import ReleaseRecord
from .rollout_client import RolloutClient

KEYS = [f"customer-{number}" for number in range(40)]


@pytest.fixture
def replicas(own_registry: FolderRegistry) -> Iterator[list[RolloutClient]]:
    """Clients of three servers that follow one record."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(
                RolloutClient(
                    stack.enter_context(
                        serving(lambda: own_registry, own_registry.record.following())
                    )
                )
            )
            for _ in range(3)
        ]


def send(client: RolloutClient, answers: list[dict[str, Any]], label: float = 10.0) -> int:
    """Send labels to a server; return how many it joined itself."""
    labels = [{"id": answer["id"], "label": label} for answer in answers]
    reply = client.post("/models/eta/labels", json={"labels": labels}).raise_for_status()
    assert reply.json()["received"] == len(labels)
    return int(reply.json()["joined"])


def figures(record: ReleaseRecord, arm: str) -> dict[str, float]:
    """Return an arm's labels and the sum of their losses, over the reports of all servers."""
    reports = [each.report.models["eta"].rollout for each in record.reports().read()]
    arms = [getattr(report, arm).figures for report in reports if report is not None]
    return {
        "labels": sum(each.labels for each in arms),
        "loss": sum(each.labels * (each.mean_loss or 0.0) for each in arms),
    }


def batches(record: ReleaseRecord) -> list[str]:
    """Return the paths of all batches of labels."""
    return [each.path for each in open_label_store(str(record.lake)).list()]


def test_a_label_counts_once_in_the_arm_that_predicted(
    replicas: list[RolloutClient], record: ReleaseRecord
) -> None:
    """One replica answers, another one gets the label, a third one gets it too: it counts once."""
    record.begin(50)
    for client in replicas:
        client.wait_for_step(50)
    answers = [replicas[0].ask(key) for key in KEYS]
    expected = {
        arm: sum(
            (answer["predictions"][0] - 10.0) ** 2
            for answer in answers
            if answer["version"] == version
        )
        for arm, version in (("champion", "1"), ("challenger", "2"))
    }
    assert send(replicas[1], answers) == 0
    assert send(replicas[2], answers[:20], label=99.0) == 0
    assert send(replicas[0], answers[:5]) <= 5

    def total() -> bool:
        return sum(figures(record, arm)["labels"] for arm in expected) == len(answers)

    eventually("all labels are in their arms", total)
    own = replicas[0].rollout()["arms"]
    for arm, version in (("champion", "1"), ("challenger", "2")):
        assert own[arm]["labels"] == sum(answer["version"] == version for answer in answers)
    assert [client.arm("champion")["labels"] for client in replicas[1:]] == [0, 0]


def test_losses_are_those_of_the_labels(
    replicas: list[RolloutClient], record: ReleaseRecord
) -> None:
    """What the guard compares is the same as if each label had met its own replica."""
    record.begin("shadow")
    for client in replicas:
        client.wait_for_step("shadow")
    answers = [replicas[number % 3].ask(key) for number, key in enumerate(KEYS)]
    eventually(
        "all shadows",
        lambda: sum(client.arm("challenger")["requests"] for client in replicas) == len(KEYS),
    )
    for number in range(3):
        send(replicas[(number + 1) % 3], answers[number::3])
    eventually(
        "both arms have all labels",
        lambda: all(
            figures(record, arm)["labels"] == len(KEYS) for arm in ("champion", "challenger")
        ),
    )
    loss = sum((answer["predictions"][0] - 10.0) ** 2 for answer in answers)
    assert figures(record, "champion")["loss"] == pytest.approx(loss)


def served(client: RolloutClient) -> str:
    """Return the version of a server's champion."""
    return str(client.get("/models/eta").json()["version"])


def test_labels_of_a_watched_champion_reach_the_one_that_predicted(
    replicas: list[RolloutClient], record: ReleaseRecord
) -> None:
    """After full, too: each server reports its own requests, and each label counts once."""
    record.move("eta", "2", watched_until=datetime.now(UTC) + timedelta(hours=1))

    def reports() -> list[WatchReport]:
        models = [each.report.models["eta"] for each in record.reports().read()]
        return [model.watch for model in models if model.watch is not None]

    eventually("all servers watch it", lambda: len(reports()) == 3)
    eventually("all servers answer with it", lambda: all(served(each) == "2" for each in replicas))
    answers = [replicas[number % 2].ask(key) for number, key in enumerate(KEYS)]
    assert {answer["version"] for answer in answers} == {"2"}
    assert send(replicas[2], answers) == 0
    assert send(replicas[0], answers) == len(answers) / 2
    eventually(
        "all labels count",
        lambda: sum(each.whole.figures.labels for each in reports()) >= len(answers),
    )
    assert sorted(each.whole.figures.labels for each in reports()) == [0, 20, 20]
    assert sorted(each.whole.figures.requests for each in reports()) == [0, 20, 20]


def test_batches_go_with_their_step(replicas: list[RolloutClient], record: ReleaseRecord) -> None:
    """Labels from before the step are passed to nobody; those of a step that is over are removed."""
    before = [replicas[0].ask(key) for key in KEYS[:3]]
    assert send(replicas[1], before) == 0
    assert batches(record) == []
    first = record.begin(50)
    for client in replicas:
        client.wait_for_step(50)
    send(replicas[1], [replicas[0].ask("someone")])
    eventually("a batch", lambda: batches(record))
    assert {path.split("/")[1] for path in batches(record)} == {str(first.entry)}
    record.stop()
    eventually("no batch is left", lambda: not batches(record))


def test_without_a_store_labels_wait(
    own_registry: FolderRegistry, record: ReleaseRecord, tmp_path: Path
) -> None:
    """A store that refuses delays the guard's figures, and nothing else."""
    with ExitStack() as stack:
        clients = [
            stack.enter_context(
                RolloutClient(
                    stack.enter_context(serving(lambda: own_registry, record.following()))
                )
            )
            for _ in range(2)
        ]
        record.begin(50)
        for client in clients:
            client.wait_for_step(50)
        place = Path(record.lake) / "_servers" / "labels"
        place.mkdir(parents=True, exist_ok=True)
        place.rename(tmp_path / "away")
        place.write_text("no folder")
        answers = [clients[0].ask(key) for key in KEYS]
        assert send(clients[1], answers) == 0
        place.unlink()
        eventually(
            "the labels arrive",
            lambda: (
                sum(clients[0].arm(arm)["labels"] for arm in ("champion", "challenger"))
                == len(KEYS)
            ),
        )


@pytest.fixture
def exchange(tmp_path: Path) -> LabelExchange:
    """The exchange of one replica."""
    return LabelExchange(open_store(tmp_path), "host-1-aa")


def test_the_number_of_batches_is_bounded(exchange: LabelExchange, tmp_path: Path) -> None:
    """The oldest batch makes room for a new one; a replica does not read its own."""
    step = Step("eta", 7)
    for number in range(MAX_BATCHES + 3):
        exchange.write(step, number, [(f"id-{number}", True)])
    other = LabelExchange(open_store(tmp_path), "host-1")
    paths = other.batches(step)
    assert len(paths) == MAX_BATCHES
    assert other.read(paths[-1]) == [(f"id-{MAX_BATCHES + 2}", True)]
    assert exchange.batches(step) == []


def test_only_batches_of_steps_that_are_over_are_removed(exchange: LabelExchange) -> None:
    """A step's end removes its batches and older ones, of this model alone."""
    for step in (Step("eta", 5), Step("eta", 7), Step("eta", 9), Step("eta_2", 3)):
        exchange.write(step, 0, [("id", 1.5)])
    exchange.remove_until(Step("eta", 7))
    assert [each.path for each in exchange.store.list()] == [
        "eta/9/host-1-aa-00000000.json",
        "eta_2/3/host-1-aa-00000000.json",
    ]


@pytest.mark.parametrize("content", [b"{", b"[1]", b'{"a": 1}', b"[[1]]"])
def test_a_batch_that_cannot_be_read_is_none(exchange: LabelExchange, content: bytes) -> None:
    """Another replica's fault is not this one's."""
    exchange.store.write("eta/1/other-00000000.json", content)
    assert exchange.read("eta/1/other-00000000.json") == []
    assert exchange.read("eta/1/gone-00000000.json") == []
