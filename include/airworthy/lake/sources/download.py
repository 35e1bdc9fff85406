"""Files brought to local disk: downloads kept by their checksum, archives opened, checksums verified."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from airworthy.errors import TerminalError, TransientError
from airworthy.spec.sources_part import FilesSource

CHUNK = 1 << 20


def text_digest(path: Path) -> str:
    """Return the SHA-256 of a text file as if its lines ended in LF, whichever system wrote it."""
    digest, held = hashlib.sha256(), b""
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            chunk = held + chunk
            held = (
                b"\r" if chunk.endswith(b"\r") else b""
            )  # its LF may be the first byte of the next chunk
            digest.update(chunk[: len(chunk) - len(held)].replace(b"\r\n", b"\n"))
    digest.update(held)
    return digest.hexdigest()


def content_digest(path: Path, form: str) -> str:
    """Return the checksum that a spec's `sha256` means for a file of this format."""
    if form == "csv":
        return text_digest(path)
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def downloaded(source: FilesSource, downloads: Path) -> Path:
    """Return the local copy of an ``https://`` file, from the cache if it is there with the right checksum.

    Raises:
        TransientError: when it cannot be fetched or kept.
        TerminalError: when what was fetched is not the file that the spec means.
    """
    name = PurePosixPath(source.member or urlsplit(source.path).path).name
    kept = downloads / str(source.sha256)[:16] / name
    for place in (downloads / name, kept):
        if place.is_file() and content_digest(place, source.format) == source.sha256:
            return place
    with tempfile.TemporaryDirectory() as scratch:
        fetched = fetch(source.path, Path(scratch))
        if source.member is not None:
            fetched = extracted(fetched, source.member, Path(scratch) / "member", source.path)
        verify(fetched, source, source.path)
        return _keep(fetched, kept)


def _keep(fetched: Path, kept: Path) -> Path:
    """Move a verified file into the cache in one step, so that another process never sees half of it."""
    part = kept.with_name(f".{kept.name}.{uuid4().hex}")
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(fetched, part)
        part.replace(kept)
    except OSError as error:
        raise TransientError(
            f"the download cache cannot be written: {kept.parent}",
            received=error,
            next_step="point AIRWORTHY_DOWNLOADS to a folder that can be written, or that holds the file already",
        ) from error
    return kept


def fetch(address: str, folder: Path) -> Path:
    """Copy a remote file into a folder.

    Raises:
        FileNotFoundError: when there is no such file.
        TransientError: when it cannot be reached.
    """
    import fsspec

    scheme = address.split("://", 1)[0]
    options: dict[str, Any] = {"client_kwargs": {"trust_env": True}} if scheme == "https" else {}
    local = folder / (PurePosixPath(urlsplit(address).path).name or "file")
    try:
        fsspec.filesystem(scheme, **options).get_file(address, str(local))
    except FileNotFoundError:
        raise
    except Exception as error:
        raise unreachable(address, error) from error
    return local


def unreachable(address: str, error: Exception) -> TransientError:
    """Return the error that says that an address did not answer; clients raise too many kinds to name."""
    return TransientError(
        f"{address} cannot be reached",
        received=f"{type(error).__name__}: {error}",
        next_step="check the address, the network and the credentials in the environment, then run again",
    )


def extracted(archive: Path, member: str, folder: Path, address: str) -> Path:
    """Take one file out of a .zip.

    Raises:
        TerminalError: when it is no archive or lacks the member.
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
    """Compare a file with the checksum that the spec declares, if it declares one.

    Raises:
        TerminalError: when they differ.
    """
    if source.sha256 is None:
        return
    found = content_digest(path, source.format)
    if found != source.sha256:
        what = f"{source.member} in {address}" if source.member else address
        raise TerminalError(
            f"{what} is not the file that the spec means",
            received=f"sha256 {found}",
            allowed=f"sha256 {source.sha256}",
            next_step="check the file, then correct ingest.source.sha256",
        )
