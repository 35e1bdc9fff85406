"""Celery workers on machines of their own. Tests run in the order written: the last one kills a worker."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import psutil

from airworthy_airflow.demo.runs import task_log

from tests.end_to_end.conftest import wait_until

if TYPE_CHECKING:
    from .deployment import Deployment

AS_OF = "2026-03-20"
TASKS = {
    "ingest", "validate", "train", "evaluate", "register", "release.deploy_staging", "release.deploy_production",
}  # fmt: skip


def test_two_workers_without_a_common_folder_complete_one_run(deployed: Deployment) -> None:
    """Each worker does a part: the second one has nothing of the first one but what is recorded.

    Each task's log comes from the worker that ran it.
    """
    first, second = deployed.workers
    deployed.take_no_more(second)
    run_id = deployed.start("eta", as_of=AS_OF)
    deployed.wait_for_task("eta", run_id, "train")
    deployed.take_no_more(first)
    deployed.take_again(second)
    assert deployed.finish("eta", run_id) == "success"
    deployed.take_again(first)

    tasks = deployed.tasks("eta", run_id)
    assert {name: task.state.value for name, task in tasks.items() if task.state} == dict.fromkeys(
        TASKS, "success"
    )
    by_first = {name for name, task in tasks.items() if task.hostname == first.address}
    assert by_first == {"ingest", "validate", "train"}
    assert {task.hostname for task in tasks.values()} == {first.address, second.address}
    for task in tasks.values():
        assert "as of 2026-03-20" in task_log(deployed.airflow, task)
    version = deployed.output("eta", run_id, "register")["version"]
    assert [each["version"] for each in deployed.versions("eta")] == [version]
    assert deployed.served_version("eta") == version
    deployed.check_records("eta")


def test_a_killed_worker_costs_a_retry_and_no_second_version(deployed: Deployment) -> None:
    """Its running task is tried again elsewhere. The task that it had taken and not begun runs
    elsewhere, once.
    """
    killed, left = deployed.workers
    deployed.take_no_more(left)
    running = deployed.start("slow", as_of=AS_OF)
    pid = deployed.wait_for_task("slow", running, "train")
    for process in deployed.idle_pool(killed, busy=psutil.Process(pid)):
        process.send_signal(signal.SIGSTOP)
    taken = deployed.start("eta", as_of="2026-03-21")
    wait_until("the worker to take both tasks", lambda: deployed.unacknowledged() == 2)
    killed.burn()
    deployed.take_again(left)

    assert deployed.finish("eta", taken) == "success"
    assert deployed.finish("slow", running) == "success"
    tasks = deployed.tasks("slow", running)
    assert tasks["train"].try_number == 2
    assert tasks["train"].hostname == left.address
    ingest = deployed.tasks("eta", taken)["ingest"]
    assert (ingest.try_number, ingest.hostname) == (1, left.address)
    version = deployed.output("slow", running, "register")["version"]
    assert [each["version"] for each in deployed.versions("slow")] == [version]
    assert deployed.served_version("slow") == version
    deployed.check_records("slow")
