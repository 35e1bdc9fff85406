"""A git repository with a project and one model, for changes in a second commit."""

from __future__ import annotations

from pathlib import Path
from shutil import copytree

from tests.core.git_repository import GitRepository

from airworthy.spec.scaffold import scaffold

MODEL = "parcels"
AS_OF = "2026-03-20"
GOOD, BAD = "learning_rate: 0.3", "learning_rate: 0.001"
QUICK_PARAMETERS = "{max_depth: 4, " + GOOD + "}\n  rounds: 30\n  recent: []\n  refit: false"


class Repository(GitRepository):
    """A project in a git repository. The first commit is the branch `main`.

    Args:
        folder: Becomes the project's folder.
        template: A repository to copy; None: a new one is made.
    """

    def __init__(self, folder: Path, template: Repository | None = None) -> None:
        super().__init__(folder)
        self.models = folder / "include" / "models"
        if template is not None:
            copytree(template.project, folder)
            return
        scaffold(self.models, MODEL, "regression", "simulator")
        self.replace("model.yaml", "rows_per_day: 2000", "rows_per_day: 200")
        self.replace("model.yaml", "lookback: 28d ", "lookback: 10d ")
        self.replace("model.yaml", "{max_depth: 6, learning_rate: 0.1}", QUICK_PARAMETERS)
        self.write("README.md", "A project.\n")
        self.git("init", "--quiet", "--initial-branch", "main")

    def replace(self, name: str, old: str, new: str, model: str = MODEL) -> None:
        """Replace a text of a file of a model."""
        path = self.models / model / name
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} is not once in:\n{text}"
        path.write_text(text.replace(old, new), encoding="utf-8")

    def branch(self) -> None:
        """Commit everything as the base, and begin the branch of the change."""
        self.commit()
        self.git("checkout", "--quiet", "-b", "change")
