"""The place of somebody's rows: what ``--from`` names, as files or as a database."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from glob import escape, has_magic
from pathlib import Path

from airworthy.lake.sources.file_formats import COMPRESSED, format_of_name
from airworthy.proposal.proposal_error import ProposalError

PLACEHOLDERS = {"{yyyy}": "[0-9]" * 4, "{mm}": "[0-9]" * 2, "{dd}": "[0-9]" * 2}
_URL = re.compile(r"^[a-z][a-z0-9+]*://", re.IGNORECASE)
_ALLOWED = (
    "a CSV, Parquet, JSON-lines or Excel file, a folder or a pattern of such files, a path with "
    "{yyyy}, {mm} and {dd}, or an SQLAlchemy URL such as sqlite:///trips.db"
)


@dataclass(frozen=True)
class FilesOrigin:
    """Local files of one format.

    Attributes:
        text: The words of the user.
        path: The absolute path for the spec, with date placeholders and globs.
        format: The files' format, as in the spec.
        files: The files that are there now, sorted.
    """

    text: str
    path: str
    format: str
    files: list[Path]

    def path_in_spec(self, folder: Path, project: Path, static: bool) -> str:
        """Return the path for a spec: relative inside the project, else absolute.

        Args:
            folder: The model's folder.
            project: The project's folder.
            static: Whether the rows have no time: then dates in the path are any digits.
        """
        path = _without_dates(self.path) if static else self.path
        root = os.path.realpath(project)
        if os.path.commonpath([root, os.path.realpath(self.files[0])]) != root:
            return path
        return os.path.relpath(path, os.path.realpath(folder))


def is_database(text: str) -> bool:
    """Return whether the text is a database's URL.

    >>> is_database("sqlite:///trips.db"), is_database("trips.csv")
    (True, False)

    Raises:
        ProposalError: when it is the address of files on another machine.
    """
    if not _URL.match(text):
        return False
    if text.split("://", 1)[0].lower() in ("s3", "gs", "https", "http", "file"):
        raise ProposalError(
            "files on another machine are not looked at",
            received=text,
            allowed=_ALLOWED,
            next_step="copy one file here and propose the model from it; then set "
            "ingest.source.path to the address",
        )
    return True


def files_origin(text: str) -> FilesOrigin:
    """Find the files that a path names.

    Raises:
        ProposalError: when there is no such file, or when the files are of no or several formats.
    """
    path = os.path.abspath(os.path.expanduser(text))  # noqa: PTH100, PTH111 - links stay
    if os.path.isdir(path):  # noqa: PTH112 - a text
        return _folder(text, Path(path))
    if os.path.isfile(path):  # noqa: PTH113 - a text
        return FilesOrigin(text, escape(path), _format(Path(path)), [Path(path)])
    pattern = _without_dates(path)
    if not has_magic(pattern):
        raise _no_file(text, Path(path))
    files = _matches(Path(pattern))
    if not files:
        raise ProposalError(
            "no file matches this path",
            received=f"{text} (looked for {pattern})",
            allowed=_ALLOWED,
            next_step="check the path",
        )
    return FilesOrigin(text, path, _one_format(text, files), files)


def _without_dates(path: str) -> str:
    for placeholder, digits in PLACEHOLDERS.items():
        path = path.replace(placeholder, digits)
    return path


def _matches(pattern: Path) -> list[Path]:
    parts = pattern.parts
    first = next(number for number, part in enumerate(parts) if has_magic(part))
    found = Path(*parts[:first]).glob("/".join(parts[first:]))
    return sorted(path for path in found if path.is_file())


def _folder(text: str, folder: Path) -> FilesOrigin:
    files = [path for path in sorted(folder.iterdir()) if path.is_file() and _known(path)]
    if not files:
        raise ProposalError(
            "this folder has no file of rows",
            received=str(folder),
            allowed=_ALLOWED,
            next_step="name the files themselves, such as 'data/*/*.parquet'",
        )
    form = _one_format(text, files)
    endings = {_ending(path) for path in files}
    ending = endings.pop() if len(endings) == 1 else ""
    return FilesOrigin(text, f"{escape(str(folder))}/*{ending}", form, files)


def _ending(path: Path) -> str:
    suffixes = path.suffixes
    compressed = suffixes and suffixes[-1].lower() in COMPRESSED
    return "".join(suffixes[-2:]) if compressed else path.suffix


def _known(path: Path) -> bool:
    return format_of_name(path) is not None and not path.name.startswith(".")


def _one_format(text: str, files: list[Path]) -> str:
    formats = sorted({_format(path) for path in files})
    if len(formats) > 1:
        raise ProposalError(
            "these files are of several formats",
            received=f"{text}: {', '.join(formats)}",
            allowed="files of one format",
            next_step=f"name those of one format, such as '{files[0].parent}/*{files[0].suffix}'",
        )
    return formats[0]


def _format(path: Path) -> str:
    """Return the format by the name's end, else by the first bytes; else it is CSV."""
    known = format_of_name(path)
    if known is not None:
        return known
    try:
        with path.open("rb") as stream:
            start = stream.read(4)
    except OSError as error:
        raise ProposalError(
            "this file cannot be read", received=f"{path}: {error.strerror}", allowed=_ALLOWED
        ) from None
    if start == b"PK\x03\x04":
        raise ProposalError(
            "an archive is not looked into",
            received=str(path),
            allowed=_ALLOWED,
            next_step=f"unzip {path.name}, and name the file from it",
        )
    return "parquet" if start == b"PAR1" else "csv"


def _no_file(text: str, path: Path) -> ProposalError:
    from difflib import get_close_matches

    folder = path.parent
    names = [each.name for each in folder.iterdir()] if folder.is_dir() else []
    close = get_close_matches(path.name, names, n=3)
    hint = f"did you mean {' or '.join(close)}?" if close else "check the path"
    return ProposalError(
        "there is no such file", received=f"{text} ({path})", allowed=_ALLOWED, next_step=hint
    )
