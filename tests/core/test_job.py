"""A job knows the code and the libraries that it runs with."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from airworthy.job import git_commit, lock_digest
from airworthy.working_tree import UNKNOWN


def test_an_image_says_its_commit_and_its_lock(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It has neither a checkout nor a lock file."""
    monkeypatch.setenv("AIRWORTHY_GIT_COMMIT", "abc123")
    monkeypatch.setenv("AIRWORTHY_LOCK_DIGEST", "def456")
    assert (git_commit(tmp_path), lock_digest(tmp_path)) == ("abc123", "def456")


def test_a_checkout_has_the_digest_of_its_lock_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It is that of `sha256sum requirements.txt`."""
    monkeypatch.delenv("AIRWORTHY_LOCK_DIGEST", raising=False)
    (tmp_path / "requirements.txt").write_bytes(b"polars==1.0\n")
    assert lock_digest(tmp_path) == hashlib.sha256(b"polars==1.0\n").hexdigest()


def test_a_project_without_either_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A project of one's own need not have a lock."""
    monkeypatch.delenv("AIRWORTHY_GIT_COMMIT", raising=False)
    monkeypatch.delenv("AIRWORTHY_LOCK_DIGEST", raising=False)
    assert (git_commit(tmp_path), lock_digest(tmp_path)) == (UNKNOWN, UNKNOWN)
