r"""Make ``state_<version>.tar.xz``: the state folder of this version after a model's eventful life.

Run it at the root of a checkout of that version, with its environment, on a machine on which
``/srv/airworthy-state`` can be made. It takes a few minutes, and removes that folder at the end.
``state_0_1_0.tar.xz`` was made by::

    AIRWORTHY_GIT_COMMIT=$(git rev-parse c25e64f) \
        .venv/bin/python -m tests.upgrade.make_state tests/upgrade/state_0_1_0.tar.xz

``state_0_2_0.tar.xz`` was made so from commit 1bf1073, the last one with one model server, a lock
file for each release, and the champion in MLflow's alias. The variable is needed if the checkout's
last commit is not the version's own.

Everything happens below ``/srv/airworthy-state``: no path of the machine gets into the archive. The
console command and a real model server do it, but for the alerts, raised by Airflow's tasks. A
small copy of ``delivery_eta`` gets these versions:

=======  ===========================================================================================
version
=======  ===========================================================================================
1        approved and released: champion
2        rejected by its gates
3        released through shadow and 50 %: champion, until it is rolled back to 1
4        refused by a person, tripped by the guard, cut off in its release, then released: champion
5        trained because its monitor saw the world change; in shadow when the server is killed
=======  ===========================================================================================

The spool then holds uncollected predictions and labels. ``facts.json`` has the facts of that
moment.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..core.eventually import eventually  # noqa: TID252 - tests are no installed package
from .archive import DATABASE, ROOT, pack, relocate
from .callers import Callers
from .commands import airworthy, begin, lines_of, serving
from .world import COPY, MODEL, STATE, another_spec, prepare

FAILED, REJECTED, WAITS_FOR_APPROVAL = 1, 3, 4
TRAINING = {
    "ingest": "dataset",
    "validate": "validation",
    "train": "challenger",
    "evaluate": "verdict",
    "register": "version",
}


def main(archive: Path) -> None:
    """Let the model live, write the facts down, pack the folder."""
    if ROOT.exists():
        raise SystemExit(f"{ROOT} is there already: remove it, then run again")
    try:
        prepare()
        (ROOT / "facts.json").write_text(json.dumps(live(), indent=1), encoding="utf-8")
        # MLflow's own experiment has the folder that the first command was run in.
        relocate(STATE / DATABASE, str(Path.cwd()), str(COPY))
        pack(ROOT, archive)
    finally:
        shutil.rmtree(ROOT, ignore_errors=True)
    print(f"{archive}: {archive.stat().st_size:,} bytes")


def live() -> dict[str, Any]:
    """Go through the model's life; return the facts at its end."""
    callers = Callers(MODEL)
    airworthy("run", MODEL, "--as-of", "2026-03-20", "--no-release")
    airworthy("release", MODEL, "1", "--approve", "the first one")
    with known_server() as url:
        callers.ask(url, "1")
        airworthy(
            "run", MODEL, "--as-of", "2026-03-20", "-p", "learning_rate=0.0001", code=REJECTED
        )
        release_and_roll_back(callers, url)
        release_after_three_refusals(callers, url)
        airworthy("collect", MODEL)
    watch_a_changed_world()
    with known_server(stop=signal.SIGKILL) as url:
        callers.ask(url, "4")
        airworthy("collect", MODEL)
        facts = {"collected": list(callers.logged), "labels_collected": list(callers.labels)}
        with another_spec(bake="1h"):
            cut_off(
                callers, url, "5", signal.SIGKILL, lambda: callers.ask_beside_a_shadow(url, "4")
            )
    return {**facts, **client_facts(callers), **on_disk()}


def release_and_roll_back(callers: Callers, url: str) -> None:
    """Version 3: released under traffic, asked, its batch scored, and rolled back."""
    airworthy("run", MODEL, "--as-of", "2026-03-21", "--no-release")
    release(callers, url, "3")
    callers.ask(url, "3")
    airworthy("score", MODEL, "--as-of", "2026-03-21")
    airworthy("rollback", MODEL, "--reason", "late in the rain")


def release_after_three_refusals(callers: Callers, url: str) -> None:
    """Version 4: refused, tripped, cut off, released; and its batch scored."""
    airworthy("run", MODEL, "--as-of", "2026-03-22", "--no-release")
    refuse("4")
    with another_spec(bake="1h", p99_ms=0.001, min_requests=5):
        release(callers, url, "4", code=FAILED)
    with another_spec(bake="1h"):
        cut_off(callers, url, "4", signal.SIGTERM)
        eventually("the server leaves the rollout", lambda: callers.rollout(url)["step"] is None)
    release(callers, url, "4")
    airworthy("score", MODEL, "--as-of", "2026-03-22")


def watch_a_changed_world() -> None:
    """Record the monitor's decisions up to a training, alerts, and quality by age."""
    for day in ("2026-03-23", "2026-03-24", "2026-03-25"):
        airworthy("monitor", MODEL, "--as-of", day)
    airworthy("staleness", MODEL, "--as-of", "2026-03-22", "--ages", "0d,1d,2d", "--windows", "2")
    train_for_drift()
    raise_alerts()


def release(callers: Callers, url: str, version: str, code: int = 0) -> None:
    """Release a version while requests come in.

    Args:
        callers: They send requests to the server.
        url: The server's address.
        version: The version to release.
        code: The expected exit code.
    """
    with begun_release(version) as command:
        while command.poll() is None:
            callers.ask_one(url)
            time.sleep(0.05)
    assert command.returncode == code, (
        f"the release of version {version} ended with {command.returncode}"
    )


def cut_off(
    callers: Callers,
    url: str,
    version: str,
    how: signal.Signals,
    before: Callable[[], None] = lambda: None,
) -> None:
    """Begin a version's release, and end the command by a signal when the server is in shadow.

    Args:
        callers: They send requests to the server.
        url: The server's address.
        version: The version to release.
        how: The signal.
        before: Called before the signal.
    """
    with begun_release(version) as command:
        eventually("the server is in shadow", lambda: callers.is_shadowed_by(url, version))
        before()
        command.send_signal(how)
        assert command.wait() != 0


@contextmanager
def begun_release(version: str) -> Iterator[subprocess.Popen[str]]:
    """Begin a version's release; it has ended when the block has."""
    with begin("release", MODEL, version, "--approve", "looked at the report") as command:
        try:
            yield command
        finally:
            command.kill()


def refuse(version: str) -> None:
    """Answer the question for approval with no, as Airflow's task does."""
    from airworthy.environment import load_environment
    from airworthy.registry.registry import open_registry
    from airworthy.registry.stage_outputs import read_stage_outputs

    payload = read_stage_outputs(open_registry(load_environment()), MODEL, version)
    answer = {
        "decision": "reject",
        "who": "grace",
        "comment": "not before the weekend",
        "at": _now(),
    }
    stage(
        "approval",
        "2026-03-22",
        {**payload, "approval_answer": answer, "run": {"run_id": "refused"}},
    )


def train_for_drift() -> None:
    """Run the stages of the train DAG for the monitor's last decision."""
    decision = _last("drift_decision")
    assert decision["trigger"], decision["told"]
    run = {
        "run_id": decision["train_run_id"],
        "reason": decision["reason"],
        "dag_id": f"{MODEL}__train",
    }
    payload: dict[str, Any] = {"run": run}
    for name, gives in TRAINING.items():
        payload[gives] = stage(name, decision["train_as_of"][:10], payload)
    assert payload["version"]["validation_status"] == "approved", payload["verdict"]["reasons"]


def raise_alerts() -> None:
    """Write alerts down as their senders do: for one channel, for two, for a third one later, for
    none.
    """
    from airworthy.alerts.factories import guard_trip, retraining, too_old
    from airworthy.alerts.sent_alerts import record_alert
    from airworthy.environment import load_environment
    from airworthy.handover import AgeCheck, DriftDecision
    from airworthy.ledger import open_ledger
    from airworthy.ledger.events import GuardTrip
    from airworthy.ledger.ledger_queries import of_kind
    from airworthy.release.rollout_status import recorded_status

    ledger = open_ledger(load_environment(), MODEL)
    trip = of_kind(ledger.entries(), GuardTrip)[0]
    drift = retraining(DriftDecision.model_validate(_last("drift_decision")), {}, started=True)
    [age] = too_old(
        AgeCheck.model_validate(stage("check_age", "2026-03-25", {"run": {"run_id": "age"}})), {}
    )
    record_alert(
        ledger,
        guard_trip(recorded_status(trip), trip.run_id, {}),
        ["slack slack_default #ml"],
        trip.run_id,
        first=True,
    )
    record_alert(
        ledger,
        drift,
        ["slack slack_default #ml", "webhook pager v2/enqueue"],
        "monitor",
        first=True,
    )
    record_alert(ledger, drift, ["email smtp_default ml@example.org"], "monitor", first=False)
    record_alert(ledger, age, [], "age", first=True)


def client_facts(callers: Callers) -> dict[str, Any]:
    """Return the knowledge of the server's clients."""
    return {
        "bodies": callers.bodies,
        "answers": callers.answers,
        "logged": callers.logged,
        "labels": callers.labels,
        "shadows_left": callers.shadowed,
    }


def on_disk() -> dict[str, Any]:
    """Return the facts of lake, ledger and registry."""
    from mlflow import MlflowClient

    address = f"sqlite:///{STATE / DATABASE}"
    client = MlflowClient(address, address)
    versions = {
        str(each.version): dict(each.tags)
        for each in client.search_model_versions(f"name = '{MODEL}'")
    }
    return {
        "model": MODEL,
        "versions": versions,
        "entries": lines_of("ledger", MODEL, "--json"),
        "datasets": lines_of("dataset", MODEL, "--json"),
        "dataset": stage("ingest", "2026-03-25", {"run": {"run_id": "again"}}),
    }


@contextmanager
def known_server(stop: signal.Signals = signal.SIGTERM) -> Iterator[str]:
    """Let a server be the environment's; see `serving`."""
    with serving(stop) as url:
        os.environ["AIRWORTHY_SERVER_URL"] = url
        try:
            yield url
        finally:
            del os.environ["AIRWORTHY_SERVER_URL"]


def stage(name: str, as_of: str, payload: dict[str, Any]) -> dict[str, Any]:
    """Run a stage and return its output.

    Args:
        name: The stage.
        as_of: The run's day.
        payload: The stage's inputs.
    """
    words = ("stage", name, "--model", MODEL, "--as-of", as_of, "--input", "-")
    return dict(json.loads(airworthy(*words, given=payload)))


def _last(kind: str) -> dict[str, Any]:
    matching = [entry for entry in lines_of("ledger", MODEL, "--json") if entry["kind"] == kind]
    return dict(json.loads(matching[-1]["payload"]))


def _now() -> str:
    return datetime.now(UTC).isoformat()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
