"""The working tree of a training: its commit, its uncommitted files and their diff.

A version is made by its model's folder and by the product's own code. A file of either that is not
committed makes the tree dirty. Files without a role in a training count for nothing: bytecode,
and ``.env*`` files, whose secrets no diff may show.

An image has no repository. It says its commit in ``AIRWORTHY_GIT_COMMIT``, with ``-dirty`` behind
it when it was built from a dirty tree.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import reduce
from os import environ, walk
from pathlib import Path

from airworthy.working_tree.git_calls import (
    FileStatus,
    GitError,
    changed_files,
    file_diff,
    head_commit,
)
from airworthy.working_tree.untracked_diff import untracked_diff

UNKNOWN = "unknown"
COMMIT_VARIABLE = "AIRWORTHY_GIT_COMMIT"
SOURCE_FILES = ("model.yaml", "features.py", "behaviour.py", "tests.yaml")
"""The files of a model's folder that a version keeps. Only the first two are always there."""
DIFF_LIMIT = 1_000_000
"""Characters of a diff. A longer one is cut, with a note."""
_CODE = (Path("include", "airworthy"), Path("plugins"))
_DIRTY = "-dirty"
_DIRTY_IMAGE = "the image was built from a tree with uncommitted files"
_CUT = "\n[cut: the diff has {length:,} characters]\n"


@dataclass(frozen=True)
class WorkingTree:
    """The state of the code of a training.

    Attributes:
        commit: The commit; ``unknown`` without a repository and without an image's word.
        dirty: Whether something is not committed; None when nobody knows.
        changes: The uncommitted files, as paths in their repository, and what else is dirty, in
            words; empty when the tree is clean.
        diff: A unified diff from the commit, with the content of untracked files. Empty for a
            clean tree, and for an image.
    """

    commit: str = UNKNOWN
    dirty: bool | None = None
    changes: tuple[str, ...] = ()
    diff: str = ""

    def beside(self, other: WorkingTree) -> WorkingTree:
        """Return the state of this tree and of another one, with this one's commit."""
        return WorkingTree(
            self.commit,
            self.dirty or other.dirty,
            (*self.changes, *other.changes),
            cut_text(self.diff + other.diff, DIFF_LIMIT),
        )


def read_working_tree(project: Path, folder: Path) -> WorkingTree:
    """Return the state of the tree that a training of a model runs from.

    git is called once for a repository, and once more when tracked files of it changed. There is
    one repository, as a rule: a second one when the model's folder is outside of the project's.

    Args:
        project: The project's folder.
        folder: The model's folder. It may be outside of the project.
    """
    word = _image_word()
    try:
        return _of_image(word, folder) if word else _of_project(project, folder)
    except GitError:
        return WorkingTree()


def commit_of(project: Path) -> str:
    """Return the commit by the image or by git; ``unknown`` without either."""
    word = _image_word()
    repository = None if word else _repository(project)
    try:
        return word or (head_commit(repository) if repository else None) or UNKNOWN
    except GitError:
        return UNKNOWN


def cut_text(text: str, limit: int) -> str:
    """Return a text of at most `limit` characters, with a note of its length if it was cut."""
    if len(text) <= limit:
        return text
    note = _CUT.format(length=len(text))
    return text[: limit - len(note)] + note


def _image_word() -> str:
    """Return the variable's value; empty when it is missing or says that nobody knows."""
    word = environ.get(COMMIT_VARIABLE, "").strip()
    return "" if word.removesuffix(_DIRTY) in ("", UNKNOWN) else word


def _of_image(word: str, folder: Path) -> WorkingTree:
    """Return the image's word. A repository around the model's folder has to agree with it."""
    commit = word.removesuffix(_DIRTY)
    built = (_DIRTY_IMAGE,) if word.endswith(_DIRTY) else ()
    repository = _repository(folder)
    if repository is None:
        return WorkingTree(commit, bool(built), built)
    tree = _changes_of(repository, [folder], folder)
    other = f"{folder}: its commit is {tree.commit}, and {COMMIT_VARIABLE} says {commit}"
    changes = (*built, *([other] if tree.commit != commit else []), *tree.changes)
    return WorkingTree(commit, bool(changes), changes, tree.diff)


def _of_project(project: Path, folder: Path) -> WorkingTree:
    home = _repository(folder)
    first = home or _repository(project)
    if first is None:
        return WorkingTree()
    folders = {first: [folder] if home else []}
    for code in (project / each for each in _CODE):
        repository = _repository(code) if code.is_dir() else None
        if repository is not None:
            folders.setdefault(repository, []).append(code)
    tree = reduce(WorkingTree.beside, (_changes_of(*each, folder) for each in folders.items()))
    if home is not None:
        return tree
    return tree.beside(_untracked(tree.commit, folder.parent, _all_files(folder)))


def _changes_of(repository: Path, folders: list[Path], model: Path) -> WorkingTree:
    """Return the changes in folders of one repository; `model` is the model's folder."""
    if not folders:
        return WorkingTree(head_commit(repository) or UNKNOWN, dirty=False)
    status = changed_files(repository, [each.resolve() for each in folders])
    commit = status.commit or UNKNOWN
    tracked = tuple(name for name in status.tracked if _counts(name))
    diff = file_diff(repository, status.commit, tracked) if tracked else ""
    untracked = [name for name in status.untracked if _counts(name)]
    untracked += _ignored_sources(repository, model.resolve(), status)
    changed = WorkingTree(commit, bool(tracked), tracked, cut_text(diff, DIFF_LIMIT))
    return changed.beside(_untracked(commit, repository, untracked))


def _untracked(commit: str, root: Path, names: Iterable[str]) -> WorkingTree:
    names = tuple(names)
    return WorkingTree(commit, bool(names), names, untracked_diff(root, names, DIFF_LIMIT))


def _ignored_sources(repository: Path, folder: Path, status: FileStatus) -> Iterator[str]:
    """Yield the files that make a version, although git was told to ignore them."""
    if not folder.is_relative_to(repository):
        return
    for name in SOURCE_FILES:
        path = (folder / name).relative_to(repository)
        parents = {f"{parent}/" for parent in path.parents}
        if (folder / name).is_file() and not status.ignored.isdisjoint({str(path), *parents}):
            yield str(path)


def _all_files(folder: Path) -> Iterator[str]:
    """Yield every file of a folder, as a path below the folder's parent."""
    for parent, folders, names in walk(folder):
        folders.sort()
        for name in sorted(names):
            path = str((Path(parent) / name).relative_to(folder.parent))
            if _counts(path):
                yield path


def _counts(name: str) -> bool:
    path = Path(name)
    is_secret = path.name.startswith(".env")
    return not is_secret and path.suffix != ".pyc" and "__pycache__" not in path.parts


def _repository(folder: Path) -> Path | None:
    """Return the nearest folder with a ``.git`` in it, from a folder upwards."""
    resolved = folder.resolve()
    for candidate in (resolved, *resolved.parents):
        if (candidate / ".git").exists():
            return candidate
    return None
