"""``python -m airworthy_airflow.demo``: brings the stack up and leaves it up."""

from __future__ import annotations

import os
import signal
import sys

from rich.console import Console

from airworthy.errors import AirworthyError
from airworthy_airflow.demo.story import play
from airworthy_airflow.stack.control import up
from airworthy_airflow.stack.layout import load_layout


def main() -> int:
    """Run the demo; return the exit code."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        layout, console = load_layout(), Console()
        up(layout, console, dict(os.environ))
        play(layout, console)
    except AirworthyError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; a stack that was up is left up: make down", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
