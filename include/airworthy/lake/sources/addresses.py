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


def match_local(path: Path) -> list[Path]:
    """Return the matches of a local glob, in order; a path without a glob is returned itself."""
    first = next((n for n, part in enumerate(path.parts) if has_magic(part)), None)
    return (
        [path]
        if first is None
        else sorted(Path(*path.parts[:first]).glob("/".join(path.parts[first:])))
    )


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
