"""What must not reach production does not, whatever was tried: the champion keeps all of the traffic."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airworthy.errors import TerminalError
from airworthy.registry.registry import CHALLENGER
from airworthy.stages import run_stage

from ..stages.conftest import FEATURES  # noqa: TID252 - tests are no installed package
from .house import MODEL, House, open_house

REQUIRED: dict[str, Any] = {"approval": "required"}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house with a champion, version 1."""
    with open_house(tmp_path_factory.mktemp("house")) as house:
        yield house


@pytest.fixture(scope="module")
def challenger(built: House) -> dict[str, Any]:
    """Version 2, which passed its gates against version 1."""
    built.rules()
    return built.made("2026-03-21")


@pytest.fixture
def house(built: House, challenger: dict[str, Any]) -> Iterator[House]:
    """The house; whatever the test tried, version 1 serves all of the traffic after it."""
    built.rules()
    yield built
    built.demand_only_champion("1")
    assert [entry.event.to for entry in built.entries(None, "alias_move")] == ["1"]


def refused(house: House, payload: dict[str, Any]) -> str:
    """Try to deploy and return why it was held."""
    deployment = run_stage("deploy_production", payload)
    assert deployment["promoted"] is False
    return str(deployment["reason"])


def test_answers_that_differ_from_the_offline_ones(house: House) -> None:
    """Features that come out otherwise in the server than offline are found in staging, and it is recorded."""
    # Each time the file is loaded in this process, where the server is too, every distance is another one.
    other = FEATURES.replace(
        'pl.col("distance_km"),', '(pl.col("distance_km") + 7.0 * loads) % 20.0,'
    )
    count = 'import itertools\nimport sys\n\nloads = next(sys.__dict__.setdefault("loads", itertools.count()))\n'
    house.rules(features=count + other)
    payload = house.made("2026-03-22")
    with pytest.raises(TerminalError, match="otherwise than the model does offline"):
        run_stage("deploy_staging", payload)
    entry = house.entries(payload, "staging")[-1]
    assert entry.event.passed is False
    assert "difference" in entry.event.reasons[0]
    lacking = house.anew(payload)
    lacking["parity"]["matched"] = False
    assert "staging" in refused(house, lacking)


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
    house: House, challenger: dict[str, Any], limit: dict[str, float], words: str
) -> None:
    """Latency, time to load and size over the budget end the release in staging; the ledger has the figures."""
    house.rules(budget=limit)
    payload = house.anew(challenger, staged=False)
    with pytest.raises(TerminalError, match=words):
        run_stage("deploy_staging", payload)
    entry = house.entries(payload, "staging")[-1]
    assert words in entry.event.reasons[0]
    assert entry.event.p99_ms > 0


def test_within_its_budget(house: House, challenger: dict[str, Any]) -> None:
    """A version that costs less than its budget is fit, and what it costs is handed over and recorded."""
    house.rules(budget={"p99_ms": 10_000, "load_seconds": 600, "memory_mib": 8192, "size_mib": 100})
    payload = house.anew(challenger, staged=False)
    parity = run_stage("deploy_staging", payload)
    assert parity["breaches"] == []
    assert parity["load_seconds"] > 0
    assert parity["memory_mib"] >= 0
    assert 0 < parity["size_mib"] < 100
    run_stage("deploy_staging", payload)
    assert [entry.event.passed for entry in house.entries(payload, "staging")] == [True]


def test_tampered_model_file(house: House, challenger: dict[str, Any]) -> None:
    """One byte more in the model's file: staging, rollout and production each refuse to load it."""
    house.rules(rollout=["shadow", "full"], bake="1s")
    folder, _ = house.registry.bundle(MODEL, challenger["version"]["version"])
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
            house.rules(
                rollout=["full"] if name == "deploy_production" else ["shadow", "full"], bake="1s"
            )
            with pytest.raises(TerminalError, match=r"not those|digest"):
                run_stage(name, {**house.anew(challenger, staged=name != "deploy_staging"), **more})
    finally:
        shutil.move(kept, file)


def test_rejected_version(house: House) -> None:
    """A version that failed a gate takes no alias, no share of the traffic and no champion's place."""
    house.rules(evaluate={"gates": [{"metric": "rmse", "max": 0.001}]}, rollout=["shadow", "full"])
    payload = house.anew(house.made("2026-03-21"))
    assert payload["version"]["validation_status"] == "rejected"
    status = house.look(payload, "shadow")
    assert status["state"] == "held"
    assert "can never take an alias" in " ".join(status["reasons"])
    assert "can never take an alias" in refused(house, payload)
    version = payload["version"]["version"]
    with pytest.raises(TerminalError, match="can never take an alias"):
        house.registry.name_challenger(MODEL, version)
    with pytest.raises(TerminalError, match="can never take an alias"):
        house.registry.promote(MODEL, version, expected="1")
    # Whoever says that it is approved, the registry knows better.
    house.rules(evaluate={"gates": [{"metric": "rmse", "max": 0.001}]})
    forged = {
        **payload,
        "version": {**payload["version"], "validation_status": "approved"},
        "verdict": {**payload["verdict"], "releasable": True},
    }
    with pytest.raises(TerminalError, match="can never take an alias"):
        run_stage("deploy_production", forged)


@pytest.mark.parametrize(
    ("decision", "words"), [("timeout", "nobody approved it in time"), ("reject", "ada rejected")]
)
def test_approval_that_was_not_given(
    house: House, challenger: dict[str, Any], decision: str, words: str
) -> None:
    """A rejection, or nobody's answer, is recorded and holds the release."""
    house.rules(**REQUIRED)
    payload = house.anew(challenger)
    assert house.answer(payload, decision, comment="too soon")["decision"] == decision
    assert words in refused(house, payload)
    entry = house.entries(payload, "approval")[-1]
    assert (entry.who, entry.event.decision, entry.event.comment) == ("ada", decision, "too soon")


def test_approval_marked_as_given_by_hand(house: House, challenger: dict[str, Any]) -> None:
    """A task's state is no approval: without an entry in the ledger neither rollout nor production goes on."""
    house.rules(**REQUIRED, rollout=["shadow", "full"])
    payload = house.anew(challenger)
    assert "the ledger has no approval" in " ".join(house.look(payload, "shadow")["reasons"])
    house.rules(**REQUIRED)
    assert "the ledger has no approval" in refused(house, payload)


def test_approval_of_something_else(house: House, challenger: dict[str, Any]) -> None:
    """An approval is for one run, one version and its files: that of another run, or of other files, is none."""
    house.rules(**REQUIRED)
    house.answer(house.anew(challenger), "approve")
    assert "no approval of it by this run" in refused(house, house.anew(challenger))
    payload = house.anew(challenger)
    house.answer(payload, "approve")
    version, tag = challenger["version"]["version"], "airworthy.bundle_digest"
    house.registry.client.set_model_version_tag(MODEL, version, tag, "0" * 64)
    try:
        assert "other files of it were approved" in refused(house, payload)
        with pytest.raises(TerminalError, match="other files than those that were judged"):
            house.answer(payload, "approve")
    finally:
        house.registry.client.set_model_version_tag(
            MODEL, version, tag, challenger["version"]["bundle_digest"]
        )


def test_the_last_answer_counts(house: House, challenger: dict[str, Any]) -> None:
    """Whoever has the question asked again means it: an approval that is taken back holds the release."""
    house.rules(**REQUIRED)
    payload = house.anew(challenger)
    first = house.answer(payload, "approve", at="2026-03-22T10:00:00+00:00")
    assert house.answer(payload, "approve", who="bob", at="2026-03-22T10:00:00+00:00") == first
    house.answer(payload, "reject", at="2026-03-22T11:00:00+00:00")
    assert "ada rejected it" in refused(house, payload)
    assert len(house.entries(payload, "approval")) == 2


def test_verdict_older_than_the_champion(house: House, challenger: dict[str, Any]) -> None:
    """A version that was compared with another champion than today's cannot even begin its rollout."""
    payload = house.anew(challenger)
    payload["verdict"] = {**payload["verdict"], "champion_version": None}
    with pytest.raises(TerminalError, match="another version became champion after the verdict"):
        run_stage("deploy_production", payload)
    house.rules(rollout=[10, "full"])
    with pytest.raises(TerminalError, match="another version became champion after the verdict"):
        house.look(payload, 10)


@pytest.mark.parametrize(
    ("run", "words"),
    [
        ({"reason": "backfill"}, "backfill"),
        ({"as_of": "2026-03-10T00:00:00Z"}, "before the champion's"),
        ({"promote": "never"}, "promote is never"),
    ],
)
def test_runs_that_do_not_release(
    house: House, challenger: dict[str, Any], run: dict[str, str], words: str
) -> None:
    """A backfill, older data, and promote=never get no traffic and no promotion."""
    house.rules(rollout=["shadow", "full"])
    payload = house.anew(challenger, **run)
    status = house.look(payload, "shadow")
    assert status["state"] == "held"
    assert words in " ".join(status["reasons"])
    assert words in refused(house, payload)


def test_step_marked_as_done_by_hand(house: House, challenger: dict[str, Any]) -> None:
    """Steps that the ledger does not know to have ended well hold what comes after; a share that was given is taken."""
    house.rules(rollout=["shadow", 10, "full"], bake="1h")
    payload = house.anew(challenger)
    assert "the step shadow of its rollout" in refused(house, payload)
    assert house.look(payload, "shadow")["state"] == "baking"
    status = house.look(payload, 10)
    assert status["state"] == "tripped"
    assert "the step shadow of its rollout" in " ".join(status["reasons"])
    again = house.anew(challenger)
    assert house.look(again, "shadow")["state"] == "baking"
    assert "the step shadow of its rollout" in refused(house, again)
    assert CHALLENGER not in house.registry.client.get_registered_model(MODEL).aliases
    assert house.look(again, "shadow")["state"] == "tripped"


def test_the_same_version_untouched_is_fit(house: House, challenger: dict[str, Any]) -> None:
    """What is refused above is so for its reasons: the same version, left as it is, loads and answers."""
    folder, _ = house.registry.bundle(MODEL, challenger["version"]["version"])
    assert Path(folder).is_dir()
    assert run_stage("deploy_staging", house.anew(challenger, staged=False))["matched"] is True
