"""Addresses of files: inserts dates, and matches local and remote globs."""

from __future__ import annotations

from datetime import date
from glob import has_magic
from pathlib import Path
from urllib.parse import unquote

from airworthy.errors import TerminalError
from airworthy.lake.sources.download import file_system, unreachable
from airworthy.lake.sources.source import MissingSourceError


def insert_date(path: str, day: date) -> str:
    """Replace the date placeholders of a path.

    >>> insert_date("data/{yyyy}-{mm}-{dd}.csv", date(2026, 1, 31))
    'data/2026-01-31.csv'
    """
    return (
        path.replace("{yyyy}", f"{day:%Y}")
        .replace("{mm}", f"{day:%m}")
        .replace("{dd}", f"{day:%d}")
    )


def find_local(folder: Path, path: str, address: str) -> list[Path]:
    """Return the local files of an address, in order. A dated path may have no file for a day.

    Args:
        folder: The model's folder.
        path: The path in the spec.
        address: The path with a day's date.

    Raises:
        TerminalError: when there can be no file: a path without a date names nothing, or a folder.
    """
    try:
        found = match_local(folder, local_path(address))
        files = [each for each in found if each.is_file()]
        if not files:
            _refuse_missing(folder, path, found)
    except OSError as error:
        raise TerminalError(
            f"{address} cannot be looked for",
            received=error,
            allowed="a path that this user may read",
            next_step="check the permissions of its folders, or correct ingest.source.path",
        ) from error
    return files


def local_path(address: str) -> str:
    """Return the path of a local address; a ``file://`` address may have escaped characters."""
    if not address.startswith("file://"):
        return address
    return unquote(address.removeprefix("file://"))


def _refuse_missing(folder: Path, path: str, found: list[Path]) -> None:
    if len(found) == 1 and found[0].is_dir():
        raise TerminalError(
            f"{found[0]} is a folder",
            received=path,
            allowed="a file, or a pattern for the files in it",
            next_step=f"write ingest.source.path: {path.rstrip('/')}/*.csv, or what its files are "
            "called",
        )
    fixed = path.split("{")[0] if is_dated(path) else path
    if not is_dated(path):
        raise MissingSourceError(
            "no file matches the pattern" if has_magic(path) else "there is no such file",
            received=found[0] if found else folder / _expand_home(folder, path),
            allowed="a file that exists",
            next_step="correct ingest.source.path; it is relative to the model's folder",
        )
    start = match_local(folder, fixed.rsplit("/", 1)[0]) if "/" in fixed else [folder]
    if start and not has_magic(fixed) and not start[0].is_dir():
        raise MissingSourceError(
            "there is no such folder",
            received=start[0],
            allowed="a folder that exists",
            next_step="correct ingest.source.path; it is relative to the model's folder",
        )


def is_dated(path: str) -> bool:
    """Return whether a path has date placeholders."""
    return insert_date(path, date.min) != path


def find_remote(path: str, address: str) -> list[str]:
    """Return the remote files of an address, in order. A dated path may have no file for a day.

    Args:
        path: The path in the spec.
        address: The path with a day's date.

    Raises:
        TerminalError: when a path without a date names nothing.
        TransientError: when the address cannot be reached.
    """
    found = match_remote(address)
    if not found and not is_dated(path):
        raise MissingSourceError(
            "no file matches the pattern" if has_magic(address) else "there is no such file",
            received=address,
            allowed="a file that exists",
            next_step="correct ingest.source.path",
        )
    return found


def match_local(folder: Path, pattern: str) -> list[Path]:
    """Return the matches of a local glob, in order; a path without a glob is returned itself.

    `folder` is never read as a pattern. A part of the pattern that is the name of something there
    is this name.

    Args:
        folder: The folder that a relative pattern is relative to.
        pattern: The pattern. A leading ``~`` is the home folder.

    Raises:
        TerminalError: when there is no such home folder.
    """
    path = folder / _expand_home(folder, pattern)
    parts = path.parts[len(folder.parts) :] if path.is_relative_to(folder) else path.parts[1:]
    place = folder if path.is_relative_to(folder) else Path(path.anchor)
    for number, part in enumerate(parts):
        if has_magic(part) and not (place / part).exists():
            return sorted(place.glob("/".join(parts[number:])))
        place /= part
    return [place]


def _expand_home(folder: Path, path: str) -> Path:
    first = Path(path).parts[0] if path.startswith("~") else ""
    if not first or first == path or (folder / first).exists():
        return Path(path)
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise TerminalError(
            f"the home folder of {path} is not known",
            received=error,
            allowed="~/ and a path below it, or a path from / on",
            next_step="correct ingest.source.path",
        ) from error


def match_remote(address: str) -> list[str]:
    """Return the matches of a remote glob, in order; without a glob, the address if it exists."""
    scheme = address.split("://", 1)[0]
    try:
        system = file_system(scheme)
        if not has_magic(address):
            return [address] if system.exists(address) else []
        paths = system.glob(address)
    except ImportError as error:
        raise TerminalError(
            f"{scheme}:// is not supported here",
            received=error,
            allowed="a local path, s3://, gs://, https://",
        ) from error
    except ValueError as error:
        raise TerminalError(
            f"{address} is no address that can be read",
            received=error,
            allowed="a local path, s3://, gs://, https://",
        ) from error
    except Exception as error:
        raise unreachable(address, error) from error
    return sorted(path if "://" in path else f"{scheme}://{path}" for path in paths)
