"""An environment file that cannot be read is named, with the place."""

from __future__ import annotations

from pathlib import Path

import pytest

from airworthy.environment import load_environment
from airworthy.errors import TerminalError


@pytest.mark.parametrize("content", [b"state: [1", b"\xff\xfe\x00"])
def test_file_that_is_no_yaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    """Broken YAML ends in the file's name, not in a traceback."""
    folder = tmp_path / "include" / "environments"
    folder.mkdir(parents=True)
    (folder / "local.yaml").write_bytes(content)
    monkeypatch.setenv("AIRWORTHY_PROJECT", str(tmp_path))
    monkeypatch.delenv("AIRWORTHY_ENV", raising=False)
    with pytest.raises(TerminalError, match=r"local\.yaml is not YAML"):
        load_environment()
