"""What is measured is what a piece of work took."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import perf_counter, process_time

import pytest

from airworthy.metrics.resource_usage import measured

MIB = 2**20
LINUX = Path("/proc/self")
# Without such a folder the peak is sampled.
WAYS = {"counted by the kernel": LINUX, "sampled": Path("/nowhere")}


def burn(seconds: float) -> None:
    """Use a processor for so long."""
    end = process_time() + seconds
    while process_time() < end:
        pass


def hold(mebibytes: int) -> None:
    """Touch every page of so much memory, and let go of it."""
    block = bytearray(mebibytes * MIB)
    block[::4096] = b"x" * len(block[::4096])


def in_thread(work: Callable[[], None]) -> None:
    """Do the work in another thread."""
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


@pytest.mark.parametrize("proc", WAYS.values(), ids=WAYS)
def test_the_peak_is_that_of_the_block(proc: Path) -> None:
    """What came and went before does not count, what came and went meanwhile does, in whichever thread."""
    hold(400)
    with measured(proc) as small:
        burn(0.12)
    with measured(proc) as large:
        in_thread(lambda: (hold(200), burn(0.12), hold(200)))  # type: ignore[arg-type]
    with measured(proc) as after:
        burn(0.12)
    assert large.peak_memory_bytes - small.peak_memory_bytes > 150 * MIB
    assert large.peak_memory_bytes - after.peak_memory_bytes > 150 * MIB


def test_processors_count_over_threads_and_children() -> None:
    """The time of a thread and of a child process that has ended is the block's."""
    started = perf_counter()
    with measured() as usage:
        in_thread(lambda: burn(0.2))
        subprocess.run(
            [sys.executable, "-c", "import time\nwhile time.process_time() < 0.3: pass"], check=True
        )
    assert 0.45 < usage.cpu_seconds < usage.wall_seconds * (os.cpu_count() or 1)
    assert usage.wall_seconds <= perf_counter() - started


def test_a_block_that_fails_is_measured_too() -> None:
    """Its error goes on, and the figures are there."""
    with suppress(ValueError), measured() as usage:
        burn(0.05)
        raise ValueError
    assert usage.wall_seconds >= 0.05
    assert usage.peak_memory_bytes > 0
