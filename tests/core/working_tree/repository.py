"""A real git repository with a project and one model in it."""

from __future__ import annotations

from pathlib import Path

from tests.core.git_repository import GitRepository

MODEL = "small_model"


class Repository(GitRepository):
    """A project in a git repository.

    Args:
        folder: Becomes the project's folder.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.model = folder / "include" / "models" / MODEL
        self.model.mkdir(parents=True)
        self.git("init", "--quiet")
        self.write("include/airworthy/code.py", "CODE = 1\n")
        self.commit()
