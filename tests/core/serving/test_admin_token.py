"""Administration's token: of a variable that all machines share, or of this machine's file."""

from __future__ import annotations

from pathlib import Path

import pytest

from airworthy.protocol.refusals import RefusedError
from airworthy.serving.admin_token import ensure_token, token_check, token_reader


def test_the_variable_comes_before_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the secret in the variable, no file is read and none is made."""
    monkeypatch.setenv("AIRWORTHY_SERVER_TOKEN", "shared\n")
    assert ensure_token(tmp_path / "server_token") == "shared"
    assert not (tmp_path / "server_token").exists()
    (tmp_path / "server_token").write_text("of this machine", encoding="utf-8")
    check = token_check(token_reader(tmp_path / "server_token"))
    check(b"Bearer shared")
    with pytest.raises(RefusedError):
        check(b"Bearer of this machine")


def test_without_the_variable_the_file_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty variable is none: the file is made with a token that only its owner can read."""
    monkeypatch.setenv("AIRWORTHY_SERVER_TOKEN", "")
    file = tmp_path / "state" / "server_token"
    token = ensure_token(file)
    assert token_reader(file)() == ensure_token(file) == token
    assert file.stat().st_mode & 0o777 == 0o600
