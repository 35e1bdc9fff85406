"""The git working tree that makes a version: commit, uncommitted files, diff."""

from airworthy.working_tree.git_changes import (
    Changes,
    changes_since,
    folders_of,
    is_before,
    write_folder,
)
from airworthy.working_tree.working_tree import (
    SOURCE_FILES,
    UNKNOWN,
    WorkingTree,
    commit_of,
    cut_text,
    read_working_tree,
)

__all__ = [
    "SOURCE_FILES",
    "UNKNOWN",
    "Changes",
    "WorkingTree",
    "changes_since",
    "commit_of",
    "cut_text",
    "folders_of",
    "is_before",
    "read_working_tree",
    "write_folder",
]
