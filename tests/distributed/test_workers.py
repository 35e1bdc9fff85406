"""Celery workers on machines of their own. Tests run in the order written: the last one kills a worker."""

from __future__ import annotations

import signal
from pathlib import Path

import psutil
import pytest
from tests.end_to_end.conftest import wait_until

from airworthy.environment import load_environment
from airworthy.ledger import open_ledger
from airworthy.ledger.events import Registration
from airworthy.ledger.ledger_queries import of_kind
from airworthy_airflow.demo.runs import task_log

from .deployment import RUN_SECONDS, USER, Deployment
from .workers import idle_pool

AS_OF = "2026-03-20"
BEFORE_THE_HANDOVER = {"ingest", "validate", "train"}
TASKS = {
    *BEFORE_THE_HANDOVER, "evaluate", "register", "release.deploy_staging", "release.approve",
    "release.deploy_production",
}  # fmt: skip


@pytest.fixture
def reader(deployed: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A further machine's environment: what a test reads is what the deployment shares."""
    for name, value in deployed.settings.of_airworthy(tmp_path).items():
        monkeypatch.setenv(name, value)


def test_two_workers_without_a_common_folder_complete_one_run(
    deployed: Deployment, reader: None
) -> None:
    """The second one has nothing of the first one but what is recorded.

    The user whom the spec names approves. Each task's log comes from the worker that ran it.
    """
    first, second = deployed.machines
    deployed.workers.take_no_more(second)
    run_id = deployed.start("asked", as_of=AS_OF)
    deployed.wait_for_task("asked", run_id, "train")
    deployed.workers.take_no_more(first)
    deployed.workers.take_again(second)
    deployed.approve("asked", run_id)
    assert deployed.finish("asked", run_id) == "success"
    deployed.workers.take_again(first)

    tasks = deployed.tasks("asked", run_id)
    assert {name for name, task in tasks.items() if task.state == "success"} == TASKS
    by_machine = {
        machine.address: {name for name, task in tasks.items() if task.hostname == machine.address}
        for machine in deployed.machines
    }
    assert by_machine == {
        first.address: BEFORE_THE_HANDOVER,
        second.address: TASKS - BEFORE_THE_HANDOVER,
    }
    for name, task in tasks.items():
        written = f"approved by {USER}" if name == "release.approve" else f"as of {AS_OF}"
        assert written in task_log(deployed.airflow, task)
    check_single_version(deployed, "asked", run_id)


def test_a_killed_worker_costs_a_retry_and_no_second_version(
    deployed: Deployment, reader: None
) -> None:
    """Its running task is tried again elsewhere. The task that it had taken and not begun runs
    elsewhere, once. The logs of its ended tasks are still there.
    """
    killed, left = deployed.machines
    unacknowledged = deployed.workers.unacknowledged
    deployed.workers.take_no_more(left)
    running = deployed.start("killed", as_of=AS_OF)
    task = psutil.Process(deployed.wait_for_task("killed", running, "train"))
    wait_until("the tasks before it to be done with", lambda: unacknowledged() == 1)
    # Stopped, both tasks are still where they are when the worker is killed.
    for process in (task, *idle_pool(task)):
        process.send_signal(signal.SIGSTOP)
    taken = deployed.start("taken", as_of=AS_OF)
    wait_until("the worker to take both tasks", lambda: unacknowledged() == 2, RUN_SECONDS)
    killed.burn()
    deployed.workers.take_again(left)

    assert deployed.finish("taken", taken) == "success"
    assert deployed.finish("killed", running) == "success"
    train = deployed.tasks("killed", running)["train"]
    assert (train.try_number, train.hostname) == (2, left.address)
    validate = deployed.tasks("killed", running)["validate"]
    assert validate.hostname == killed.address
    assert f"as of {AS_OF}" in task_log(deployed.airflow, validate)
    ingest = deployed.tasks("taken", taken)["ingest"]
    assert (ingest.try_number, ingest.hostname) == (1, left.address)
    check_single_version(deployed, "killed", running)


def check_single_version(deployed: Deployment, model: str, run_id: str) -> None:
    """Assert that a run's version is the model's only one: registered once, recorded once, served.

    Args:
        deployed: The deployment.
        model: The model.
        run_id: The model's first run.
    """
    version = deployed.registered_version(model, run_id)
    assert deployed.versions(model) == [version]
    assert deployed.served_version(model) == version
    ledger = open_ledger(load_environment(), model)
    assert ledger.first_broken_entry() is None
    registered = [entry.event.version for entry in of_kind(ledger.entries(), Registration)]
    assert registered == [version]
