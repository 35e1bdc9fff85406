"""Objects on a disk and in an object store keep the same promises; errors have no credentials."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from threading import Barrier

import pytest

from airworthy.environment import Environment
from airworthy.errors import AirworthyError, TerminalError, TransientError
from airworthy.lake import delta
from airworthy.ledger import open_ledger
from airworthy.object_store import ObjectStore, open_store, store_errors

from .s3_server import BUCKET, S3Server

WRITERS = 2
ROUNDS = 40


@pytest.fixture(params=["disk", "s3"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An address without objects, on each kind of storage."""
    is_disk = request.param == "disk"
    return str(tmp_path / "not yet there") if is_disk else str(request.getfixturevalue("prefix"))


def test_what_is_written_is_read_listed_and_deleted(address: str) -> None:
    """An object has its content, an etag, its size and the time of its writing, in UTC."""
    store = open_store(address)
    assert (store.list(), store.read("a/b.json"), store.read_all(["a", "b"])) == (
        [],
        None,
        [None] * 2,
    )
    etag = store.write("a/b.json", b"old")
    assert store.write("a/b.json", b"new!") != etag
    store.write("c", b"")
    read = store.read("a/b.json")
    assert read is not None
    assert (read.content, read.size) == (b"new!", 4)
    assert read.last_modified.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - read.last_modified) < timedelta(hours=1)
    assert [(each.path, each.etag) for each in store.list("a")] == [("a/b.json", read.etag)]
    assert [each.path for each in open_store(f"{address}/a").list()] == ["b.json"]
    assert [each.path for each in store.list()] == ["a/b.json", "c"]
    assert [each.path for each in store.list(after="a/b.json")] == ["c"]
    store.delete("c")
    store.delete("c")
    assert [each.path for each in store.list()] == ["a/b.json"]


def test_a_write_on_a_condition_is_refused_when_it_is_not_met(address: str) -> None:
    """Nothing is changed then."""
    store = open_store(address)
    assert store.write_if_match("a", b"1", '"of nothing"') is None
    first = store.write_if_absent("a", b"1")
    assert first is not None
    assert store.write_if_absent("a", b"2") is None
    second = store.write_if_match("a", b"3", first)
    assert second is not None
    assert store.write_if_match("a", b"4", first) is None
    read = store.read("a")
    assert read is not None
    assert (read.content, read.etag) == (b"3", second)


def test_one_of_two_writers_makes_an_object(address: str) -> None:
    """Forty times, at the same moment: one is told that it did, and its content is there."""
    barrier = Barrier(WRITERS)
    store = open_store(address)

    def attempt(writer: int) -> list[int]:
        stored = open_store(address)
        won = []
        for number in range(ROUNDS):
            barrier.wait(timeout=120)
            if stored.write_if_absent(f"{number}", str(writer).encode()):
                won.append(number)
        return won

    with ThreadPoolExecutor(WRITERS) as pool:
        won = list(pool.map(attempt, range(WRITERS)))
    assert sorted(number for each in won for number in each) == list(range(ROUNDS))
    contents = [_content(store, str(number)) for number in range(ROUNDS)]
    assert contents == [str(int(number in won[1])) for number in range(ROUNDS)]


def test_no_update_of_two_writers_is_lost(address: str) -> None:
    """Each replaces the object only if it is still as it was read."""
    store = open_store(address)
    store.write("count", b"0")

    def count(_: int) -> None:
        stored = open_store(address)
        for _ in range(ROUNDS):
            while not _count_once(stored):
                continue

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(count, range(WRITERS)))
    assert _content(store, "count") == str(WRITERS * ROUNDS)


def _count_once(store: ObjectStore) -> bool:
    read = store.read("count")
    assert read is not None
    return bool(store.write_if_match("count", str(int(read.content) + 1).encode(), read.etag))


def _content(store: ObjectStore, path: str) -> str:
    read = store.read(path)
    assert read is not None
    return read.content.decode()


def test_a_forked_process_is_told_so(tmp_path: Path) -> None:
    """It would wait for threads that only its parent has."""
    open_store(tmp_path).write("a", b"")
    with (
        ProcessPoolExecutor(1, get_context("fork")) as pool,
        pytest.raises(TerminalError, match="forked"),
    ):
        pool.submit(_read, str(tmp_path)).result(timeout=60)


def _read(folder: str) -> None:
    open_store(folder).read("a")


OPERATIONS: list[Callable[[str], object]] = [
    lambda uri: open_store(uri).read("a"),
    lambda uri: open_store(uri).list(),
    lambda uri: open_store(uri).write("a", b""),
    lambda uri: open_store(uri).write_if_absent("a", b""),
    lambda uri: delta.open_table(uri),
]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_store_out_of_reach_is_transient(
    prefix: str,
    server: S3Server,
    operation: Callable[[str], object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The error names the address, and no credential."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(TransientError, match=prefix) as raised:
        operation(prefix)
    assert "http://127.0.0.1:9/" in str(raised.value.received)
    _assert_no_secret(raised.value, server.secret_key, server.access_key)


def test_a_scan_out_of_reach_is_transient(prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame is read where it is collected, after the table was opened."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    uri = prefix.replace(BUCKET, "another-bucket")
    frame = delta.scan_files(uri, [f"{uri}/a.parquet"])
    with pytest.raises(TransientError, match="another-bucket"), store_errors(uri):
        frame.collect()


@pytest.mark.parametrize("operation", OPERATIONS)
def test_wrong_credentials_are_terminal(
    prefix: str,
    server: S3Server,
    operation: Callable[[str], object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Trying again cannot help, and the error says which variables to look at."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-the-secret-of-the-server")
    with pytest.raises(TerminalError, match="refuses") as raised:
        operation(prefix)
    assert "AWS_SECRET_ACCESS_KEY" in str(raised.value.next_step)
    _assert_no_secret(raised.value, "not-the-secret-of-the-server", server.access_key)


@pytest.mark.parametrize("operation", OPERATIONS[:2])
def test_a_bucket_that_does_not_exist_is_terminal(
    prefix: str, operation: Callable[[str], object]
) -> None:
    """It is not taken for a store without objects."""
    with pytest.raises(TerminalError, match="no-such-bucket"):
        operation(prefix.replace(BUCKET, "no-such-bucket"))


def test_a_ledger_out_of_reach_is_transient(
    environment: Environment, server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not taken for a ledger without entries, nor for one that was changed."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(TransientError, match="ledger") as raised:
        open_ledger(environment, "m").entries()
    _assert_no_secret(raised.value, server.secret_key, server.access_key)


def _assert_no_secret(error: AirworthyError, *secrets: str) -> None:
    told = f"{error} {error.__cause__ if error.__cause__ else ''}"
    assert [secret for secret in secrets if secret in told] == []
