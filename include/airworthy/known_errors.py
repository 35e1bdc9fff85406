"""Turns every exception into a terminal or transient error with a next step."""

from __future__ import annotations

import logging
import os
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from airworthy.error_kinds import OF_MACHINES, ErrorKind, kind_of
from airworthy.errors import (
    AirworthyError,
    TerminalError,
    TerminalPlaceError,
    TransientError,
    TransientPlaceError,
)
from airworthy.masking import masked
from airworthy.object_store import reason

log = logging.getLogger("airworthy.errors")

_MAX_LENGTH = 500
_OWN_CODE = ("features.py", "behaviour.py")  # also in a copy of the model's folder


class UnexpectedError(TerminalError):
    """A fault that nobody has foreseen. It is final: a retry would most likely fail, too."""


def known_error(
    error: BaseException, folder: Path | None = None, evidence: str | None = None
) -> AirworthyError:
    """Return the error for an exception. An `AirworthyError` is returned as it is.

    Args:
        error: The exception.
        folder: The model's folder: an exception in its files names file and line.
        evidence: The address of the traceback, for people who develop Airworthy.
    """
    if isinstance(error, AirworthyError):
        return error
    kind, text = kind_of(error), plain_text(error)
    place = None if folder is None else _place_in(error, folder)
    details = "" if evidence is None else f"; details for a developer: {evidence}"
    if place is not None and kind not in OF_MACHINES:
        return TerminalError(f"{place} fails: {text}", next_step=f"edit {place}{details}")
    if kind is None:
        return _unexpected(text, evidence)
    return _type_of(kind)(f"{kind.problem}: {text}", next_step=f"{kind.next_step}{details}")


def _type_of(kind: ErrorKind) -> type[AirworthyError]:
    if kind in OF_MACHINES:
        return TransientPlaceError if kind.transient else TerminalPlaceError
    return TransientError if kind.transient else TerminalError


def _unexpected(text: str, evidence: str | None) -> UnexpectedError:
    where = "" if evidence is None else f", with the file {evidence}"
    return UnexpectedError(
        f"an unexpected error: {text}",
        next_step=f"report it{where}: it is a fault of Airworthy, or a case that it does not know",
    )


@contextmanager
def known_errors(
    keep: Callable[[str], str | None],
    folder: Path | None = None,
    model: str | None = None,
    stage: str | None = None,
) -> Iterator[None]:
    """Turn each exception of the block into a terminal or transient error; let interruptions pass.

    Args:
        keep: Keeps a traceback and returns its address, or None.
        folder: The model's folder.
        model: The model, for the error.
        stage: The stage, for the error.

    Raises:
        TerminalError: when trying again cannot help, or the exception is of no known kind.
        TransientError: when trying again may help.
    """
    try:
        yield
    except BaseException as error:
        if not is_convertible(error):
            raise
        if isinstance(error, AirworthyError):
            error.model, error.stage = error.model or model, error.stage or stage
            raise
        log.debug("the traceback of an error", exc_info=error)
        found = known_error(error, folder, _kept(keep, error))
        found.model, found.stage = found.model or model, found.stage or stage
        raise found from error


def keep_in_temporary_file(text: str) -> str:
    """Keep a traceback where any command can: in a file of its own that only this user can read."""
    descriptor, path = tempfile.mkstemp(prefix="airworthy-error-", suffix=".txt")
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as stream:
        stream.write(text)
    return path


def is_convertible(error: BaseException) -> bool:
    """Return whether an exception is a fault: no interruption, no exit, no end of a task.

    A panic of Polars is no `Exception`, but it is a fault.
    """
    return isinstance(error, Exception) or type(error).__name__ == "PanicException"


def plain_text(error: BaseException) -> str:
    """Return type and message on one line of at most 500 characters, without logins and secrets.

    >>> plain_text(ValueError("postgresql://me:secret@db/rows is down"))
    'ValueError: postgresql://***@db/rows is down'
    """
    text = masked(reason(error))
    return text if len(text) <= _MAX_LENGTH else f"{text[: _MAX_LENGTH - 3]}..."


def traceback_text(error: BaseException) -> str:
    """Return an exception's traceback, without logins and secrets."""
    return masked("".join(traceback.format_exception(error)))


def _kept(keep: Callable[[str], str | None], error: BaseException) -> str | None:
    """Return the address of the kept traceback; None when it cannot be kept."""
    try:
        return keep(traceback_text(error))
    except Exception as failed:
        log.debug("the traceback cannot be kept: %s", failed)
        return None


def _place_in(error: BaseException, folder: Path) -> str | None:
    """Return the last line of the model's own files that an exception went through."""
    frames = traceback.extract_tb(error.__traceback__)
    inside = [each for each in frames if _is_own(Path(each.filename), folder)]
    return f"{inside[-1].filename}, line {inside[-1].lineno}" if inside else None


def _is_own(file: Path, folder: Path) -> bool:
    return file.is_relative_to(folder) or file.name in _OWN_CODE
