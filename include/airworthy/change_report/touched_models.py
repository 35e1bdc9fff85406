"""The models that a change touches, by the paths of the changed files. Pure.

A model is touched by a file of its folder, by a file that its source reads, and by a file that all
models share: the core, the locked libraries, and files beside the models' folders. Environments,
DAG files, tests and docs touch no model: none of them is a part of what a version is made from.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["changed", "new", "removed"]
SHARED = ("include/airworthy/",)
"""Folders of the project that every model is made with."""
LOCKS = ("requirements.txt", "requirements-core.txt", "uv.lock")
"""The project's locks of libraries."""
_PLACEHOLDER = re.compile(r"\{yyyy\}|\{mm\}|\{dd\}")


@dataclass(frozen=True)
class TouchedModel:
    """A model that a change touches.

    Attributes:
        model: Its name.
        kind: Whether the base has it, and whether it is still there.
        own: Changed files of its folder, as paths below the repository.
        data: Changed files that its source reads.
        shared: Changed files that all models share.
    """

    model: str
    kind: Kind
    own: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """All changed files that touch it."""
        return (*self.own, *self.data, *self.shared)


@dataclass(frozen=True)
class Layout:
    """The places of a project in its repository.

    Attributes:
        project: The project's folder below the repository; ``""``: the repository itself. None: it
            is outside.
        models: The folder of the models' folders, below the repository.
        now: Names of the models that there are.
        before: Names of the models that the base has.
        sources: Model -> the path of the files that its source reads, below the repository, with
            globs and placeholders.
    """

    project: str | None
    models: str
    now: Collection[str]
    before: Collection[str]
    sources: Mapping[str, str]


def touched_models(paths: Collection[str], layout: Layout) -> list[TouchedModel]:
    """Return the models that changed files touch, by name.

    Args:
        paths: The changed files, below the repository.
        layout: The places of the project.
    """
    shared = tuple(sorted(path for path in paths if _is_shared(path, layout)))
    found = (_touched(name, paths, shared, layout) for name in _names(layout))
    return [each for each in found if each.paths and (each.kind != "removed" or each.own)]


def _names(layout: Layout) -> list[str]:
    return sorted({*layout.now, *layout.before})


def _touched(
    model: str, paths: Collection[str], shared: tuple[str, ...], layout: Layout
) -> TouchedModel:
    folder = f"{_below(layout.models, model)}/"
    kind: Kind = "changed" if model in layout.before else "new"
    reads = _pattern(layout.sources.get(model, ""))
    return TouchedModel(
        model,
        kind if model in layout.now else "removed",
        own=tuple(sorted(path for path in paths if path.startswith(folder))),
        data=tuple(
            sorted(path for path in paths if reads.fullmatch(path) and not path.startswith(folder))
        ),
        shared=shared,
    )


def _is_shared(path: str, layout: Layout) -> bool:
    """Return whether every model is made with a file."""
    beside = _below(layout.models, "")
    if path.startswith(beside) and "/" not in path[len(beside) :]:
        return path.endswith(".py")
    if layout.project is None:
        return False
    folders = tuple(_below(layout.project, name) for name in SHARED)
    return path.startswith(folders) or path in {_below(layout.project, name) for name in LOCKS}


def _below(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _pattern(path: str) -> re.Pattern[str]:
    """Return what a source's path matches; nothing for an empty one.

    >>> bool(_pattern("data/{yyyy}-{mm}/*.csv").fullmatch("data/2026-01/a.csv"))
    True
    """
    if not path:
        return re.compile(r"(?!)")
    parts = re.split(r"(\*\*/|\*|\?)", _PLACEHOLDER.sub("*", path))
    magic = {"**/": "(?:.*/)?", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(magic.get(part) or re.escape(part) for part in parts))
