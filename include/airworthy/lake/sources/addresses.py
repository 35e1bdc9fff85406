"""Addresses of files: inserts dates, and matches local and remote globs."""

from __future__ import annotations

from datetime import date
from glob import has_magic
from pathlib import Path

from airworthy.errors import TerminalError
from airworthy.lake.sources.download import unreachable


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
    path = folder / _expand_home(pattern)
    parts = path.parts[len(folder.parts) :] if path.is_relative_to(folder) else path.parts[1:]
    place = folder if path.is_relative_to(folder) else Path(path.anchor)
    for number, part in enumerate(parts):
        if has_magic(part) and not (place / part).exists():
            return sorted(place.glob("/".join(parts[number:])))
        place /= part
    return [place]


def _expand_home(path: str) -> Path:
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
    import fsspec

    scheme = address.split("://", 1)[0]
    try:
        system = fsspec.filesystem(scheme)
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
