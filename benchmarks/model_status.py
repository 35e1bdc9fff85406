"""Durations of ``airworthy status``, and of the list behind it: 200 models, 2,000 ledger entries.

Specs, ledgers and evidence are really written by the project's own code, within a minute or two.
``cold``: nothing is kept. ``warm``: nothing has changed since. ``one changed``: one ledger has a new
entry. The command's processor time is compared with that of a process which only imports what it
needs: other programs of the machine do not count. Aim: less than 1 s beyond it.
Run: ``python benchmarks/model_status.py``.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))
REPEATS = 5
IMPORTS = (
    "import sys; sys.argv = ['airworthy']; import airworthy.cli.main, airworthy.cli.status_lines; "
    "import airworthy.model_status.summaries; "
    "from airworthy.environment import load_environment; load_environment()"
)


def main() -> None:
    """Write the models, then print the times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=200)
    parser.add_argument("--entries", type=int, default=10, help="of each model's ledger")
    parser.add_argument("--long", type=int, default=0, help="entries of one more model's ledger")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["AIRWORTHY_STATE"] = f"{folder}/state"
        os.environ["AIRWORTHY_MODELS"] = f"{folder}/models"
        started = time.perf_counter()
        for number in range(chosen.models):
            write(f"model_{number:03d}", chosen.entries)
        if chosen.long:
            write("long", chosen.long)
        print(f"wrote them in {time.perf_counter() - started:.0f} s")
        measure_list(chosen.models, chosen.models * chosen.entries)
        measure_commands()
        if chosen.long:
            measure_history("long", chosen.long)


def write(model: str, entries: int) -> None:
    """Write a model with a champion and looks of its monitor, until its ledger has the entries."""
    from tests.core.model_status.recorded_model import RecordedModel

    from airworthy.environment import load_environment

    made = RecordedModel(load_environment(), model)
    made.write_spec()
    made.train(rmse=3.0)
    for number in range(entries - 3):
        made.look(rmse=3.0 + number % 5 / 10, drifted=number % 7 == 6)


def measure_list(models: int, entries: int) -> None:
    """Print the times of the list in one process, with its JSON."""
    from airworthy.environment import load_environment
    from airworthy.model_status.summaries import model_summaries

    environment = load_environment()

    def listed() -> str:
        summaries = model_summaries(environment)
        assert len(summaries) >= models
        return "\n".join(json.dumps(each.as_json()) for each in summaries)

    print(f"list of {models} models, {entries:,} entries, as JSON, in a running process:")
    print(f"  cold         {timed(listed):7.3f} s")
    print(f"  warm         {median(listed):7.3f} s")
    write("model_000", 4)
    print(f"  one changed  {timed(listed):7.3f} s")


def measure_commands() -> None:
    """Print the processor's seconds of the commands, and of their imports alone."""
    imports = statistics.median(processor("-c", IMPORTS) for _ in range(REPEATS))
    print(f"interpreter and imports alone: {imports:.3f} s of the processor")
    for words in (("status",), ("status", "--json"), ("next",), ("models",)):
        took = statistics.median(processor("-m", "airworthy", *words) for _ in range(REPEATS))
        beyond, name = took - imports, " ".join(words)
        print(
            f"  airworthy {name:<14} {took:.3f} s: {beyond:.3f} s beyond, {took / imports:.2f} times"
        )
    shutil.rmtree(Path(os.environ["AIRWORTHY_STATE"]) / "cache")
    took = processor("-m", "airworthy", "status")
    print(f"  airworthy status, cold   {took:.3f} s: {took - imports:.3f} s beyond")


def measure_history(model: str, entries: int) -> None:
    """Print the times of one model's history."""
    from airworthy.environment import load_environment
    from airworthy.model_status.history import model_history

    environment = load_environment()

    def history() -> None:
        assert len(model_history(environment, model).ledger) == entries

    print(f"history of one model with {entries:,} entries:")
    print(f"  cold  {timed(history):7.3f} s")
    print(f"  warm  {median(history):7.3f} s")


def processor(*words: str) -> float:
    """Run Python, check that it ends well, and return the processor's seconds that it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that a piece of work takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def median(work: Callable[[], object]) -> float:
    """Return the median of several times, in seconds."""
    return statistics.median(timed(work) for _ in range(REPEATS))


if __name__ == "__main__":
    main()
