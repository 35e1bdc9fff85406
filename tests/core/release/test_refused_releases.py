"""A refused version never reaches production, whatever was tried: the champion keeps all traffic."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airworthy.errors import TerminalError
from airworthy.ledger.events import ApprovalAnswered, StagingCheck
from airworthy.registry.registry import CHALLENGER
from airworthy.release.approval_record import approval_blockers
from airworthy.release.release_rules import release_rules
from airworthy.spec import load_spec
from airworthy.stages import run_stage

from ..stages.conftest import FEATURES  # noqa: TID252 - tests are no installed package
from .release_environment import MODEL, ReleaseEnvironment, open_release_environment

REQUIRED: dict[str, Any] = {"approval": "required"}


@pytest.fixture(scope="module")
def shared_env(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReleaseEnvironment]:
    """An environment with a champion, version 1."""
    with open_release_environment(tmp_path_factory.mktemp("release")) as env:
        yield env


@pytest.fixture(scope="module")
def challenger(shared_env: ReleaseEnvironment) -> dict[str, Any]:
    """Version 2, with passed gates against version 1."""
    shared_env.write_spec()
    return shared_env.train("2026-03-21")


@pytest.fixture
def env(shared_env: ReleaseEnvironment, challenger: dict[str, Any]) -> Iterator[ReleaseEnvironment]:
    """The environment; whatever the test tried, version 1 serves all of the traffic after it."""
    shared_env.write_spec()
    yield shared_env
    shared_env.assert_only_champion("1")
    assert [move.to for move in shared_env.alias_moves()] == ["1"]


def refused(env: ReleaseEnvironment, payload: dict[str, Any]) -> str:
    """Try to deploy and return why it was held."""
    deployment = run_stage("deploy_production", payload)
    assert deployment["promoted"] is False
    return str(deployment["reason"])


def test_answers_that_differ_from_the_offline_ones(env: ReleaseEnvironment) -> None:
    """Features with other values in the server than offline are found in staging, and recorded."""
    # Each time the file is loaded in this process, where the server is too, every distance is
    # another one.
    other = FEATURES.replace(
        'pl.col("distance_km"),', '(pl.col("distance_km") + 7.0 * loads) % 20.0,'
    )
    count = 'import itertools\nimport sys\n\nloads = next(sys.__dict__.setdefault("loads", itertools.count()))\n'
    env.write_spec(features=count + other)
    payload = env.train("2026-03-22")
    with pytest.raises(TerminalError, match="otherwise than the model does offline"):
        run_stage("deploy_staging", payload)
    entry = env.entries_of(payload, StagingCheck)[-1]
    assert entry.event.passed is False
    assert "difference" in entry.event.reasons[0]
    lacking = env.new_run(payload)
    lacking["parity"]["matched"] = False
    assert "staging" in refused(env, lacking)


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        ({"p50_ms": 0.001}, "p50 latency"),
        ({"p99_ms": 0.001}, "p99 latency"),
        ({"load_seconds": 0.00001}, "to load"),
        ({"size_mib": 0.001}, "size of the files"),
    ],
)
def test_costs_more_than_its_budget(
    env: ReleaseEnvironment, challenger: dict[str, Any], limit: dict[str, float], words: str
) -> None:
    """Latency, time to load and size over the budget end the release in staging; the ledger has the
    figures.
    """
    env.write_spec(budget=limit)
    payload = env.new_run(challenger, staged=False)
    with pytest.raises(TerminalError, match=words):
        run_stage("deploy_staging", payload)
    entry = env.entries_of(payload, StagingCheck)[-1]
    assert words in entry.event.reasons[0]
    assert (entry.event.p99_ms or 0.0) > 0


def test_within_its_budget(env: ReleaseEnvironment, challenger: dict[str, Any]) -> None:
    """A version under its budget is fit, and its costs are in the stage's output and in the ledger."""
    env.write_spec(
        budget={"p99_ms": 10_000, "load_seconds": 600, "memory_mib": 8192, "size_mib": 100}
    )
    payload = env.new_run(challenger, staged=False)
    parity = run_stage("deploy_staging", payload)
    assert parity["breaches"] == []
    assert parity["load_seconds"] > 0
    assert parity["memory_mib"] >= 0
    assert 0 < parity["size_mib"] < 100
    run_stage("deploy_staging", payload)
    assert [entry.event.passed for entry in env.entries_of(payload, StagingCheck)] == [True]


def test_a_waived_latency_is_measured_and_recorded(
    env: ReleaseEnvironment, challenger: dict[str, Any]
) -> None:
    """The waiver is in the stage's output and in the ledger, beside what was measured."""
    because = "a batch model: nobody waits for its answers"
    env.write_spec(waive=[{"limit": "latency", "because": because}])
    payload = env.new_run(challenger, staged=False)
    parity = run_stage("deploy_staging", payload)
    [entry] = env.entries_of(payload, StagingCheck)
    assert parity["waivers"] == entry.event.waivers == [f"release latency: {because}"]
    assert (entry.event.p50_ms or 0.0) > 0


def test_tampered_model_file(env: ReleaseEnvironment, challenger: dict[str, Any]) -> None:
    """One byte more in the model's file: staging, rollout and production each refuse to load it."""
    env.write_spec(rollout=["shadow", "full"], bake="1s")
    folder, _ = env.registry.bundle(MODEL, challenger["version"]["version"])
    file, kept = folder / "model.ubj", folder.parent / "kept"
    shutil.copy(file, kept)
    try:
        with file.open("ab") as opened:
            opened.write(b"\0")
        for name, more in (
            ("deploy_staging", {}),
            ("rollout", {"rollout_request": {"step": "shadow"}}),
            ("deploy_production", {}),
        ):
            env.write_spec(
                rollout=["full"] if name == "deploy_production" else ["shadow", "full"], bake="1s"
            )
            with pytest.raises(TerminalError, match=r"not those|digest"):
                run_stage(
                    name, {**env.new_run(challenger, staged=name != "deploy_staging"), **more}
                )
    finally:
        shutil.move(kept, file)


def test_rejected_version(env: ReleaseEnvironment) -> None:
    """A version with a failed gate takes no alias, no share of the traffic and no champion's place."""
    env.write_spec(
        evaluate={"gates": [{"metric": "rmse", "max": 0.001}]}, rollout=["shadow", "full"]
    )
    # The champion misses the gate too, so a challenger that is proved better would be excused.
    payload = env.new_run(env.train("2026-03-21", parameters={"learning_rate": 0.06}))
    assert payload["version"]["validation_status"] == "rejected"
    status = env.poll(payload, "shadow")
    assert status["state"] == "held"
    assert "can never take an alias" in " ".join(status["reasons"])
    assert "can never take an alias" in refused(env, payload)
    version = payload["version"]["version"]
    with pytest.raises(TerminalError, match="can never take an alias"):
        env.registry.require_releasable(MODEL, version)
    # Whoever says that it is approved, the ledger knows better.
    env.write_spec(evaluate={"gates": [{"metric": "rmse", "max": 0.001}]})
    forged = {
        **payload,
        "version": {**payload["version"], "validation_status": "approved"},
        "verdict": {**payload["verdict"], "releasable": True},
    }
    assert f"the ledger registered version {version} as rejected" in refused(env, forged)


@pytest.mark.parametrize(
    ("decision", "words"), [("timeout", "nobody approved it in time"), ("reject", "ada rejected")]
)
def test_approval_that_was_not_given(
    env: ReleaseEnvironment, challenger: dict[str, Any], decision: str, words: str
) -> None:
    """A rejection, or nobody's answer, is recorded and holds the release."""
    env.write_spec(**REQUIRED)
    payload = env.new_run(challenger)
    assert env.answer(payload, decision, comment="too soon")["decision"] == decision
    assert words in refused(env, payload)
    entry = env.entries_of(payload, ApprovalAnswered)[-1]
    assert (entry.who, entry.event.decision, entry.event.comment) == ("ada", decision, "too soon")


def test_approval_marked_as_given_by_hand(
    env: ReleaseEnvironment, challenger: dict[str, Any]
) -> None:
    """A task's state is no approval: without an entry in the ledger neither rollout nor production
    goes on.
    """
    env.write_spec(**REQUIRED, rollout=["shadow", "full"])
    payload = env.new_run(challenger)
    assert "the ledger has no approval" in " ".join(env.poll(payload, "shadow")["reasons"])
    env.write_spec(**REQUIRED)
    assert "the ledger has no approval" in refused(env, payload)


def test_approval_of_something_else(env: ReleaseEnvironment, challenger: dict[str, Any]) -> None:
    """An approval is for one run, one version and its files: one of another run or other files is
    none.
    """
    env.write_spec(**REQUIRED)
    env.answer(env.new_run(challenger), "approve")
    assert "no approval of it by this run" in refused(env, env.new_run(challenger))
    payload = env.new_run(challenger)
    env.answer(payload, "approve")
    version, tag = challenger["version"]["version"], "airworthy.bundle_digest"
    env.registry.client.set_model_version_tag(MODEL, version, tag, "0" * 64)
    try:
        assert "other files of it were approved" in refused(env, payload)
        with pytest.raises(TerminalError, match="other files than those that were judged"):
            env.answer(payload, "approve")
    finally:
        env.registry.client.set_model_version_tag(
            MODEL, version, tag, challenger["version"]["bundle_digest"]
        )


@pytest.mark.parametrize("proof", ["operating system", "nobody"])
def test_approval_by_a_name_that_airflow_does_not_prove(
    env: ReleaseEnvironment, challenger: dict[str, Any], proof: str
) -> None:
    """Whatever wrote the entry: only a person whom Airflow authenticated approves."""
    env.write_spec(**REQUIRED)
    payload = env.new_run(challenger)
    env.answer(payload, "approve", proved_by=proof)
    assert f"the approval of ada is proved by {proof}, and not by Airflow" in refused(env, payload)


def test_approval_by_the_person_who_triggered_the_run(
    env: ReleaseEnvironment, challenger: dict[str, Any]
) -> None:
    """Where another person must approve, the ledger itself holds it, with an id or without."""
    env.write_spec(approval={"by_other_than_trigger": True})
    trigger: dict[str, Any] = {"requested_by": "ada", "requested_by_proof": "airflow"}
    payload = env.run_stages(env.new_run(challenger, **trigger), "evaluate")
    for who in ({"who": "ada"}, {"who": "ada (17)", "user": "ada"}):
        env.answer(payload, "approve", **who)
        assert "ada triggered its run: another person must" in refused(env, payload)
    env.answer(payload, "approve", who="bob")
    blockers = approval_blockers(
        env.entries(),
        release_rules(load_spec(env.folder / "model.yaml"), env.environment),
        payload["run"]["run_id"],
        payload["version"]["version"],
        payload["version"]["bundle_digest"],
    )
    assert blockers == []


def test_the_last_answer_counts(env: ReleaseEnvironment, challenger: dict[str, Any]) -> None:
    """A second answer replaces the first: an approval taken back holds the release."""
    env.write_spec(**REQUIRED)
    payload = env.new_run(challenger)
    first = env.answer(payload, "approve", at="2026-03-22T10:00:00+00:00")
    assert env.answer(payload, "approve", who="bob", at="2026-03-22T10:00:00+00:00") == first
    env.answer(payload, "reject", at="2026-03-22T11:00:00+00:00")
    assert "ada rejected it" in refused(env, payload)
    assert len(env.entries_of(payload, ApprovalAnswered)) == 2


def test_verdict_older_than_the_champion(
    env: ReleaseEnvironment, challenger: dict[str, Any]
) -> None:
    """A version compared with another champion than today's cannot even begin its rollout."""
    payload = env.new_run(challenger)
    payload["verdict"] = {**payload["verdict"], "champion_version": None}
    with pytest.raises(TerminalError, match="another version became champion after the verdict"):
        run_stage("deploy_production", payload)
    env.write_spec(rollout=[10, "full"])
    with pytest.raises(TerminalError, match="another version became champion after the verdict"):
        env.poll(payload, 10)


@pytest.mark.parametrize(
    ("run", "words"),
    [
        ({"reason": "backfill"}, "backfill"),
        ({"as_of": "2026-03-10T00:00:00Z"}, "before the champion's"),
        ({"promote": "never"}, "promote is never"),
    ],
)
def test_runs_that_do_not_release(
    env: ReleaseEnvironment, challenger: dict[str, Any], run: dict[str, Any], words: str
) -> None:
    """A backfill, older data, and promote=never get no traffic and no promotion."""
    env.write_spec(rollout=["shadow", "full"])
    payload = env.new_run(challenger, **run)
    status = env.poll(payload, "shadow")
    assert status["state"] == "held"
    assert words in " ".join(status["reasons"])
    assert words in refused(env, payload)


def test_step_marked_as_done_by_hand(env: ReleaseEnvironment, challenger: dict[str, Any]) -> None:
    """Steps without an end in the ledger hold the later ones; a share already given is taken back."""
    env.write_spec(rollout=["shadow", 10, "full"], bake="1h")
    payload = env.new_run(challenger)
    assert "the step shadow of its rollout" in refused(env, payload)
    assert env.poll(payload, "shadow")["state"] == "baking"
    status = env.poll(payload, 10)
    assert status["state"] == "tripped"
    assert "the step shadow of its rollout" in " ".join(status["reasons"])
    again = env.new_run(challenger)
    assert env.poll(again, "shadow")["state"] == "baking"
    assert "the step shadow of its rollout" in refused(env, again)
    assert CHALLENGER not in env.registry.client.get_registered_model(MODEL).aliases
    assert env.poll(again, "shadow")["state"] == "tripped"


def test_the_same_version_untouched_is_fit(
    env: ReleaseEnvironment, challenger: dict[str, Any]
) -> None:
    """The refusals above have their reasons: the same version, unchanged, loads and answers."""
    folder, _ = env.registry.bundle(MODEL, challenger["version"]["version"])
    assert Path(folder).is_dir()
    assert run_stage("deploy_staging", env.new_run(challenger, staged=False))["matched"] is True
