"""The changes since another commit: the changed files, and a folder as it was there."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from airworthy.errors import TerminalError
from airworthy.working_tree.git_calls import GitError, git_bytes

_LINK, _FILE = "120000", "100"


@dataclass(frozen=True)
class Changes:
    """The changes of a repository since its common commit with another one.

    Attributes:
        repository: The repository's folder, resolved.
        base: The common commit.
        head: The commit that is checked out.
        paths: Changed, added and removed files, as paths below the repository.
    """

    repository: Path
    base: str
    head: str
    paths: tuple[str, ...]


def changes_since(folder: Path, reference: str | None, uncommitted: bool = True) -> Changes:
    """Return the changes of the repository around a folder since it left another branch.

    Args:
        folder: A folder in the repository.
        reference: A branch or a commit; None: the default branch of ``origin``, else ``main``.
        uncommitted: Count files that no commit has, too.

    Raises:
        TerminalError: when there is no repository, no such commit, or no common one.
    """
    repository = _repository(folder)
    other = _commit(repository, reference) if reference else _default_base(repository)
    head = _commit(repository, "HEAD")
    try:
        base = _text(repository, "merge-base", other, head, missing=1).strip()
    except GitError as error:
        raise _git_failed(error) from None
    if not base:
        raise TerminalError(
            "the two commits have no common one",
            received=f"{reference or other} and {head}",
            allowed="a branch that this one came from",
            next_step="fetch the whole history (git fetch --unshallow; fetch-depth: 0)",
        )
    return Changes(repository, base, head, _changed(repository, base, head, uncommitted))


def folders_of(changes: Changes, parent: Path) -> set[str]:
    """Return the names of the folders that a folder had at the base.

    Args:
        changes: The changes.
        parent: The folder, in the repository.
    """
    name = parent.resolve().relative_to(changes.repository).as_posix()
    listed = _text(
        changes.repository, "ls-tree", "-d", "-z", _tree(changes.base, name), missing=128
    )
    return {line.split("\t", 1)[1] for line in listed.split("\0") if line}


def write_folder(changes: Changes, folder: Path, target: Path) -> bool:
    """Write a folder as it was at the base. False: it was not there.

    Args:
        changes: The changes.
        folder: The folder in the repository; it may be gone.
        target: The folder to write; it is made.
    """
    name = folder.relative_to(changes.repository).as_posix()
    tree = _tree(changes.base, name)
    listed = _text(changes.repository, "ls-tree", "-r", "-z", tree, missing=128)
    entries = [line for line in listed.split("\0") if line]
    for entry in entries:
        mode, _, rest = entry.partition(" ")
        blob, path = rest.partition(" ")[2].split("\t", 1)
        _write(changes.repository, mode, blob, target / path)
    return bool(entries)


def is_before(changes: Changes, commit: str) -> bool:
    """Return whether a commit is a former one of the commit that is checked out.

    False for one that this clone does not have: it is newer, or of another repository.

    Args:
        changes: The changes.
        commit: The whole name of the commit.
    """
    if commit == changes.head or not re.fullmatch("[0-9a-f]{40,64}", commit):
        return False
    try:
        base = _text(changes.repository, "merge-base", commit, changes.head, missing=1)
    except GitError:
        return False
    return base.strip() == commit


def _write(repository: Path, mode: str, blob: str, path: Path) -> None:
    content = git_bytes(repository, "cat-file", "blob", blob) if _is_content(mode) else b""
    path.parent.mkdir(parents=True, exist_ok=True)
    if mode == _LINK:
        path.symlink_to(os.fsdecode(content))
    elif mode.startswith(_FILE):
        path.write_bytes(content)


def _is_content(mode: str) -> bool:
    """Return whether an entry has content here. A submodule has none."""
    return mode == _LINK or mode.startswith(_FILE)


def _tree(commit: str, name: str) -> str:
    return f"{commit}:{'' if name == '.' else name}"


def _changed(repository: Path, base: str, head: str, uncommitted: bool) -> tuple[str, ...]:
    options = ("--name-only", "-z", "--no-renames", "--no-ext-diff")
    try:
        listed = _text(repository, "diff", *options, base, *([] if uncommitted else [head]), "--")
        if uncommitted:
            listed += _text(repository, "ls-files", "--others", "--exclude-standard", "-z")
    except GitError as error:
        raise _git_failed(error) from None
    return tuple(sorted({name for name in listed.split("\0") if name}))


def _repository(folder: Path) -> Path:
    try:
        found = _text(folder, "rev-parse", "--show-toplevel").rstrip("\n")
    except GitError as error:
        raise TerminalError(
            "the models are in no git repository",
            received=f"{folder}: {str(error).strip() or 'git failed'}",
            allowed="a clone with the commits of both sides",
            next_step="run it in a clone of the project",
        ) from None
    return Path(found).resolve()


def _commit(repository: Path, reference: str) -> str:
    words = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{reference}^{{commit}}")
    try:
        found = _text(repository, *words, missing=1).strip()
    except GitError:
        found = ""
    if not found:
        raise TerminalError(
            "there is no such commit here",
            received=reference,
            allowed="a branch, a tag or a commit of this clone",
            next_step="git fetch origin, with the whole history (fetch-depth: 0), or say --base",
        )
    return found


def _default_base(repository: Path) -> str:
    for reference in ("origin/HEAD", "origin/main", "origin/master", "main", "master"):
        words = ("rev-parse", "--verify", "--quiet", f"{reference}^{{commit}}")
        try:
            found = _text(repository, *words, missing=1).strip()
        except GitError:
            found = ""
        if found:
            return found
    raise TerminalError(
        "there is no branch to compare with",
        received="no --base, and neither origin/HEAD, main nor master",
        allowed="--base BRANCH or --base COMMIT",
        next_step="git fetch origin, or say --base",
    )


def _text(repository: Path, *words: str, missing: int | None = None) -> str:
    return os.fsdecode(git_bytes(repository, *words, missing=missing))


def _git_failed(error: GitError) -> TerminalError:
    return TerminalError(
        "git cannot tell the changes",
        received=str(error).strip() or "git failed",
        next_step="git status; fetch the whole history (fetch-depth: 0)",
    )
