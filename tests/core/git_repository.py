"""A folder in a real git repository, for tests."""

from __future__ import annotations

import subprocess
from pathlib import Path


class GitRepository:
    """A project's folder; `git` with ``init`` makes it a repository.

    Args:
        project: The folder.
    """

    def __init__(self, project: Path) -> None:
        self.project = project

    def git(self, *words: str) -> str:
        """Run git in the project and return its output."""
        who = ("-c", "user.name=ada", "-c", "user.email=ada@example.org")
        command = ["git", *who, "-C", str(self.project), *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def write(self, name: str, text: str) -> None:
        """Write a file below the project."""
        path = self.project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def commit(self) -> str:
        """Commit everything and return the commit."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "Everything")
        return self.git("rev-parse", "HEAD").strip()
