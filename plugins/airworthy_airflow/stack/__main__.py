"""``python -m airworthy_airflow.stack up | down | status``: the embedded stack under supervisord.

``prepare``, ``run PART``, ``backup FOLDER`` and ``restore FILE`` are for the services of one machine
(``infra/ansible``), whose parts are the same.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

from rich.console import Console

from airworthy.errors import AirworthyError
from airworthy.known_errors import keep_in_temporary_file, known_errors
from airworthy.loopback import keep_loopback_direct
from airworthy_airflow.stack.backup import back_up
from airworthy_airflow.stack.control import addresses, down, up
from airworthy_airflow.stack.health import health
from airworthy_airflow.stack.layout import Layout, load_layout
from airworthy_airflow.stack.processes import members
from airworthy_airflow.stack.records_check import records_check
from airworthy_airflow.stack.restore import restore
from airworthy_airflow.stack.services import prepare, run_part


def main(arguments: list[str]) -> int:
    """Run a command and return the exit code."""
    options = _parser().parse_args(arguments)
    # A closed shell or a cancelled CI job must not leave half a stack. Both become an interruption.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    keep_loopback_direct()
    try:
        with known_errors(keep_in_temporary_file):
            return _run(options, load_layout())
    except AirworthyError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m airworthy_airflow.stack")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("up", help="start every part and wait until all are healthy")
    commands.add_parser("down", help="end every part")
    commands.add_parser("status", help="say which parts are healthy")
    commands.add_parser("prepare", help="make secrets and databases for the services")
    run = commands.add_parser("run", help="become one part, as a service")
    run.add_argument("part", help="api-server, scheduler, ...")
    backup = commands.add_parser("backup", help="write the state folder into one file")
    backup.add_argument("folder", type=Path, help="the folder of the backups")
    backup.add_argument("--keep", type=int, default=14, help="the newest backups that stay")
    restoration = commands.add_parser("restore", help="replace the state folder by a backup")
    restoration.add_argument("file", type=Path, help="the backup")
    return parser


def _run(options: argparse.Namespace, layout: Layout) -> int:
    match options.command:
        case "up":
            return _up(layout)
        case "down":
            return _down(layout)
        case "status":
            return _status(layout)
        case "prepare":
            prepare(layout, dict(os.environ))
        case "run":
            run_part(layout, options.part, dict(os.environ))
        case "backup":
            print(back_up(layout, options.folder, keep=options.keep))
        case "restore":
            print(restore(layout, options.file))
    return 0


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
