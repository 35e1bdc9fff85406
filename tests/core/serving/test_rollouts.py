"""Rollouts in a real server over HTTP: the ledger's step decides, and a person's flags over it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import polars as pl
import pytest

from airworthy.bundle import MODEL_FILE, ModelBundle
from airworthy.release.rollout_flags import set_kill_switch
from airworthy.release.server_client import split_body
from airworthy.serving.in_process_server import serving
from airworthy.serving.person_flags import flags_of_step
from airworthy.traffic import Rollout

from ..eventually import eventually  # noqa: TID252 - tests are no installed package
from .conftest import INPUTS, FolderRegistry
from .release_record import ReleaseRecord
from .rollout_client import EXAMPLE, JSON, RolloutClient

KEYS = [f"customer-{number}" for number in range(20_000)]
FEW = KEYS[:200]


def write_flags(flags: Path, rollout: Rollout, change: Any = None) -> None:
    """Write the flags of a step into the file, as a release does; `change` them as an editor does."""
    written = flags_of_step("eta", rollout)
    written["eta.kill_switch"] = {
        "state": "ENABLED",
        "variants": {"on": True, "off": False},
        "defaultVariant": "off",
    }
    if change is not None:
        change(written)
    flags.write_text(json.dumps({"flags": written}, indent=4))


def edit(flags: Path, change: Any) -> None:
    """Change the file as an editor does."""
    document = json.loads(flags.read_text())
    change(document["flags"])
    flags.write_text(json.dumps(document, indent=4))


def all_of_it(flags: dict[str, Any]) -> None:
    """Give the challenger everything."""
    flags["eta.rollout"]["targeting"]["fractional"] = [["challenger", 100], ["champion", 0]]


def half_of_it(flags: dict[str, Any]) -> None:
    """Give the challenger half."""
    flags["eta.rollout"]["targeting"]["fractional"] = [["challenger", 50], ["champion", 50]]


def share(versions: dict[str, str], version: str = "2") -> float:
    """Return the share of answers by a version."""
    return sum(result == version for result in versions.values()) / len(versions)


def test_the_canary_has_the_share_that_the_flag_says_and_keys_stay_where_they_are(
    rolling: RolloutClient, record: ReleaseRecord
) -> None:
    """Over 20,000 keys the share is within a percentage point; keys change their version only as it
    grows.
    """
    record.begin(10)
    rolling.wait_for_step(10)
    first = rolling.ask_all(KEYS)
    assert abs(share(first) - 0.10) < 0.01
    assert set(first.values()) == {"1", "2"}
    again = rolling.ask_all(FEW)
    assert again == {key: first[key] for key in FEW}
    record.begin(50)
    rolling.wait_for_step(50)
    grown = rolling.ask_all(KEYS[:2000])
    assert {key for key in grown if first[key] == "2"} <= {
        key for key, version in grown.items() if version == "2"
    }
    assert 0.4 < share(grown) < 0.6
    described = rolling.rollout()["arms"]
    assert described["challenger"]["requests"] + described["champion"]["requests"] == len(grown)
    assert described["challenger"]["requests"] == sum(version == "2" for version in grown.values())


def test_without_a_key_the_question_decides(
    rolling: RolloutClient, rows: pl.DataFrame, record: ReleaseRecord
) -> None:
    """The same body gets the same version each time, different bodies are spread over both."""
    record.begin(50)
    rolling.wait_for_step(50)
    bodies = [split_body(rows[index]) for index in range(rows.height)]
    first = [rolling.ask(body=body)["version"] for body in bodies]
    assert set(first) == {"1", "2"}
    assert [rolling.ask(body=body)["version"] for body in bodies] == first


def test_no_answer_mixes_versions(
    rolling: RolloutClient, own_registry: FolderRegistry, rows: pl.DataFrame, record: ReleaseRecord
) -> None:
    """An answer's version is true of every prediction in it."""
    record.begin(50)
    rolling.wait_for_step(50)
    expected = {
        version: ModelBundle.load(*own_registry.bundle("eta", version)).predict(rows)
        for version in "12"
    }
    for key in KEYS[:40]:
        answer = rolling.ask(key, split_body(rows))
        assert np.array_equal(np.float32(answer["predictions"]), expected[answer["version"]])


def test_a_hand_edit_takes_effect(
    rolling: RolloutClient, flags: Path, record: ReleaseRecord
) -> None:
    """A share changed in an editor is the share; counting goes on, for the step is the same."""
    write_flags(flags, record.begin(1))
    rolling.wait_for_step(1)
    before = rolling.ask_all(FEW)
    assert share(before) < 0.1
    edit(flags, all_of_it)
    eventually("the challenger answers everybody", lambda: share(rolling.ask_all(FEW[:20])) == 1.0)
    described = rolling.rollout()
    assert described["step"] == 1
    assert described["arms"]["champion"]["requests"] >= sum(
        version == "1" for version in before.values()
    )
    assert described["arms"]["challenger"]["requests"] >= 20


def test_the_kill_switch_sends_everything_to_the_champion(
    rolling: RolloutClient, flags: Path, record: ReleaseRecord
) -> None:
    """Thrown by a hand edit, it wins over the rollout's flag; taken back, the canary goes on with
    the same keys.
    """
    write_flags(flags, record.begin(50))
    rolling.wait_for_step(50)
    before = rolling.ask_all(FEW)
    edit(flags, lambda result: result["eta.kill_switch"].update(defaultVariant="on"))
    eventually("the kill switch is on", lambda: rolling.rollout()["kill_switch"])
    assert set(rolling.ask_all(FEW).values()) == {"1"}
    assert 'airworthy_kill_switch{model="eta"} 1.0' in rolling.metrics()
    set_kill_switch(flags, "eta", False)
    eventually("the kill switch is off", lambda: not rolling.rollout()["kill_switch"])
    assert rolling.ask_all(FEW) == before


def test_a_shadow_answers_nobody_and_is_counted(
    rolling: RolloutClient,
    flags: Path,
    own_registry: FolderRegistry,
    rows: pl.DataFrame,
    record: ReleaseRecord,
) -> None:
    """In the shadow step all answers are the champion's; the challenger's are only in its arm's
    figures.
    """
    record.begin("shadow")
    rolling.wait_for_step("shadow")
    assert set(rolling.ask_all(FEW, split_body(rows)).values()) == {"1"}
    requested = len(FEW)
    shadow = eventually(
        "all shadows", lambda: (arm := rolling.arm("challenger"))["requests"] == requested and arm
    )
    assert (shadow["version"], shadow["errors"], shadow["rows"]) == (
        "2",
        0,
        requested * rows.height,
    )
    assert 0 < shadow["p50_ms"] <= shadow["p99_ms"]
    assert set(map(np.float32, shadow["predictions"])) == set(
        ModelBundle.load(*own_registry.bundle("eta", "2")).predict(rows)
    )
    champion = rolling.arm("champion")
    assert (champion["version"], champion["requests"], champion["errors"]) == ("1", requested, 0)
    assert set(map(np.float32, champion["predictions"])) == set(
        ModelBundle.load(*own_registry.bundle("eta", "1")).predict(rows)
    )
    text = rolling.metrics()
    assert (
        f'airworthy_requests_total{{arm="shadow",model="eta",status="200",version="2"}} {float(requested)}'
        in text
    )
    assert (
        f'airworthy_requests_total{{arm="champion",model="eta",status="200",version="1"}} {float(requested)}'
        in text
    )
    set_kill_switch(flags, "eta", True)
    eventually("the kill switch is on", lambda: rolling.rollout()["kill_switch"])
    rolling.ask_all(FEW)
    assert rolling.arm("challenger")["requests"] == requested


def test_figures_begin_anew_with_each_step(rolling: RolloutClient, record: ReleaseRecord) -> None:
    """A step is evaluated on its own requests."""
    record.begin("shadow")
    rolling.wait_for_step("shadow")
    rolling.ask_all(FEW)
    eventually("all shadows", lambda: rolling.arm("challenger")["requests"] == len(FEW))
    record.begin(10)
    rolling.wait_for_step(10)
    described = rolling.rollout()
    assert (
        described["champion"],
        described["challenger"],
        described["step"],
        described["kill_switch"],
    ) == (
        "1",
        "2",
        10,
        False,
    )
    for arm, version in (("champion", "1"), ("challenger", "2")):
        assert described["arms"][arm] == {
            "version": version,
            "requests": 0,
            "errors": 0,
            "refused": 0,
            "rows": 0,
            "p50_ms": None,
            "p99_ms": None,
            "predictions": [],
            "labels": 0,
            "mean_loss": None,
            "loss_sd": None,
        }
    assert (
        'airworthy_rollout_info{challenger="2",champion="1",model="eta",step="10"} 1.0'
        in rolling.metrics()
    )


def test_a_stop_ends_it_and_unloads_the_challenger(
    rolling: RolloutClient, record: ReleaseRecord
) -> None:
    """After a stop the champion answers everything, and the challenger is unloaded."""
    record.begin(50)
    rolling.wait_for_step(50)
    record.stop()
    rolling.wait_for_step(None)
    assert set(rolling.ask_all(FEW).values()) == {"1"}
    eventually("version 2 is unloaded", lambda: rolling.candidates() == [])
    described = rolling.rollout()
    assert (
        described["since"],
        described["arms"]["challenger"],
        described["arms"]["champion"]["version"],
    ) == (
        None,
        None,
        "1",
    )
    assert "airworthy_rollout_info{" not in rolling.metrics()


BROKEN = {
    "cut off": lambda text: text[: len(text) // 2],
    "empty": lambda _: "",
    "another kind of file": lambda _: "[1, 2, 3]",
    "a misspelt variant": lambda text: text.replace('"challenger",\n', '"chalenger",\n'),
    "a state that flagd does not know": lambda text: text.replace('"ENABLED"', '"ON"'),
    "no version": lambda text: text.replace('"challenger": "2"', '"challenger": null'),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_flag_file_keeps_the_last_good_flags(
    rolling: RolloutClient,
    flags: Path,
    caplog: pytest.LogCaptureFixture,
    broken: Any,
    record: ReleaseRecord,
) -> None:
    """The traffic does not change; log and metrics name the fault; corrected, the file holds again."""
    rollout = record.begin(10)
    write_flags(flags, rollout, half_of_it)
    rolling.wait_for_step(10)
    eventually("half is the challenger's", lambda: share(rolling.ask_all(FEW)) > 0.4)
    before = rolling.ask_all(FEW)
    good = flags.read_text()
    assert broken(good) != good
    flags.write_text(broken(good))
    eventually("the metrics say it", lambda: "airworthy_flag_problems 1.0" in rolling.metrics())
    assert str(flags) in caplog.text
    assert rolling.ask_all(FEW) == before
    write_flags(flags, rollout, all_of_it)
    eventually("the file holds again", lambda: share(rolling.ask_all(FEW[:20])) == 1.0)
    assert "airworthy_flag_problems 0.0" in rolling.metrics()


def test_one_models_broken_flag_holds_up_no_other(
    own_registry: FolderRegistry, flags: Path, record: ReleaseRecord
) -> None:
    """A wrong flag of one model concerns this model alone: another model's kill switch works."""
    own_registry.add("late", "1", "binary")
    own_registry.promote("late", "1")
    write_flags(flags, record.begin(50))
    set_kill_switch(flags, "late", True)
    with (
        serving(lambda: own_registry, record.following(flags=str(flags))) as running,
        RolloutClient(running) as client,
    ):
        client.wait_for_step(50)
        edit(flags, lambda result: result["late.kill_switch"].update(state="ON"))
        set_kill_switch(flags, "eta", True)
        eventually("the kill switch is on", lambda: client.rollout()["kill_switch"])
        assert client.get("/models/late/rollout").json()["kill_switch"]


def test_flags_of_another_step_or_none_leave_the_ledgers_step(
    rolling: RolloutClient, flags: Path, record: ReleaseRecord
) -> None:
    """The file is a projection: old flags, or a missing file, change nothing."""
    old = record.begin(50)
    write_flags(flags, old, all_of_it)
    rolling.wait_for_step(50)
    eventually("a person's share", lambda: share(rolling.ask_all(FEW)) == 1.0)
    record.begin(10)
    rolling.wait_for_step(10)
    assert share(rolling.ask_all(FEW)) < 0.3
    write_flags(flags, old, half_of_it)
    set_kill_switch(flags, "other", True)
    eventually(
        "the file is read", lambda: 'airworthy_kill_switch{model="other"} 1.0' in rolling.metrics()
    )
    assert share(rolling.ask_all(FEW)) < 0.3
    flags.unlink()
    eventually(
        "the file is gone", lambda: 'airworthy_kill_switch{model="other"}' not in rolling.metrics()
    )
    assert 0 < share(rolling.ask_all(FEW)) < 0.3


def test_a_file_that_is_put_back_counts_though_it_is_older(
    rolling: RolloutClient, flags: Path, record: ReleaseRecord
) -> None:
    """A copy from before, with its time, replaces the flags like any other change."""
    write_flags(flags, record.begin(50), all_of_it)
    rolling.wait_for_step(50)
    eventually("a person's share", lambda: share(rolling.ask_all(FEW[:20])) == 1.0)
    saved = flags.with_name("saved")
    flags.rename(saved)
    eventually("the ledger's share", lambda: share(rolling.ask_all(FEW)) < 0.7)
    saved.replace(flags)
    eventually("a person's share again", lambda: share(rolling.ask_all(FEW[:20])) == 1.0)


def test_a_server_that_starts_in_the_middle_of_a_canary_goes_on_with_it(
    own_registry: FolderRegistry, record: ReleaseRecord
) -> None:
    """Once it is ready, each key gets the same version as before: the challenger was loaded first."""
    record.begin(50)
    result = []
    for _ in range(2):
        with (
            serving(lambda: own_registry, record.following()) as running,
            RolloutClient(running) as client,
        ):
            assert client.candidates() == ["2"]
            result.append(client.ask_all(FEW))
    assert result[0] == result[1]
    assert set(result[0].values()) == {"1", "2"}


def test_when_the_challenger_fails_the_champion_answers(
    own_registry: FolderRegistry, record: ReleaseRecord
) -> None:
    """A failing challenger costs nobody an answer; the error is the challenger's, not the
    champion's.
    """
    own_registry.add("eta", "4", inputs=INPUTS | {"weight": "float"})
    record.begin(50, challenger="4")
    with (
        serving(lambda: own_registry, record.following()) as running,
        RolloutClient(running) as client,
    ):
        assert client.candidates() == ["4"]
        assert set(client.ask_all(FEW).values()) == {"1"}
        arms = client.rollout()["arms"]
        assert arms["challenger"]["errors"] == arms["challenger"]["requests"] > 50
        assert arms["challenger"]["errors"] + arms["champion"]["requests"] == len(FEW)
        assert arms["champion"]["errors"] == 0
        errors = float(arms["challenger"]["errors"])
        assert (
            f'airworthy_challenger_errors_total{{model="eta",version="4"}} {errors}'
            in client.metrics()
        )
        # What the champion refuses too is the client's fault, not the challenger's.
        for key in FEW:
            headers = JSON | {"x-targeting-key": key}
            refused = client.post(
                "/models/eta/invocations", content=b'{"inputs": []}', headers=headers
            )
            assert refused.status_code == 400
        assert client.arm("challenger")["errors"] == errors


@pytest.mark.parametrize("step", ["shadow", 50])
def test_a_challenger_that_cannot_be_loaded_is_an_error_of_the_challenger(
    own_registry: FolderRegistry, step: Any, record: ReleaseRecord
) -> None:
    """Tampered files are never run: the champion answers, each such request counts against the
    challenger.
    """
    path = own_registry.bundle("eta", "2")[0] / MODEL_FILE
    path.write_bytes(path.read_bytes() + b" ")
    record.begin(step)
    with (
        serving(lambda: own_registry, record.following()) as running,
        RolloutClient(running) as client,
    ):
        assert client.candidates() == []
        assert set(client.ask_all(FEW).values()) == {"1"}
        challenger = client.arm("challenger")
        assert challenger["errors"] == challenger["requests"] > 0
        assert (challenger["rows"], challenger["p99_ms"]) == (0, None)


def test_a_new_champion_ends_a_rollout_that_was_against_another(
    rolling: RolloutClient, record: ReleaseRecord
) -> None:
    """The old challenger gets nothing any more, not even after the old champion's return."""
    record.begin(50)
    rolling.wait_for_step(50)
    record.move("eta", "3")
    rolling.wait_for_champion("3")
    assert set(rolling.ask_all(FEW).values()) == {"3"}
    described = rolling.rollout()
    assert (described["champion"], described["challenger"], described["step"]) == ("3", None, None)
    assert rolling.candidates() == []
    record.move("eta", "1")
    rolling.wait_for_champion("1")
    assert set(rolling.ask_all(FEW).values()) == {"1"}
    record.begin(10)
    rolling.wait_for_step(10)


def test_the_last_step_fails_nobody_and_leaves_the_challenger_as_champion(
    rolling: RolloutClient, record: ReleaseRecord
) -> None:
    """The challenger becomes champion while half of the traffic is on it: from then on it has all
    of it.
    """
    record.begin(50)
    rolling.wait_for_step(50)
    record.move("eta", "2")
    rolling.wait_for_champion("2")
    assert set(rolling.ask_all(FEW).values()) == {"2"}
    record.begin("shadow", challenger="3")
    rolling.wait_for_step("shadow", "3")
    assert rolling.get("/models/eta").json()["version"] == "2"


def test_without_a_rollout_nothing_is_counted(rolling: RolloutClient) -> None:
    """A model without a rollout is answered by its champion, and has no rollout."""
    assert rolling.ask("anybody")["version"] == "1"
    described = rolling.rollout()
    assert (
        described["champion"],
        described["challenger"],
        described["step"],
        described["since"],
    ) == (
        "1",
        None,
        None,
        None,
    )
    assert described["kill_switch"] is False
    assert (described["arms"]["champion"]["requests"], described["arms"]["challenger"]) == (0, None)
    assert httpx.get(f"{rolling.server.url}/models/nope/rollout").status_code == 404


def test_every_answer_has_an_id_of_its_own(rolling: RolloutClient, record: ReleaseRecord) -> None:
    """The id is in the body and in the header, whichever version answers."""
    record.begin(50)
    rolling.wait_for_step(50)
    ids = set()
    for key in FEW[:50]:
        reply = rolling.post(
            "/models/eta/invocations", content=EXAMPLE, headers=JSON | {"x-targeting-key": key}
        )
        assert reply.headers["x-prediction-id"] == reply.json()["id"]
        ids.add(reply.json()["id"])
    assert len(ids) == 50
