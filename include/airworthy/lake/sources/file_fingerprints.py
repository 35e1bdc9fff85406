"""Cheap fingerprints of files: size and time of change, or an object store's own tag."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

from airworthy.lake.sources.addresses import local_path, match_local, match_remote
from airworthy.lake.sources.download import file_system, unreachable
from airworthy.lake.sources.source import NOTHING
from airworthy.spec.sources_part import FilesSource

_AT_ONCE = 8


def file_fingerprints(
    folder: Path, addresses: Mapping[date, str], source: FilesSource
) -> dict[date, str]:
    """Return each day's fingerprint: of all files at its address; `NOTHING`: there is no file.

    Args:
        folder: The model's folder; local addresses are relative to it.
        addresses: The address of each day, with its date.
        source: The declared source. A checksum in it is the fingerprint.

    Raises:
        TransientError: when a store cannot be reached.
    """
    if source.sha256 is not None:
        return dict.fromkeys(addresses, source.sha256)
    distinct = list(dict.fromkeys(addresses.values()))
    if all("://" not in address or address.startswith("file://") for address in distinct):
        found = {address: _local(folder, address) for address in distinct}
    else:
        # A store answers each question in tens of milliseconds.
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            found = dict(zip(distinct, pool.map(_remote, distinct), strict=True))
    return {day: found[address] for day, address in addresses.items()}


def all_of(states: Sequence[str]) -> str:
    """Return the fingerprint of several files together; `NOTHING`: none of them is there."""
    if len(states) == 1 or set(states) == {NOTHING}:
        return states[0]
    return _digest(list(states))


def _local(folder: Path, address: str) -> str:
    parts = []
    for match in match_local(folder, local_path(address)):
        try:
            state = match.stat()
        except OSError:
            continue
        parts.append(f"{match.name} {state.st_size} {state.st_mtime_ns}")
    return _digest(parts)


def _remote(address: str) -> str:
    paths = match_remote(address)
    try:
        system = file_system(address.split("://", 1)[0])
        return _digest([f"{path} {system.ukey(path)}" for path in paths])
    except Exception as error:
        raise unreachable(address, error) from error


def _digest(parts: list[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32] if parts else NOTHING
