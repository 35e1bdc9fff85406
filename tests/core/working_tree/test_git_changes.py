"""The changes since another commit, in real repositories."""

from __future__ import annotations

from pathlib import Path

import pytest

from airworthy.errors import TerminalError
from airworthy.working_tree import changes_since, folders_of, write_folder

from .repository import MODEL, Repository

FEATURES = f"include/models/{MODEL}/features.py"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A repository on a branch that left `main` after its second commit."""
    made = Repository(tmp_path / "project")
    made.git("branch", "-M", "main")
    made.write(FEATURES, "FEATURES = {}\n")
    made.commit()
    made.git("checkout", "--quiet", "-b", "change")
    return made


def test_changes_are_those_since_the_branches_parted(repository: Repository) -> None:
    """A later commit of the other branch is none of them; uncommitted files are, if wanted."""
    base = repository.git("rev-parse", "main").strip()
    repository.write("committed grün.txt", "1")
    head = repository.commit()
    repository.git("checkout", "--quiet", "main")
    repository.write("elsewhere.txt", "1")
    repository.commit()
    repository.git("checkout", "--quiet", "change")
    repository.write("new.txt", "1")
    repository.write(FEATURES, "FEATURES = {1: 1}\n")
    changes = changes_since(repository.model, None)
    assert (changes.base, changes.head) == (base, head)
    assert changes.paths == ("committed grün.txt", FEATURES, "new.txt")
    assert changes_since(repository.model, "main", uncommitted=False).paths == (
        "committed grün.txt",
    )


def test_a_folder_is_written_as_it_was(repository: Repository, tmp_path: Path) -> None:
    """Bytes stay bytes, links stay links, and what is no folder there is none."""
    picture = repository.model / "data" / "picture.bin"
    picture.parent.mkdir()
    picture.write_bytes(bytes(range(256)))
    (repository.model / "link.py").symlink_to("features.py")
    repository.git("checkout", "--quiet", "main")
    repository.commit()
    repository.git("checkout", "--quiet", "-B", "change")
    repository.git("rm", "-r", "--quiet", f"include/models/{MODEL}")
    changes = changes_since(repository.project, "main")
    assert folders_of(changes, repository.project / "include" / "models") == {MODEL}
    assert write_folder(changes, repository.model.resolve(), tmp_path / "before")
    assert (tmp_path / "before" / "data" / "picture.bin").read_bytes() == bytes(range(256))
    assert (tmp_path / "before" / "link.py").readlink() == Path("features.py")
    assert not write_folder(changes, repository.model.resolve().parent / "none", tmp_path / "no")


@pytest.mark.parametrize("reference", ["nothing", "--output=x", "0" * 40, "HEAD~99", ""])
def test_a_base_that_is_no_commit_is_refused_in_words(
    repository: Repository, reference: str
) -> None:
    if reference == "":
        repository.git("branch", "-D", "main")
    with pytest.raises(TerminalError, match=r"no such commit|no branch to compare") as refusal:
        changes_since(repository.project, reference or None)
    assert "--base" in str(refusal.value)


def test_a_shallow_clone_and_no_repository_are_refused_in_words(
    repository: Repository, tmp_path: Path
) -> None:
    repository.write("more.txt", "1")
    repository.commit()
    repository.git("checkout", "--quiet", "--orphan", "alone")
    repository.commit()
    with pytest.raises(TerminalError, match="no common one") as refusal:
        changes_since(repository.project, "main")
    assert "fetch-depth: 0" in str(refusal.value)
    with pytest.raises(TerminalError, match="in no git repository"):
        changes_since(tmp_path, "main")
