"""A model server follows a record in an object store, also through a cut of the network."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from airworthy.object_store import open_store
from airworthy.release.rollout_flags import flag_key
from airworthy.serving.in_process_server import RunningServer, serving
from airworthy.serving.person_flags import flags_of_step

from ..eventually import eventually  # noqa: TID252 - tests are no installed package
from ..serving.conftest import FolderRegistry  # noqa: TID252
from ..serving.release_record import ReleaseRecord  # noqa: TID252
from ..serving.rollout_client import RolloutClient  # noqa: TID252
from .network_cut import NetworkCut, network_cut
from .s3_server import S3Server

KEYS = [f"customer-{number}" for number in range(200)]


@pytest.fixture
def network(server: S3Server, prefix: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[NetworkCut]:
    """The network between this process and the object store."""
    with network_cut(server.address) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.address)
        yield proxy


@pytest.fixture
def followed(prefix: str, tmp_path: Path) -> FolderRegistry:
    """Versions 1 (champion) and 2 of the model ``eta``; the record is in the object store."""
    registry = FolderRegistry(tmp_path)
    registry.record.lake = f"{prefix}/lake"
    registry.add("eta", "1")
    registry.add("eta", "2", seed=5, shift=1000.0)
    registry.promote("eta", "1")
    return registry


@pytest.fixture
def running(followed: FolderRegistry, prefix: str) -> Iterator[RunningServer]:
    """A server with record, reports and flags in the object store."""
    following = followed.record.following(flags=f"{prefix}/flags.json")
    with serving(lambda: followed, following) as served:
        yield served


def write_flags(prefix: str, flags: dict[str, Any]) -> None:
    """Write the flag file into the object store."""
    open_store(prefix).write("flags.json", json.dumps({"flags": flags}).encode())


def record_of(url: str) -> dict[str, str | None]:
    """Return what the server says of the record."""
    return dict(httpx.get(f"{url}/health/ready").json()["record"])


def test_a_release_in_an_object_store_is_followed(
    followed: FolderRegistry, running: RunningServer, prefix: str
) -> None:
    """Steps, a share by hand and the kill switch in an object, a move: all as on a disk."""
    record = followed.record
    with RolloutClient(running) as client:
        step = record.begin(10)
        client.wait_for_step(10)
        assert set(client.ask_all(KEYS).values()) == {"1", "2"}
        by_hand = flags_of_step("eta", step)
        by_hand["eta.rollout"]["targeting"] = {"fractional": [["challenger", 100]]}
        write_flags(prefix, by_hand)
        eventually("a share by hand", lambda: set(client.ask_all(KEYS).values()) == {"2"})
        switch = {"state": "ENABLED", "variants": {"on": True}, "defaultVariant": "on"}
        write_flags(prefix, by_hand | {flag_key("eta", "kill_switch"): switch})
        eventually("the kill switch", lambda: set(client.ask_all(KEYS).values()) == {"1"})
        moved = record.move("eta", "2")
        client.wait_for_champion("2")
        eventually(
            "the report follows",
            lambda: record.replica().report.models["eta"].seen >= moved.sequence,
        )
        assert record.replica().is_live(datetime.now(UTC))


def test_a_server_behind_a_cut_network_goes_on_says_so_and_catches_up(
    followed: FolderRegistry,
    network: NetworkCut,
    running: RunningServer,
    server: S3Server,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Requests are answered meanwhile by the champion of before; afterwards by the one of now."""
    with RolloutClient(running) as client:
        network.cut()
        eventually("it says so", lambda: record_of(running.url)["lost_since"])
        assert set(client.ask_all(KEYS).values()) == {"1"}
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.address)
        elsewhere = ReleaseRecord(followed.root)
        elsewhere.lake = followed.record.lake
        elsewhere.move("eta", "2")
        assert set(client.ask_all(KEYS).values()) == {"1"}
        network.heal()
        client.wait_for_champion("2")
        eventually("the record is seen", lambda: record_of(running.url)["lost_since"] is None)
