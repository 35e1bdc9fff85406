"""Usage is that of the block alone."""

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

from airworthy.metrics.resource_usage import measure_usage

from ..eventually import eventually  # noqa: TID252 - tests are no installed package

MIB = 2**20
LINUX = Path("/proc/self")
# Without such a folder the peak is sampled.
WAYS = {"counted by the kernel": LINUX, "sampled": Path("/nowhere")}


def burn(seconds: float) -> None:
    """Use a processor for so long."""
    end = process_time() + seconds
    while process_time() < end:
        pass


def hold(mebibytes: int, until: Callable[[], bool] = lambda: True) -> None:
    """Touch every page of so much memory and free it, once a condition is true."""
    block = bytearray(mebibytes * MIB)
    block[::4096] = b"x" * len(block[::4096])
    eventually("the memory is measured", until)


def in_thread(work: Callable[[], None]) -> None:
    """Do the work in another thread."""
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


@pytest.mark.parametrize("proc", WAYS.values(), ids=WAYS)
def test_the_peak_is_that_of_the_block(proc: Path) -> None:
    """Memory of before does not count, memory of meanwhile does, in any thread."""
    hold(400)
    with measure_usage(proc) as small:
        burn(0.12)
    with measure_usage(proc) as large:
        at_start = large.peak_memory_bytes
        # The kernel misses nothing. A sampler needs its time.
        in_thread(
            lambda: hold(
                200, lambda: proc == LINUX or large.peak_memory_bytes > at_start + 150 * MIB
            )
        )
    with measure_usage(proc) as after:
        burn(0.12)
    assert large.peak_memory_bytes - small.peak_memory_bytes > 150 * MIB
    assert large.peak_memory_bytes - after.peak_memory_bytes > 150 * MIB


def test_processors_count_over_threads_and_children() -> None:
    """The time of a thread and of an ended child process is the block's."""
    started = perf_counter()
    with measure_usage() as usage:
        in_thread(lambda: burn(0.2))
        subprocess.run(
            [sys.executable, "-c", "import time\nwhile time.process_time() < 0.3: pass"], check=True
        )
    assert 0.45 < usage.cpu_seconds < usage.wall_seconds * (os.cpu_count() or 1)
    assert usage.wall_seconds <= perf_counter() - started


def test_a_block_that_fails_is_measured_too() -> None:
    """Its error goes on, and the figures are there."""
    with suppress(ValueError), measure_usage() as usage:
        burn(0.05)
        raise ValueError
    assert usage.wall_seconds > 0
    assert usage.peak_memory_bytes > 0
