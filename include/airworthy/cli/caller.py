"""Who calls a command, and where its messages go."""

from __future__ import annotations

import getpass
import logging
import os
import sys
from datetime import UTC, datetime


def user_name() -> str:
    """Return who runs this; in a container, the user may have a number and no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def log_to_stderr() -> None:
    """Send log lines to standard error: standard output is for results."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(name)s: %(message)s"
    )
    logging.getLogger("airworthy").setLevel(logging.INFO)


def new_run_id() -> str:
    """Return the id of a run that a command starts."""
    return f"cli-{datetime.now(UTC):%Y%m%dT%H%M%S.%f}"


def log_problems_to_stderr() -> None:
    """Send only what is wrong to standard error: of a command that tells how far it is by other means."""
    log_to_stderr()
    logging.getLogger("airworthy").setLevel(logging.WARNING)
