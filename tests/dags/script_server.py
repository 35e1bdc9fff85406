"""Runs scripts in forks of one process, which has imported what they need.

An import of Airflow and of the stages' libraries takes longer than most of these scripts. Each line
of standard input is an order: the script, its arguments, its variables, and the file that gets its
output. The answer is a line with the exit code.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import sys
from pathlib import Path


def main(*modules: str) -> None:
    """Import modules, then run a script for each order until standard input ends."""
    # What a module prints is no answer.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for module in modules:
        importlib.import_module(module)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            run(**json.loads(line))
            return
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), file=answers, flush=True)


def run(script: str, arguments: list[str], variables: dict[str, str], output: str) -> None:
    """Run a script as ``python SCRIPT ARGUMENTS`` does.

    Args:
        script: Its path.
        arguments: Its arguments.
        variables: Its environment variables.
        output: A file that gets what it prints.
    """
    stream = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for descriptor in (1, 2):
        os.dup2(stream, descriptor)
    os.environ.clear()
    os.environ.update(variables)
    sys.argv = [script, *arguments]
    sys.path[0] = str(Path(script).parent)
    runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    main(*sys.argv[1:])
