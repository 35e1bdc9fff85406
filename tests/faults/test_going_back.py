"""Going back works with the model server and its own disk alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from airworthy.cli.main import app
from airworthy.errors import TransientError
from airworthy.ledger.events import AliasMove, BreakGlass
from airworthy.serving.in_process_server import RunningServer, serving
from airworthy.serving.kept_versions import KeptTraffic, KeptVersions
from airworthy.serving.reserved_file import ReservedFile
from airworthy.traffic import ServedVersion
from airworthy.traffic.released_versions import released_versions

from ..core.eventually import eventually  # noqa: TID252 - tests are no installed package
from ..core.serving.conftest import FolderRegistry  # noqa: TID252 - tests are no installed package
from ..core.serving.release_record import (  # noqa: TID252 - tests are no installed package
    ReleaseRecord,
)

NOTHING = KeptTraffic(ServedVersion("0", None), None, 0)
REASON = {"reason": "the answers are wrong", "who": "a person"}


@pytest.fixture
def registry(tmp_path: Path) -> FolderRegistry:
    """Version 2 is champion after version 1; both have files."""
    registry = FolderRegistry(tmp_path)
    registry.add("eta", "1")
    registry.add("eta", "2", seed=5, shift=1000.0)
    registry.promote("eta", "1")
    registry.promote("eta", "2")
    return registry


def away() -> Any:
    """Stand for an MLflow that is down."""
    raise TransientError("MLflow does not answer")


@contextmanager
def server(record: ReleaseRecord, open_registry: Any) -> Iterator[RunningServer]:
    """Serve with an own disk."""
    following = replace(record.following(), own_disk=record.own_disk())
    with serving(open_registry, following) as running:
        yield running


def served(running: RunningServer) -> str:
    """Return the version that serves."""
    answer = httpx.get(f"{running.url}/models/eta", trust_env=False)
    return str(answer.json().get("version"))


def order(running: RunningServer, **body: Any) -> httpx.Response:
    """Give an order of `--break-glass`."""
    return httpx.post(
        f"{running.url}/models/eta/break-glass",
        json=REASON | body,
        headers={"authorization": f"Bearer {running.token}"},
        trust_env=False,
    )


def keep_both(record: ReleaseRecord, registry: FolderRegistry) -> None:
    """Let a server put both versions on its own disk."""
    kept = KeptVersions(record.root / "kept")
    with server(record, lambda: registry):
        eventually("both are kept", lambda: (kept.read_traffic("eta") or NOTHING).former)


def damage_ledger(record: ReleaseRecord, entry: int) -> Path:
    """Flip a bit in the file of an entry; return a copy of it as it was."""
    files = sorted(Path(record.lake, "eta", "ledger").glob("*.parquet"), key=os.path.getmtime)
    copy = record.root / "as-it-was.parquet"
    shutil.copy2(files[entry - 1], copy)
    content = bytearray(copy.read_bytes())
    content[len(content) // 2] ^= 1
    files[entry - 1].write_bytes(content)
    return files[entry - 1]


def test_a_server_starts_from_its_own_disk_while_mlflow_is_away(registry: FolderRegistry) -> None:
    """The champion answers, though nothing can be fetched."""
    keep_both(registry.record, registry)
    with server(registry.record, away) as running:
        assert served(running) == "2"


def test_a_server_starts_from_its_own_disk_while_ledger_and_mlflow_are_away(
    registry: FolderRegistry,
) -> None:
    """It serves the champion that it saw last, and follows the ledger when it is back."""
    record = registry.record
    keep_both(record, registry)
    damaged = damage_ledger(record, 2)
    with server(record, away) as running:
        assert served(running) == "2"
        shutil.copy2(record.root / "as-it-was.parquet", damaged)
        registry.promote("eta", "1")
        eventually("version 1 serves", lambda: served(running) == "1")


def test_going_back_works_with_a_damaged_ledger_and_is_recorded_when_it_is_whole(
    registry: FolderRegistry,
) -> None:
    """Going back holds over a restart, and the ledger gets it as soon as it is repaired."""
    record = registry.record
    keep_both(record, registry)
    damaged = damage_ledger(record, 2)
    with server(record, away) as running:
        answer = order(running)
        assert (answer.status_code, answer.json()["on_disk"]) == (200, True), answer.text
        assert served(running) == "1"
    with server(record, away) as running:
        assert served(running) == "1"
        shutil.copy2(record.root / "as-it-was.parquet", damaged)
        entries = record.own_disk().open_ledger("eta").entries
        eventually("it is recorded", lambda: entries()[-1].kind == "rollback")
        eventually("the server knows", lambda: not _ready(running)["break_glass"])
        assert served(running) == "1"
    events = [entry.event for entry in entries()[2:]]
    assert isinstance(events[0], BreakGlass)
    assert events[0].moved
    assert isinstance(events[2], AliasMove)
    assert (events[2].from_, events[2].to) == ("2", "1")
    released = released_versions(record.own_disk().open_ledger("eta"))
    assert ([each.version for each in released.good], released.rolled_back) == (["1"], {"2"})


def test_going_back_works_while_an_old_entry_of_the_ledger_is_damaged(
    registry: FolderRegistry,
) -> None:
    """The entry of the first release is damaged; the order is recorded all the same."""
    record = registry.record
    keep_both(record, registry)
    damage_ledger(record, 1)
    with server(record, lambda: registry) as running:
        assert order(running).status_code == 200
        eventually("it is recorded", lambda: record.traffic().champion_version == "1")


def test_a_later_release_is_not_undone_by_an_order_that_was_not_recorded_in_time(
    registry: FolderRegistry,
) -> None:
    """The order left version 2; meanwhile the ledger has version 3."""
    record = registry.record
    registry.add("eta", "3", seed=7)
    keep_both(record, registry)
    damaged = damage_ledger(record, 2)
    with server(record, lambda: registry) as running:
        assert order(running).status_code == 200
        record.without_notices = True
        shutil.copy2(record.root / "as-it-was.parquet", damaged)
        registry.promote("eta", "3")
        eventually("version 3 serves", lambda: served(running) == "3")
        eventually("the server knows", lambda: not _ready(running)["break_glass"])
    events = [entry.event for entry in record.own_disk().open_ledger("eta").entries()]
    assert [each.moved for each in events if isinstance(each, BreakGlass)] == [False]


def test_going_back_during_a_rollout_withdraws_the_challenger(registry: FolderRegistry) -> None:
    """The champion stays, and the challenger has no traffic any more."""
    record = registry.record
    registry.add("eta", "3", seed=7)
    with server(record, lambda: registry) as running:
        record.begin(50, "3")
        eventually("the step runs", lambda: record.replica().report.models["eta"].rollout)
        assert order(running).json()["from_version"] == "3"
        assert served(running) == "2"
        eventually("the step is over", lambda: record.traffic().rollout is None)
    assert record.traffic().champion_version == "2"


def test_a_kept_version_with_a_flipped_bit_is_not_gone_back_to(registry: FolderRegistry) -> None:
    """The server says so, and goes on."""
    record = registry.record
    keep_both(record, registry)
    _, digest = registry.bundle("eta", "1")
    file = record.root / "kept" / "eta" / digest / "model.ubj"
    content = bytearray(file.read_bytes())
    content[100] ^= 1
    file.write_bytes(content)
    with server(record, away) as running:
        answer = order(running, to_version="1")
        assert answer.status_code == 409
        assert "not those that were registered" in answer.json()["error"]
        assert served(running) == "2"


def test_the_command_needs_the_server_alone(
    registry: FolderRegistry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its own disk is full, and no MLflow answers at the environment's address."""
    keep_both(registry.record, registry)
    disk = tmp_path / "disk"
    disk.mkdir()
    with server(registry.record, away) as running, small_disk(disk):
        with (disk / "rest").open("wb") as rest, pytest.raises(OSError, match="No space left"):
            rest.write(b"0" * 2**21)
        monkeypatch.setenv("AIRWORTHY_STATE", str(disk))
        monkeypatch.setenv("AIRWORTHY_SERVER_URL", running.url)
        monkeypatch.setenv("AIRWORTHY_SERVER_TOKEN", running.token)
        monkeypatch.setenv("AIRWORTHY_TRACKING_URI", "http://127.0.0.1:9")
        command = ["rollback", "eta", "--break-glass"]
        assert CliRunner().invoke(app, command).exit_code == 1
        result = CliRunner().invoke(app, [*command, "--reason", "wrong", "--json"])
        assert (result.exit_code, served(running)) == (0, "1"), result.output
        told = json.loads(result.stdout)
        assert (told["model"], told["url"], told["to_version"]) == ("eta", running.url, "1")


def test_only_the_holder_of_the_token_makes_a_server_go_back(registry: FolderRegistry) -> None:
    """Without a token nothing of the body is read."""
    with server(registry.record, lambda: registry) as running:
        address = f"{running.url}/models/eta/break-glass"
        answer = httpx.post(address, content=b"{" * 9_000, trust_env=False)
        assert answer.status_code == 401
        assert order(running, to_version="\N{ARABIC-INDIC DIGIT ONE}").status_code == 400
        assert order(running, to_version="9").status_code == 409
        assert order(running, reason=" ").status_code == 400


def test_an_order_is_written_on_a_full_disk(tmp_path: Path) -> None:
    """The blocks are there before they are needed."""
    disk = tmp_path / "disk"
    disk.mkdir()
    with small_disk(disk):
        file = ReservedFile(disk / "break_glass")
        file.reserve()
        with (disk / "rest").open("wb") as rest, pytest.raises(OSError, match="No space left"):
            rest.write(b"0" * 2**21)
        file.write("an order")
        assert ReservedFile(disk / "break_glass").read() == "an order"


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """Mount a disk of 1 MiB for the block."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def _ready(running: RunningServer) -> dict[str, Any]:
    return dict(httpx.get(f"{running.url}/health/ready", trust_env=False).json())
