"""The whole path on the real parts: scheduler, API server, MLflow, model server. Tests run in the
order written.
"""

from __future__ import annotations

import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import httpx
import psutil
from airflow_client.client import BackfillApi, BackfillPostBody, ExtraLinksApi
from tests.core.metrics.expressions import expressions, names_in
from tests.core.metrics.samples import samples

from airworthy_airflow.stack.health import health, port_taken
from airworthy_airflow.stack.programs import commands
from airworthy_airflow.stack.supervision import part_states

from .conftest import wait_until

if TYPE_CHECKING:
    from .conftest import Stack

AS_OF = "2026-03-20"
TASKS = {
    "ingest", "validate", "train", "evaluate", "register", "release.deploy_staging", "release.deploy_production",
}  # fmt: skip


def test_a_run_started_over_rest_ends_in_served_predictions(stack: Stack) -> None:
    """A POST to Airflow is enough: minutes later the model server predicts with the run's version."""
    run_id = stack.start("eta", as_of=AS_OF, reason="api")
    assert stack.finish("eta", run_id) == "success"
    assert stack.states("eta", run_id) == dict.fromkeys(TASKS, "success")
    registered = stack.stage_output("eta", run_id, "register")["version"]
    server = f"{stack.layout.url('server')}/models/eta"
    example = httpx.get(f"{server}/example", trust_env=False)
    answer = httpx.post(f"{server}/invocations", json=example.json(), trust_env=False)
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["predictions"]) > 0
    assert stack.served_version("eta") == registered
    tags = {tag["key"]: tag["value"] for tag in stack.versions("eta")[0]["tags"]}
    assert tags["airworthy.validation_status"] == "approved"


def test_a_run_shows_in_the_metrics(stack: Stack) -> None:
    """Each stage's cost, the champion's data, and all of Airflow's metrics in dashboards and
    alerts.
    """
    queried = {
        name for each in expressions() for name in names_in(each) if name.startswith("airflow_")
    }
    assert len(queried) > 10

    def served() -> dict[tuple[str, ...], float]:
        return samples(httpx.get(f"{stack.layout.url('metrics')}/metrics", trust_env=False).text)

    def names() -> set[str]:
        return {key[0] for key in served()}

    version = stack.served_version("eta")
    assert version is not None
    champion = ("airworthy_champion_as_of_timestamp_seconds", "eta", version)
    wait_until("Airflow's own metrics", lambda: queried <= names(), 300)
    wait_until("a poll of the ledger", lambda: champion in served(), 300)
    outputs = served()
    for stage in (
        "ingest",
        "validate",
        "train",
        "evaluate",
        "register",
        "deploy_staging",
        "deploy_production",
    ):
        assert outputs["airworthy_stage_runs_total", "eta", "success", stage] >= 1.0
        assert outputs["airworthy_stage_last_wall_seconds", "eta", stage] > 0.0
        assert outputs["airworthy_stage_last_cpu_seconds", "eta", stage] > 0.0
        assert outputs["airworthy_stage_last_peak_memory_bytes", "eta", stage] > 50e6
    as_of = datetime.fromisoformat(AS_OF).replace(tzinfo=UTC).timestamp()
    assert outputs[champion] == as_of
    assert outputs["airflow_ti_finish_total", "eta__train", "success", "train"] >= 1.0
    assert outputs["airworthy_statsd_dropped_total", "malformed"] == 0.0


def test_the_tasks_link_to_their_pages(stack: Stack) -> None:
    """An operator gets from a task's page to the run, the report and the version with one click.

    The pages on Airflow's own origin open with Airflow's login, and with no other.
    """
    run_id = stack.runs("eta")[0].dag_run_id
    run = stack.stage_output("eta", run_id, "train")["mlflow_run_id"]
    version = stack.stage_output("eta", run_id, "register")["version"]
    mlflow = stack.layout.url("mlflow")
    evidence = f"/airworthy/evidence/eta/{quote(quote(run_id, safe=':+'), safe='')}"
    page, in_mlflow = (
        {"Model page": "/airworthy/models/eta"},
        {"MLflow run": f"{mlflow}/#/runs/{run}"},
    )
    judged = {
        **page,
        **in_mlflow,
        "Verdict": f"{evidence}/verdict.json",
        "Model report": f"{evidence}/report.html",
    }
    at_version = {"MLflow version": f"{mlflow}/#/models/eta/versions/{version}"}
    docs = {"Data Docs": f"{evidence}/data_docs"}
    assert links(stack, run_id, "validate") == {**page, **docs}
    assert links(stack, run_id, "train") == {**page, **in_mlflow}
    assert links(stack, run_id, "evaluate") == judged
    assert links(stack, run_id, "register") == {**judged, **at_version}
    airflow = stack.layout.url("airflow")
    token = stack.airflow.configuration.access_token
    for path in (judged["Model report"], judged["Verdict"], docs["Data Docs"]):
        assert httpx.get(f"{airflow}{path}", trust_env=False).status_code == 401
        shown = httpx.get(f"{airflow}{path}", cookies={"_token": token}, trust_env=False)
        assert shown.status_code == 200, path


def links(stack: Stack, run_id: str, task_id: str) -> dict[str, str]:
    """Return the addresses behind a task's buttons, by the buttons' names.

    Args:
        stack: The running stack.
        run_id: The run's id.
        task_id: The task's id.
    """
    found = ExtraLinksApi(stack.airflow).get_extra_links("eta__train", run_id, task_id).extra_links
    return {name: address for name, address in found.items() if address}


def test_two_manual_runs_of_one_day_give_one_dataset_one_model_one_version(stack: Stack) -> None:
    """A run repeated is the same run: digest, model bytes and version do not change, and nothing is
    in the way.
    """
    first, second = (stack.start("eta", as_of=AS_OF, reason="manual") for _ in range(2))
    assert [stack.finish("eta", run_id) for run_id in (first, second)] == ["success", "success"]
    for task, key in (("ingest", "digest"), ("train", "model_sha256"), ("register", "version")):
        outputs = [stack.stage_output("eta", run_id, task)[key] for run_id in (first, second)]
        assert outputs[0] == outputs[1], f"{task} {key}"
    assert len(stack.versions("eta")) == 1


def test_each_day_of_a_backfill_sees_its_own_window_and_none_takes_champion(stack: Stack) -> None:
    """A backfill over three days gives three runs, each as of its interval's end; the champion
    stays.
    """
    before = stack.served_version("eta")
    first, last = datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 2, 3, 23, 59, 59, tzinfo=UTC)
    body = BackfillPostBody(
        dag_id="eta__train", from_date=first, to_date=last, dag_run_conf={}, max_active_runs=1
    )
    BackfillApi(stack.airflow).create_backfill(body)
    runs = [run for run in stack.runs("eta") if run.run_type == "backfill"]
    assert len(runs) == 3
    observed = set()
    for run in runs:
        assert stack.finish("eta", run.dag_run_id) == "success"
        states = stack.states("eta", run.dag_run_id)
        assert {task for task, state in states.items() if state == "skipped"} == {
            "release.deploy_staging",
            "release.deploy_production",
        }
        window = stack.stage_output("eta", run.dag_run_id, "ingest")["window"]
        assert run.data_interval_end is not None
        end = run.data_interval_end.date()
        assert datetime.fromisoformat(window["end"]) == datetime(
            end.year, end.month, end.day, tzinfo=UTC
        )
        observed.add(window["end"])
    assert len(observed) == 3
    assert stack.served_version("eta") == before
    log = stack.log("eta", runs[0].dag_run_id, "release.deploy_staging")
    assert "backfill" in log


def test_a_killed_train_task_is_tried_again_and_registers_once(stack: Stack) -> None:
    """SIGKILL in the middle of training costs a retry: one registered version, lake and ledger
    consistent.
    """
    run_id = stack.start("slow", as_of=AS_OF)
    psutil.Process(stack.running_pid("slow", run_id, "train")).send_signal(signal.SIGKILL)
    assert stack.finish("slow", run_id) == "success"
    assert stack.task("slow", run_id, "train").try_number == 2
    assert len(stack.versions("slow")) == 1
    assert stack.served_version("slow") == stack.stage_output("slow", run_id, "register")["version"]
    stack.check_records("slow", run_id)


def test_a_killed_scheduler_comes_back_and_finishes_the_run(stack: Stack) -> None:
    """SIGKILL of the scheduler in the middle of training: it restarts, no task runs twice at once,
    the run ends.
    """
    day = datetime.fromisoformat(AS_OF) + timedelta(days=1)
    run_id = stack.start("slow", as_of=f"{day:%Y-%m-%d}")
    task = psutil.Process(stack.running_pid("slow", run_id, "train"))
    scheduler = next(
        p for p in stack.processes() if p.cmdline()[-2:] == ["scheduler", "--skip-serve-logs"]
    )
    scheduler.send_signal(signal.SIGKILL)
    assert stack.finish("slow", run_id) == "success"
    assert not task.is_running()
    assert (
        "ended processes that a killed part left"
        in (stack.layout.logs / "scheduler.log").read_text()
    )
    assert len(stack.versions("slow")) == 2
    assert stack.served_version("slow") == stack.stage_output("slow", run_id, "register")["version"]
    stack.check_records("slow", run_id)


def test_a_killed_mlflow_server_comes_back_on_its_port(stack: Stack) -> None:
    """Nothing that a killed part leaves keeps its port: MLflow answers again, supervised."""
    killed = next(p for p in stack.processes() if "--default-artifact-root" in p.cmdline())
    survivors = killed.children(recursive=True)
    killed.send_signal(signal.SIGKILL)
    _, alive = psutil.wait_procs(survivors, timeout=60)
    assert alive == []

    def is_back() -> bool:
        return (
            health(stack.layout)["mlflow"] == "healthy"
            and part_states(stack.layout)["mlflow"] == "RUNNING"
        )

    wait_until("MLflow to be back", is_back, within_seconds=120.0)


def test_up_again_leaves_a_healthy_stack_as_it_is(stack: Stack) -> None:
    """Starting a running stack prints the addresses, ends 0 and starts nothing."""
    before = stack.parts()
    assert len(before) == len(commands(stack.layout))
    done = stack.command("up")
    assert done.returncode == 0, done.stderr
    assert stack.layout.url("airflow") in done.stdout
    assert stack.parts() == before


def test_state_can_be_read_by_its_owner_only(stack: Stack) -> None:
    """Nobody else reads passwords, databases, task logs, lake: `up` was called with an umask of 0."""
    paths = [stack.layout.state, *stack.layout.state.rglob("*")]
    assert stack.layout.env_file in paths
    assert stack.layout.token_file in paths
    # MLflow copies Airworthy's own code to a model with the rights that it has.
    own = [path for path in paths if not {"code", "pyfunc_model.py"} & {*path.parts}]
    assert [path for path in own if not path.is_symlink() and path.lstat().st_mode & 0o077] == []
    umasks = {_umask(process.pid) for process in stack.processes()}
    assert umasks - {None} == {"0077"}


def _umask(pid: int) -> str | None:
    """Return the umask of a process; None: it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return next(line.split()[1] for line in lines if line.startswith("Umask"))


def test_down_after_a_crash_leaves_no_process(stack: Stack) -> None:
    """Even when supervisord itself was killed, `down` ends every process and frees every port."""
    everyone = stack.processes()
    supervisord = next(p for p in everyone if "supervisor.supervisord" in p.cmdline())
    supervisord.send_signal(signal.SIGKILL)
    done = stack.command("down")
    assert done.returncode == 0, done.stderr
    _, alive = psutil.wait_procs(everyone, timeout=10)
    assert alive == []
    assert not any(port_taken(port) for port in stack.layout.ports.values())
