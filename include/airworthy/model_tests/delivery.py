"""Runs a whole delivery of a model on a sample, with ``airworthy run`` and a state of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from airworthy.environment import Environment
from airworthy.errors import AirworthyError
from airworthy.handover import GateOutcome, RunRequest, Verdict
from airworthy.job import Job
from airworthy.model_tests.delivery_sample import (
    DeliverySample,
    delivery_end,
    write_model,
    write_sample,
)
from airworthy.model_tests.part_result import PartResult
from airworthy.model_tests.tests_file import DeliveryDays
from airworthy.spec.model_spec import ModelSpec

DELIVERY, BEHAVIOUR = "delivery", "behaviour"
_BEHAVIOUR_GATE = "behaviour: "
_LAST_LINES, _MAX_SECONDS = 15, 1800.0
# What the throw-away run shares with this process: no address, and no state.
_SHARED = ("AIRWORTHY_GIT_COMMIT", "AIRWORTHY_LOCK_DIGEST")


def deliver_sample(
    spec: ModelSpec, environment: Environment, asked: DeliveryDays
) -> Iterator[PartResult]:
    """Deliver a copy of the model in a temporary folder; yield delivery and behavioural tests.

    Nothing of the environment is written: lake, MLflow, ledger and server are the folder's own.

    Args:
        spec: The model's spec.
        environment: Gives the model's folder and the download cache.
        asked: The days of the sample.
    """
    with tempfile.TemporaryDirectory(prefix="airworthy-test-") as scratch:
        folder = Path(scratch).resolve()
        try:
            job = _job(spec, environment, asked.as_of)
            sample = write_sample(job, folder / "sample", asked.days)
            write_model(job, sample, folder / "sample", folder / "include" / "models")
        except AirworthyError as error:
            yield PartResult(DELIVERY, "fail", "", [str(error)])
            yield PartResult(BEHAVIOUR, "not run", "there is no model")
            return
        yield from _deliver(job, sample, folder)


def _job(spec: ModelSpec, environment: Environment, as_of: date | None) -> Job:
    end = delivery_end(spec, as_of)
    return Job(
        spec,
        environment,
        RunRequest(model=spec.model, as_of=end, reason="manual", run_id="test"),
    )


def _deliver(job: Job, sample: DeliverySample, folder: Path) -> Iterator[PartResult]:
    command = [sys.executable, "-m", "airworthy", "run", job.spec.model]
    command += ["--as-of", f"{job.run.as_of:%Y-%m-%d}"]
    try:
        done = subprocess.run(
            command,
            env=_variables(job.environment, folder),
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=_MAX_SECONDS,
        )
    except subprocess.TimeoutExpired:
        failure = f"it was stopped after {_MAX_SECONDS:g} s"
        yield PartResult(DELIVERY, "fail", "", [failure])
        yield PartResult(BEHAVIOUR, "not run", "there is no model")
        return
    verdict = _verdict(folder, job.spec.model)
    yield _delivery(done, verdict, f"{sample.rows:,} rows of {sample.days} days")
    yield _behaviour(verdict)


def _variables(environment: Environment, folder: Path) -> dict[str, str]:
    """Return the variables of the run: a project without environments has the package's local one."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("AIRWORTHY_") or name in _SHARED
    }
    return {
        **kept,
        "AIRWORTHY_PROJECT": str(folder),
        "AIRWORTHY_ENV": "local",
        "AIRWORTHY_STATE": str(folder / "state"),
        "AIRWORTHY_DOWNLOADS": str(environment.downloads),
        # No server answers there: the run starts one of its own.
        "AIRWORTHY_SERVER_URL": "http://127.0.0.1:9",
    }


def _verdict(folder: Path, model: str) -> Verdict | None:
    paths = sorted((folder / "state" / "lake" / model / "evidence").glob("*/verdict.json"))
    return Verdict.model_validate_json(paths[0].read_bytes()) if paths else None


def _delivery(
    done: subprocess.CompletedProcess[str], verdict: Verdict | None, sample: str
) -> PartResult:
    if done.returncode == 0:
        return PartResult(DELIVERY, "pass", f"{sample}: trained, released and served")
    if verdict is not None and not verdict.releasable:
        return PartResult(DELIVERY, "fail", f"{sample}: rejected", verdict.reasons)
    last = "\n".join((done.stdout + done.stderr).strip().splitlines()[-_LAST_LINES:])
    return PartResult(DELIVERY, "fail", f"{sample}: it ended with {done.returncode}", [last])


def _behaviour(verdict: Verdict | None) -> PartResult:
    if verdict is None:
        return PartResult(BEHAVIOUR, "not run", "no model was evaluated")
    gates = [gate for gate in verdict.gates if gate.gate.startswith(_BEHAVIOUR_GATE)]
    failures = [_line(gate) for gate in gates if gate.outcome != "pass"]
    return PartResult.of(BEHAVIOUR, failures, f"{len(gates)} tests")


def _line(gate: GateOutcome) -> str:
    return f"{gate.gate.removeprefix(_BEHAVIOUR_GATE)}: {gate.outcome}: {gate.reason}"
