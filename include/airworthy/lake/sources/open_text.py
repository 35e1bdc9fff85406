"""Opens text files: plain ones, and ones compressed by gzip, bzip2, xz or zstd.

Content tells the compression, not the name.
"""

from __future__ import annotations

import bz2
import codecs
import errno
import gzip
import io
import lzma
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import polars as pl

from airworthy.errors import TerminalError, TransientError

_MAGIC = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\x03\x04": "zip",
}
_DAMAGED = (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile)
_FULL = (errno.ENOSPC, errno.EDQUOT)


def compression(path: Path) -> str | None:
    """Return the compression of a file, by its first bytes; None: it is not compressed."""
    with path.open("rb") as stream:
        start = stream.read(8)
    return next((name for magic, name in _MAGIC.items() if start.startswith(magic)), None)


def open_bytes(path: Path) -> IO[bytes]:
    """Open a file and decompress it while it is read.

    Raises:
        TerminalError: when it is a .zip archive.
    """
    form = compression(path)
    if form == "zip":
        raise TerminalError(
            f"{path.name} is a .zip archive",
            received=path,
            allowed="a text file, plain or compressed by gzip, bzip2, xz or zstd",
            next_step="name the file in it: ingest.source.member",
        )
    if form == "zstd":
        import pyarrow

        return io.BufferedReader(pyarrow.input_stream(str(path), compression="zstd"))
    openers: dict[str | None, Any] = {"gzip": gzip.open, "bzip2": bz2.open, "xz": lzma.open}
    opened: IO[bytes] = openers.get(form, open)(path, "rb")
    return opened


def is_utf8(encoding: str) -> bool:
    """Return whether an encoding is UTF-8, with or without a byte order mark."""
    return codecs.lookup(encoding).name in ("utf-8", "utf-8-sig")


def open_text(path: Path, encoding: str) -> io.TextIOWrapper:
    """Open a text file; its line ends stay as they are.

    Args:
        path: The file.
        encoding: Its encoding. A byte order mark is dropped.
    """
    name = "utf-8-sig" if is_utf8(encoding) else encoding
    return io.TextIOWrapper(open_bytes(path), encoding=name, newline="")


@contextmanager
def read_errors(path: Path, form: str, derived: bool = False) -> Iterator[None]:
    """Convert exceptions of reading a file into an error with the file's name.

    Args:
        path: The file.
        form: The declared format.
        derived: Whether columns are derived from the file's, which can fail, too.

    Raises:
        TerminalError: when the file cannot be read, or is not of the declared format.
        TransientError: when the disk is full.
    """
    try:
        yield
    except _DAMAGED as error:
        raise _cut_off(path, error) from error
    except OSError as error:
        if "compressed" in str(error) or "end of file" in str(error):
            raise _cut_off(path, error) from error
        if error.errno in _FULL or "No space left" in str(error):
            raise TransientError(
                f"there is no room to read {path.name}",
                received=error,
                next_step="make room in the folder for temporary files, or set TMPDIR",
            ) from error
        raise TerminalError(
            f"{path.name} cannot be read",
            received=error,
            allowed=f"a file that this user may read: {path}",
            next_step="check the file's permissions and the disk",
        ) from error
    except pl.exceptions.PolarsError as error:
        if derived:
            raise TerminalError(
                f"ingest.source.derive fails on {path.name}",
                received=_first_line(error),
                allowed="expressions that hold for every row; TRY_CAST gives null where CAST fails",
                next_step="correct ingest.source.derive",
            ) from error
        raise _other_format(path, form, error) from error
    except (pl.exceptions.PanicException, UnicodeDecodeError) as error:
        raise _other_format(path, form, error) from error


def _cut_off(path: Path, error: Exception) -> TerminalError:
    return TerminalError(
        f"{path.name} is cut off or damaged",
        received=_first_line(error),
        allowed="a whole compressed file",
        next_step=f"bring {path} again",
    )


def _other_format(path: Path, form: str, error: BaseException) -> TerminalError:
    return TerminalError(
        f"{path.name} cannot be read as {form}",
        received=_first_line(error),
        allowed=f"a whole {form} file",
        next_step="check the file, then ingest.source.format",
    )


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
