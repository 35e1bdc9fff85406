"""What a piece of work took: seconds on the clock, seconds of processors, memory at its peak."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time

import psutil

_PROC = Path("/proc/self")
_FORGET_THE_PEAK = "5"  # see proc(5), /proc/pid/clear_refs
_SAMPLE_SECONDS = 0.05


@dataclass
class Usage:
    """What some work took. All are 0 until it ended.

    Attributes:
        wall_seconds: From its begin to its end.
        cpu_seconds: Of all processors, in user and system mode, by every thread of the process and by those of its
            child processes that ended meanwhile. What else the process does at the same time counts too.
        peak_memory_bytes: The largest resident set of this process while the work ran, its children's left out. What
            the process held before counts too: libraries, and pages shared with the process that it was forked from.
    """

    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory_bytes: int = 0


@contextmanager
def measured(proc: Path = _PROC) -> Iterator[Usage]:
    """Measure a block; the figures are there when it ends, however it ends.

    Linux counts the peak itself, anew from the block's begin; where it cannot be told to, the resident set is looked at
    twenty times a second. Blocks that run at the same time in one process see each other's use.

    Args:
        proc: This process's folder under ``/proc``.
    """
    usage, started, cpu = Usage(), perf_counter(), _cpu_seconds()
    with _peak(proc, usage):
        try:
            yield usage
        finally:
            usage.wall_seconds = perf_counter() - started
            usage.cpu_seconds = _cpu_seconds() - cpu


def _cpu_seconds() -> float:
    # The kernel's `times` has ticks of 10 ms: too coarse for what a short stage takes itself.
    children = os.times()[2:4]
    return process_time() + sum(children)


@contextmanager
def _peak(proc: Path, usage: Usage) -> Iterator[None]:
    try:
        (proc / "clear_refs").write_text(_FORGET_THE_PEAK, encoding="ascii")
        _high_water_mark(proc)
    except (OSError, LookupError):
        with _sampled(usage):
            yield
        return
    try:
        yield
    finally:
        with suppress(OSError, LookupError):
            usage.peak_memory_bytes = _high_water_mark(proc)


def _high_water_mark(proc: Path) -> int:
    """Return the greatest resident set in bytes.

    Raises:
        LookupError: when this kernel does not tell it.
    """
    for line in (proc / "status").read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise LookupError("VmHWM")


@contextmanager
def _sampled(usage: Usage) -> Iterator[None]:
    process, over = psutil.Process(), threading.Event()

    def look() -> None:
        usage.peak_memory_bytes = max(usage.peak_memory_bytes, process.memory_info().rss)

    def go_on_looking() -> None:
        while not over.wait(_SAMPLE_SECONDS):
            look()

    look()
    thread = threading.Thread(target=go_on_looking, name="memory-peak", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        look()
