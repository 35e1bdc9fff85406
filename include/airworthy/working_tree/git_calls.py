"""Calls of git: the commit of a repository, its uncommitted files, their diff."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_SECONDS = 60.0
_MAX_FILES = 500
# In a container the folder often has another owner, and git would refuse it. Trusting it adds
# nothing: the caller runs the code of this folder. No program of its settings is started.
_GIT = ("git", "-c", "safe.directory=*", "-c", "core.fsmonitor=false", "--literal-pathspecs")

# git sets these variables for its hooks. They lead to the hook's repository.
_OF_A_HOOK = {
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_WORK_TREE",
}


class GitError(Exception):
    """git is not installed, failed, or took too long."""


@dataclass(frozen=True)
class FileStatus:
    """The commit and the uncommitted files, as paths below the repository's folder.

    Attributes:
        commit: The commit that is checked out; None before the first one.
        tracked: Changed, added or removed files that git knows.
        untracked: Files that git does not know.
        ignored: Files and folders that git ignores; a folder ends with ``/``.
    """

    commit: str | None
    tracked: tuple[str, ...]
    untracked: tuple[str, ...]
    ignored: frozenset[str]


def head_commit(repository: Path) -> str | None:
    """Return the commit that is checked out, or None before the first one.

    Raises:
        GitError: when git cannot tell.
    """
    output = _git(repository, "rev-parse", "--verify", "--quiet", "HEAD", missing=1)
    return output.strip() or None


def changed_files(repository: Path, folders: Sequence[Path]) -> FileStatus:
    """Return the commit, and the uncommitted files of folders.

    Args:
        repository: The repository's folder.
        folders: Folders in it, absolute. One that is not there has no files.

    Raises:
        GitError: when git cannot tell.
    """
    options = ("--porcelain=v2", "--branch", "-z", "--no-renames")
    files = ("--untracked-files=all", "--ignored=matching")
    words = ("--no-optional-locks", "status", *options, *files, "--", *map(str, folders))
    lines = [line for line in _git(repository, *words).split("\0") if line]
    return FileStatus(
        commit=_commit(lines),
        tracked=tuple(name for line in lines if (name := _tracked_name(line))),
        untracked=tuple(line[2:] for line in lines if line.startswith("? ")),
        ignored=frozenset(line[2:] for line in lines if line.startswith("! ")),
    )


def _commit(lines: list[str]) -> str | None:
    head = "# branch.oid "
    commits = [line.removeprefix(head) for line in lines if line.startswith(head)]
    return None if commits in ([], ["(initial)"]) else commits[0]


def _tracked_name(line: str) -> str | None:
    """Return the path of a changed or unmerged file; the form of these lines is git's."""
    fields = {"1 ": 8, "u ": 10}.get(line[:2])
    return line.split(" ", fields)[fields] if fields else None


def file_diff(repository: Path, commit: str | None, names: Sequence[str]) -> str:
    """Return the unified diff of tracked files from the commit, staged changes included.

    Args:
        repository: The repository's folder.
        commit: The commit; None before the first one.
        names: Paths below it. Of very many, only the first are in the diff.

    Raises:
        GitError: when git cannot tell.
    """
    base = commit or _empty_tree(repository)
    options = ("--no-ext-diff", "--no-textconv", "--no-color", "--no-renames")
    diff = _git(repository, "diff", *options, base, "--", *names[:_MAX_FILES])
    left_out = len(names) - _MAX_FILES
    return diff if left_out <= 0 else f"{diff}[{left_out} more files are not in this diff]\n"


def _empty_tree(repository: Path) -> str:
    return _git(repository, "hash-object", "-t", "tree", os.devnull).strip()


def _git(repository: Path, *words: str, missing: int | None = None) -> str:
    """Run git and return its output.

    Args:
        repository: The folder to run in.
        words: The arguments.
        missing: An exit code that stands for an empty output.
    """
    return git_bytes(repository, *words, missing=missing).decode(errors="replace")


def git_bytes(repository: Path, *words: str, missing: int | None = None) -> bytes:
    """Run git and return its output as it is.

    Args:
        repository: The folder to run in.
        words: The arguments.
        missing: An exit code that stands for an empty output.

    Raises:
        GitError: when git is not there, fails or takes too long.
    """
    variables = {name: value for name, value in os.environ.items() if name not in _OF_A_HOOK}
    command = [*_GIT, "-C", str(repository), *words]
    try:
        done = subprocess.run(
            command, capture_output=True, check=False, timeout=_SECONDS, env=variables
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise GitError(str(error)) from error
    if done.returncode not in (0, missing):
        raise GitError(done.stderr.decode(errors="replace"))
    return done.stdout
