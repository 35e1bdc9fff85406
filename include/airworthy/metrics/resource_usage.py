"""Resource usage of a block of code: wall-clock seconds, CPU seconds, and peak memory."""

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
_RESET_PEAK = "5"  # see proc(5), /proc/pid/clear_refs
_SAMPLE_SECONDS = 0.05


@dataclass
class ResourceUsage:
    """The resource usage of a block. All values are 0 until the block ends.

    Attributes:
        wall_seconds: Seconds from its start to its end.
        cpu_seconds: Seconds of all processors, in user and system mode. They include all threads of
            the process, other work in them too, and child processes that ended during the block.
        peak_memory_bytes: The largest resident set of this process during the block, without
            children. It includes memory from before the block: libraries, and pages shared with
            the parent process after a fork.
    """

    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory_bytes: int = 0


@contextmanager
def measure_usage(proc: Path = _PROC) -> Iterator[ResourceUsage]:
    """Measure a block. The values are set at its end, after an error too.

    Linux measures the peak itself, after a reset at the block's start. Without a reset, the
    resident set is sampled twenty times a second. Concurrent blocks in one process include each
    other's usage.

    Args:
        proc: This process's folder under ``/proc``.
    """
    usage, start, cpu_start = ResourceUsage(), perf_counter(), _cpu_seconds()
    with _peak_memory(proc, usage):
        try:
            yield usage
        finally:
            usage.wall_seconds = perf_counter() - start
            usage.cpu_seconds = _cpu_seconds() - cpu_start


def _cpu_seconds() -> float:
    # The kernel's `times` has ticks of 10 ms: too coarse for a short stage, so only for children.
    children = os.times()[2:4]
    return process_time() + sum(children)


@contextmanager
def _peak_memory(proc: Path, usage: ResourceUsage) -> Iterator[None]:
    try:
        (proc / "clear_refs").write_text(_RESET_PEAK, encoding="ascii")
        _read_peak_memory(proc)
    except (OSError, LookupError):
        with _sampled_peak_memory(usage):
            yield
        return
    try:
        yield
    finally:
        with suppress(OSError, LookupError):
            usage.peak_memory_bytes = _read_peak_memory(proc)


def _read_peak_memory(proc: Path) -> int:
    """Return the largest resident set in bytes.

    Raises:
        LookupError: when this kernel does not report it.
    """
    for line in (proc / "status").read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise LookupError("VmHWM")


@contextmanager
def _sampled_peak_memory(usage: ResourceUsage) -> Iterator[None]:
    process, ended = psutil.Process(), threading.Event()

    def sample() -> None:
        usage.peak_memory_bytes = max(usage.peak_memory_bytes, process.memory_info().rss)

    def sample_until_end() -> None:
        while not ended.wait(_SAMPLE_SECONDS):
            sample()

    sample()
    thread = threading.Thread(target=sample_until_end, name="memory-peak", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        sample()
