"""The caller of a command: user name, log messages, and the request for a run."""

from __future__ import annotations

import logging
import os
import pwd
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airworthy.cli.model_names import require_known_model
from airworthy.environment import load_environment
from airworthy.shown_text import indented

if TYPE_CHECKING:
    from airworthy.job import Job


def user_name() -> str:
    """Return the name of the process's effective user, or its id: a container's may have no name.

    Variables such as ``LOGNAME`` are no proof of a name.
    """
    uid = os.geteuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


class _Formatter(logging.Formatter):
    """One message is one line: further lines, such as those of an error, are indented."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Return a record's line, with people's text in it escaped."""
        record.message = indented(record.message, 2)
        return super().formatMessage(record)


def log_to_stderr() -> None:
    """Log to standard error. Standard output is for results."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter("%(asctime)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("airworthy").setLevel(logging.INFO)


def new_run_id() -> str:
    """Return the id of a run that a command starts."""
    return f"cli-{datetime.now(UTC):%Y%m%dT%H%M%S.%f}"


def manual_request(model: str, as_of: str, run_id: str | None = None) -> dict[str, Any]:
    """Return the request for a manual run of the caller, as JSON values.

    Args:
        model: The model's name.
        as_of: The exclusive end of the data, ISO 8601.
        run_id: The run's id; None: a new one.

    Raises:
        TerminalError: when there is no model of this name.
        TransientError: when the lake cannot be reached.
    """
    require_known_model(load_environment(), model)
    return {
        "model": model,
        "as_of": as_of,
        "reason": "manual",
        "run_id": run_id or new_run_id(),
        "requested_by": user_name(),
        "requested_by_proof": "operating system",
    }


def open_manual_job(model: str, as_of: datetime) -> Job:
    """Open the job of a manual run of the caller; `as_of` is the exclusive end of the data."""
    from airworthy.handover import RunRequest
    from airworthy.job import open_job

    return open_job(RunRequest.model_validate(manual_request(model, as_of.isoformat())))


def log_warnings_to_stderr() -> None:
    """Log only warnings and errors to standard error: for a command with a progress bar."""
    log_to_stderr()
    logging.getLogger("airworthy").setLevel(logging.WARNING)
