"""Brings files to local disk: caches downloads by checksum, opens archives, verifies checksums."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from airworthy.answer_limit import ANSWER_SECONDS
from airworthy.errors import TerminalError, TransientError
from airworthy.spec.sources_part import FilesSource

CHUNK = 1 << 20


def text_digest(path: Path) -> str:
    """Return the SHA-256 of a text file with all CRLF line ends replaced by LF."""
    digest, rest = hashlib.sha256(), b""
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            chunk = rest + chunk
            # The LF of a last CR may be the first byte of the next chunk.
            rest = b"\r" if chunk.endswith(b"\r") else b""
            digest.update(chunk[: len(chunk) - len(rest)].replace(b"\r\n", b"\n"))
    digest.update(rest)
    return digest.hexdigest()


def content_digest(path: Path, form: str) -> str:
    """Return the checksum of a file for a spec's `sha256`: of CSV, `text_digest`."""
    if form == "csv":
        return text_digest(path)
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def cached_download(source: FilesSource, downloads: Path) -> Path:
    """Return the local copy of an ``https://`` file; download it unless the cache has it.

    Raises:
        TransientError: when it cannot be downloaded or written to the cache.
        TerminalError: when the downloaded file has another checksum than in the spec.
    """
    name = PurePosixPath(source.member or urlsplit(source.path).path).name
    cached = downloads / str(source.sha256)[:16] / name
    for path in (downloads / name, cached):
        if path.is_file() and content_digest(path, source.format) == source.sha256:
            return path
    with tempfile.TemporaryDirectory() as scratch:
        fetched = fetch(source.path, Path(scratch))
        if source.member is not None:
            fetched = extract_member(fetched, source.member, Path(scratch) / "member", source.path)
        verify(fetched, source, source.path)
        return _write_to_cache(fetched, cached)


def _write_to_cache(fetched: Path, cached: Path) -> Path:
    """Move a verified file into the cache atomically: no other process sees an incomplete file."""
    partial = cached.with_name(f".{cached.name}.{uuid4().hex}")
    try:
        cached.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(fetched, partial)
        partial.replace(cached)
    except OSError as error:
        raise TransientError(
            f"the download cache cannot be written: {cached.parent}",
            received=error,
            next_step="point AIRWORTHY_DOWNLOADS to a folder that can be written, "
            "or that holds the file already",
        ) from error
    return cached


def fetch(address: str, folder: Path) -> Path:
    """Copy a remote file into a folder.

    Raises:
        FileNotFoundError: when there is no such file.
        TransientError: when it cannot be reached.
    """
    scheme = address.split("://", 1)[0]
    local = folder / (PurePosixPath(urlsplit(address).path).name or "file")
    try:
        file_system(scheme).get_file(address, str(local))
    except FileNotFoundError:
        raise
    except Exception as error:
        raise unreachable(address, error) from error
    return local


def file_system(scheme: str) -> Any:
    """Return fsspec's file system of a scheme; one that is silent for 15 s is given up."""
    import fsspec

    options: dict[str, Any] = {}
    if scheme in ("http", "https"):
        import aiohttp

        limit = aiohttp.ClientTimeout(
            total=None, sock_connect=ANSWER_SECONDS, sock_read=ANSWER_SECONDS
        )
        options["client_kwargs"] = {"trust_env": True, "timeout": limit}
    if scheme in ("s3", "s3a"):
        attempt = ANSWER_SECONDS / 3  # A request is sent twice, and waits in between.
        limits = {"connect_timeout": attempt, "read_timeout": attempt}
        options["config_kwargs"] = {**limits, "retries": {"total_max_attempts": 2}}
    return fsspec.filesystem(scheme, **options)


def unreachable(address: str, error: Exception) -> TransientError:
    """Return the error of an address without an answer; clients raise too many types to list."""
    return TransientError(
        f"{address} cannot be reached",
        received=f"{type(error).__name__}: {error}",
        next_step="check the address, the network and the credentials in the environment, then "
        "run again",
    )


def extract_member(archive: Path, member: str, folder: Path, address: str) -> Path:
    """Extract one file from a .zip into a folder; return its path.

    Args:
        archive: The local .zip.
        member: The file's name in the archive.
        folder: The folder to extract to.
        address: The archive's address, for errors.

    Raises:
        TerminalError: when it is not a .zip, or lacks the member.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            if member not in opened.namelist():
                raise TerminalError(
                    f"the archive {address} has no member {member!r}",
                    received=", ".join(opened.namelist()[:20]),
                    allowed=member,
                    next_step="correct ingest.source.member",
                )
            return Path(opened.extract(member, folder))
    except zipfile.BadZipFile as error:
        raise TerminalError(
            f"{address} is not a .zip archive",
            received=error,
            allowed="a .zip, as ingest.source.member is given",
        ) from error


def verify(path: Path, source: FilesSource, address: str) -> None:
    """Compare a file with the checksum in the spec, if there is one.

    Args:
        path: The local file.
        source: The declared source.
        address: The file's address, for errors.

    Raises:
        TerminalError: when they differ.
    """
    if source.sha256 is None:
        return
    digest = content_digest(path, source.format)
    if digest != source.sha256:
        name = f"{source.member} in {address}" if source.member else address
        raise TerminalError(
            f"{name} is not the file that the spec means",
            received=f"sha256 {digest}",
            allowed=f"sha256 {source.sha256}",
            next_step="check the file, then correct ingest.source.sha256",
        )
