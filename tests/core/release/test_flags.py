"""The flagd file of rollouts: writing, surviving, refusing."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext

from airworthy.errors import TerminalError
from airworthy.handover.release_outputs import GuardedStep
from airworthy.release.rollout_flags import (
    clear_rollout,
    read_rollout,
    set_kill_switch,
    write_rollout,
)
from airworthy.traffic import Rollout

SINCE = datetime(2026, 3, 1, 12, 30, 0, 123456, tzinfo=UTC)

FOREIGN = {
    "state": "ENABLED",
    "variants": {"a": 1, "b": 2},
    "defaultVariant": "a",
    "metadata": {"owner": "somebody"},
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The place of the flags."""
    return tmp_path / "flags.json"


def begin(
    file: Path,
    step: GuardedStep,
    model: str = "eta",
    run_id: str = "run-1",
    challenger: str = "8",
    since: datetime = SINCE,
) -> None:
    """Write a rollout into the file.

    Args:
        file: The flag file.
        step: The step.
        model: The model's name.
        run_id: The run's id.
        challenger: Its version.
        since: The start of the step.
    """
    rollout = Rollout("7", challenger, step, since, run_id, bundle_digest="d", entry=3)
    write_rollout(file, model, rollout)


def evaluator(file: Path) -> FlagdCore:
    """Flagd's own evaluator on the file."""
    core = FlagdCore()
    core.set_flags(file.read_text())
    return core


def on_challenger(file: Path, keys: list[str]) -> set[str]:
    """Return the challenger's targeting keys, by flagd."""
    core = evaluator(file)
    stored = {
        key: core.resolve_string_value("eta.rollout", "", EvaluationContext(key)) for key in keys
    }
    assert {answer.value for answer in stored.values()} <= {"7", "8"}
    return {key for key, answer in stored.items() if answer.variant == "challenger"}


def test_the_share_is_what_the_step_says_and_grows_by_adding_keys(file: Path) -> None:
    """Flagd sends the step's percentage to the challenger, and no key leaves it when the share
    grows.
    """
    keys = [f"customer-{number}" for number in range(20_000)]
    before: set[str] = set()
    for step in (1, 10, 50, 99):
        begin(file, step)
        now = on_challenger(file, keys)
        assert abs(len(now) / len(keys) - step / 100) < 0.01
        assert before <= now
        before = now


def test_a_shadow_takes_no_traffic_and_is_named(file: Path) -> None:
    """In the shadow step flagd gives everybody the champion, and names the challenger as the
    shadow.
    """
    begin(file, "shadow")
    assert on_challenger(file, [str(number) for number in range(200)]) == set()
    assert evaluator(file).resolve_string_value("eta.shadow", "").value == "8"
    begin(file, 10)
    assert evaluator(file).resolve_string_value("eta.shadow", "").value == ""


def test_what_is_written_is_read(file: Path) -> None:
    """A rollout is read as begun, with the step's first moment."""
    assert read_rollout(file, "eta") is None
    begin(file, 10)
    stored = read_rollout(file, "eta")
    assert stored is not None
    assert stored == Rollout("7", "8", 10, SINCE, "run-1")
    assert read_rollout(file, "other") is None


def test_a_step_written_again_leaves_a_hand_edit(file: Path) -> None:
    """A share set by hand in a step holds as long as this very step; another one is written anew."""
    begin(file, 10)
    document = json.loads(file.read_text())
    document["flags"]["eta.rollout"]["targeting"]["fractional"] = [
        ["challenger", 25],
        ["champion", 75],
    ]
    file.write_text(edited := json.dumps(document))
    begin(file, 10)
    assert file.read_text() == edited
    for changes in ({"run_id": "run-2"}, {"since": SINCE + timedelta(hours=1)}):
        file.write_text(edited)
        begin(file, 10, **changes)
        flag = json.loads(file.read_text())["flags"]["eta.rollout"]
        assert flag["targeting"]["fractional"] == [["challenger", 10], ["champion", 90]]


def test_no_rollout_clears_the_file(file: Path) -> None:
    """What the ledger does not have, the file does not show."""
    begin(file, 10)
    write_rollout(file, "eta", None)
    assert json.loads(file.read_text())["flags"] == {}


def test_other_flags_survive(file: Path) -> None:
    """Other people's entries in the file, and other models' flags, survive every change."""
    evaluators = {"ours": {"in": ["x", {"var": "groups"}]}}
    file.write_text(json.dumps({"flags": {"foreign": FOREIGN}, "$evaluators": evaluators}))
    begin(file, 50, model="other")
    other = read_rollout(file, "other")
    begin(file, 10)
    set_kill_switch(file, "eta", True)
    clear_rollout(file, "eta")
    document = json.loads(file.read_text())
    assert (document["flags"]["foreign"], document["$evaluators"]) == (FOREIGN, evaluators)
    assert (read_rollout(file, "other"), read_rollout(file, "eta")) == (other, None)


def test_a_thrown_kill_switch_outlives_the_rollout(file: Path) -> None:
    """Clearing a rollout leaves nothing of it, but a person's kill switch stays on until taken
    back.
    """
    begin(file, 10)
    assert evaluator(file).resolve_boolean_value("eta.kill_switch", True).value is False
    clear_rollout(file, "eta")
    assert json.loads(file.read_text())["flags"] == {}
    set_kill_switch(file, "eta", True)
    begin(file, 10)
    clear_rollout(file, "eta")
    assert evaluator(file).resolve_boolean_value("eta.kill_switch", False).value is True
    set_kill_switch(file, "eta", False)
    assert evaluator(file).resolve_boolean_value("eta.kill_switch", True).value is False


def test_clearing_what_is_not_there_writes_nothing(file: Path) -> None:
    """No rollout to end is no error, and makes no file."""
    clear_rollout(file, "eta")
    assert list(file.parent.iterdir()) == []


BROKEN = {
    "cut off": '{"flags": {"eta.rollout"',
    "a list": "[]",
    "no flags": '{"flag": {}}',
    "flags of another type": '{"flags": []}',
    "no text": b"\xff\xfe\x00",
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN.keys())
def test_a_file_that_holds_no_flags_is_named_and_left_alone(
    file: Path, content: str | bytes
) -> None:
    """A broken file is nobody's to overwrite: every call names the file and the next step."""
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    calls: tuple[Callable[[], object], ...] = (
        lambda: begin(file, 10),
        lambda: clear_rollout(file, "eta"),
        lambda: set_kill_switch(file, "eta", True),
        lambda: read_rollout(file, "eta"),
    )
    before = file.read_bytes()
    for call in calls:
        with pytest.raises(TerminalError, match=r"flags\.json does not hold flags") as refused:
            call()
        assert refused.value.next_step == f"correct or remove {file}"
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("edit", "named"),
    [
        ({"variants": {"champion": "7"}}, r"eta\.rollout\.variants\.challenger"),
        ({"variants": {"champion": "7", "challenger": 8}}, r"eta\.rollout\.variants\.challenger"),
        ({"state": "ON"}, r"eta\.rollout\.state"),
        (
            {"metadata": {"step": "120", "since": "2026-01-01T00:00:00Z", "run": "r"}},
            r"eta\.rollout\.metadata\.step",
        ),
        (
            {"metadata": {"step": "10", "since": "yesterday", "run": "r"}},
            r"eta\.rollout\.metadata\.since",
        ),
    ],
)
def test_a_rollout_that_cannot_be_understood_names_the_key(
    file: Path, edit: dict[str, Any], named: str
) -> None:
    """A wrong hand edit of one model's flag is named by its key, and concerns no other model."""
    begin(file, 10)
    begin(file, 10, model="other")
    document = json.loads(file.read_text())
    document["flags"]["eta.rollout"] |= edit
    file.write_text(json.dumps(document))
    with pytest.raises(TerminalError, match=named):
        read_rollout(file, "eta")
    assert read_rollout(file, "other") is not None


def test_a_disabled_flag_is_no_rollout(file: Path) -> None:
    """Flagd's DISABLED ends a rollout as clearing it does."""
    begin(file, 10)
    file.write_text(file.read_text().replace("ENABLED", "DISABLED"))
    assert read_rollout(file, "eta") is None


def test_changes_at_once_lose_nothing(file: Path) -> None:
    """Releases of several models write at the same time: every change is kept, and readers see
    whole files.
    """
    models = [f"model_{number}" for number in range(4)]

    def release(model: str) -> None:
        steps: tuple[GuardedStep, ...] = ("shadow", 10, 50)
        for step in steps:
            begin(file, step, model=model)
            stored = read_rollout(file, model)
            assert stored is not None
            assert stored.step == step

    with ThreadPoolExecutor(len(models)) as pool:
        list(pool.map(release, models))
    rollouts = [read_rollout(file, model) for model in models]
    assert [rollout and rollout.step for rollout in rollouts] == [50] * len(models)
