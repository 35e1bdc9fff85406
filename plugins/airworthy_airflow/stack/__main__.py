"""``python -m airworthy_airflow.stack up | down | status``."""

from __future__ import annotations

import os
import signal
import sys

from rich.console import Console

from airworthy.errors import AirworthyError
from airworthy.known_errors import keep_in_temporary_file, known_errors
from airworthy.loopback import keep_loopback_direct
from airworthy_airflow.stack.control import addresses, down, up
from airworthy_airflow.stack.health import health
from airworthy_airflow.stack.layout import Layout, load_layout
from airworthy_airflow.stack.processes import members
from airworthy_airflow.stack.records_check import records_check

COMMANDS = ("up", "down", "status")


def main(arguments: list[str]) -> int:
    """Run a command and return the exit code."""
    if len(arguments) != 1 or arguments[0] not in COMMANDS:
        print(f"usage: python -m airworthy_airflow.stack {' | '.join(COMMANDS)}", file=sys.stderr)
        return 2
    # A closed shell or a cancelled CI job must not leave half a stack. Both become an interruption.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    keep_loopback_direct()
    command = {"up": _up, "down": _down, "status": _status}[arguments[0]]
    try:
        with known_errors(keep_in_temporary_file):
            return command(load_layout())
    except AirworthyError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def _up(layout: Layout) -> int:
    up(layout, Console(), dict(os.environ))
    print(addresses(layout))
    records = records_check(layout, dict(os.environ))
    if records:
        print(records)
    return 0


def _down(layout: Layout) -> int:
    ended = down(layout)
    print(f"the stack is down: {ended} processes ended" if ended else "nothing was running")
    return 0


def _status(layout: Layout) -> int:
    parts = health(layout)
    for part, state in parts.items():
        print(f"{part:14} {state}")
    print(f"{len(members(layout))} processes")
    return 0 if all(state == "healthy" for state in parts.values()) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
