"""A working tree says which commit it is of, and what no commit has."""

from __future__ import annotations

from pathlib import Path

import pytest

from airworthy.registry.tags import DIRTY_FILES, SOURCE_DIFF
from airworthy.registry.version_source import code_tags
from airworthy.working_tree import WorkingTree, read_working_tree

from .repository import MODEL, Repository

SPEC, FEATURES = f"include/models/{MODEL}/model.yaml", f"include/models/{MODEL}/features.py"


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A project with one commit. Its model is not in it."""
    monkeypatch.delenv("AIRWORTHY_GIT_COMMIT", raising=False)
    made = Repository(tmp_path / "project")
    made.write(SPEC, "model: small_model\n")
    return made


def read(repository: Repository) -> WorkingTree:
    """Return the state of the repository's tree."""
    return read_working_tree(repository.project, repository.model)


def test_a_committed_model_is_clean(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bytecode, files of secrets and files of other parts do not count, nor does the owner."""
    commit = repository.commit()
    repository.write(f"include/models/{MODEL}/__pycache__/features.pyc", "x")
    repository.write(f"include/models/{MODEL}/.env", "PASSWORD=secret\n")
    repository.write("notes.txt", "x")
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "true")
    assert read(repository) == WorkingTree(commit, dirty=False)


def test_a_model_in_no_commit_is_dirty_and_its_content_is_in_the_diff(
    repository: Repository,
) -> None:
    """So it is when git was told to ignore its folder."""
    untracked = read(repository)
    assert (untracked.dirty, untracked.changes) == (True, (SPEC,))
    assert "+model: small_model\n" in untracked.diff
    repository.write(".gitignore", "models/\n")
    ignored = read(repository)
    assert (ignored.changes, ignored.diff) == (untracked.changes, untracked.diff)


def test_a_model_outside_of_every_repository_is_dirty(
    repository: Repository, tmp_path: Path
) -> None:
    """The commit is the project's, and no commit has the model."""
    folder = tmp_path / "elsewhere" / MODEL
    folder.mkdir(parents=True)
    (folder / "model.yaml").write_text("model: small_model\n", encoding="utf-8")
    tree = read_working_tree(repository.project, folder)
    assert tree.commit == repository.git("rev-parse", "HEAD").strip()
    assert (tree.dirty, tree.changes) == (True, (f"{MODEL}/model.yaml",))


def test_changes_of_model_and_code_are_in_the_diff(repository: Repository) -> None:
    """Staged or not, new or changed; an applied diff gives the same tree."""
    repository.write(FEATURES, "FEATURES = {}\n")
    commit = repository.commit()
    repository.write(SPEC, "model: small_model\nowner: ada\n")
    repository.git("add", SPEC)
    repository.write("include/airworthy/code.py", "CODE = 2\n")
    (repository.project / FEATURES).unlink()
    repository.write("plugins/new one.py", "NEW = 1")
    tree = read(repository)
    assert tree.commit == commit
    assert set(tree.changes) == {
        SPEC,
        FEATURES,
        "include/airworthy/code.py",
        "plugins/new one.py",
    }
    for line in ("+owner: ada", "+CODE = 2", "-FEATURES = {}", "+NEW = 1"):
        assert line in tree.diff


def test_a_long_diff_is_cut_with_a_note(repository: Repository) -> None:
    """MLflow takes 8,000 characters in a tag."""
    repository.write(FEATURES, "X = 1\n" * 5000)
    tree = read(repository)
    tags = code_tags(tree, "lock")
    assert len(tags[SOURCE_DIFF]) == 8000
    assert f"the diff has {len(tree.diff):,} characters" in tags[SOURCE_DIFF]
    assert tags[DIRTY_FILES].splitlines() == [FEATURES, SPEC]


def test_without_a_repository_nobody_knows(tmp_path: Path, repository: Repository) -> None:
    """An image says its commit, and whether it was built from a dirty tree."""
    folder = tmp_path / "bare" / MODEL
    folder.mkdir(parents=True)
    assert read_working_tree(tmp_path / "bare", folder) == WorkingTree()


def test_an_image_says_its_commit_and_a_repository_must_agree(
    tmp_path: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable alone makes no clean tree of a model that another commit has."""
    folder = tmp_path / "bare" / MODEL
    folder.mkdir(parents=True)
    monkeypatch.setenv("AIRWORTHY_GIT_COMMIT", "abc123")
    assert read_working_tree(tmp_path, folder) == WorkingTree("abc123", dirty=False)
    repository.commit()
    assert read(repository).dirty is True
    monkeypatch.setenv("AIRWORTHY_GIT_COMMIT", "abc123-dirty")
    image = read_working_tree(tmp_path, folder)
    assert (image.commit, image.dirty) == ("abc123", True)
    monkeypatch.setenv("AIRWORTHY_GIT_COMMIT", "unknown")
    assert read_working_tree(tmp_path, folder) == WorkingTree()
