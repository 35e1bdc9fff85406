"""The kinds of faults behind exceptions: a full disk, a lost network, rows that cannot be computed.

Libraries give the same fault different types: a full disk is an ``OSError``, an error of Polars with
``os error 28`` in its text, or an error of SQLite. A kind therefore has numbers and texts.
"""

from __future__ import annotations

import errno
import re
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ErrorKind:
    """One kind of exceptions.

    Attributes:
        problem: The fault in a few words.
        next_step: The next thing to do.
        transient: Whether trying again may help.
        numbers: The numbers of `errno` that mean it.
        text: A pattern of messages that mean it.
        types: Its types.
        libraries: The top-level packages whose exceptions are of this kind.
    """

    problem: str
    next_step: str
    transient: bool = False
    numbers: tuple[int, ...] = ()
    text: str = r"(?!)"
    types: tuple[type[BaseException], ...] = ()
    libraries: tuple[str, ...] = ()

    def holds(self, error: BaseException) -> bool:
        """Return whether an exception is of this kind."""
        numbers = "|".join(map(str, self.numbers)) or "(?!)"
        return (
            isinstance(error, self.types)
            or (isinstance(error, OSError) and error.errno in self.numbers)
            or _library(error) in self.libraries
            or re.search(rf"os error (?:{numbers})\b|{self.text}", str(error)) is not None
        )


MEMORY = ErrorKind(
    "the memory was used up",
    "give the machine or the container more memory, or make the window smaller: train.lookback, "
    "score.window",
    numbers=(errno.ENOMEM,),
    text=r"std::bad_alloc|Cannot allocate memory|[Oo]ut of memory",
    types=(MemoryError,),
)
FULL_DISK = ErrorKind(
    "the disk is full",
    "free space on it, or raise the quota or limit (ulimit -f), then run again",
    transient=True,
    numbers=(errno.ENOSPC, errno.EDQUOT, errno.EFBIG),
    text=r"No space left on device|Disk quota exceeded|File too large|disk is full",
)
READ_ONLY = ErrorKind(
    "a file system is read-only",
    "mount it so that it can be written to, or name another folder: AIRWORTHY_STATE, and lake and "
    "artifacts in the environment's file",
    transient=True,
    numbers=(errno.EROFS,),
    text=r"Read-only file system|readonly database",
)
FORBIDDEN = ErrorKind(
    "a file or folder may not be used",
    "give this user the right to it: chmod, chown",
    numbers=(errno.EACCES, errno.EPERM),
    text=r"Permission denied|Operation not permitted",
    types=(PermissionError,),
)
FAILED_DISK = ErrorKind(
    "a disk failed",
    "look at the machine's log (dmesg), then run again",
    transient=True,
    numbers=(errno.EIO, errno.ESTALE),
    text=r"disk I/O error|Input/output error",
)
OPEN_FILES = ErrorKind(
    "this process has too many open files",
    "raise its limit (ulimit -n), then run again",
    transient=True,
    numbers=(errno.EMFILE, errno.ENFILE),
    text=r"Too many open files",
)
WRONG_PATH = ErrorKind(
    "a file or folder is not there, or is not what it should be",
    "correct the path, or put there what is missing",
    numbers=(errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG),
    text=r"Not a directory|Is a directory|unable to open database file",
    types=(FileNotFoundError, NotADirectoryError, IsADirectoryError, FileExistsError),
)
LOCKED = ErrorKind(
    "a database or file is locked by another process",
    "run again when the other one is done",
    transient=True,
    text=r"database(?: table)? is locked|could not obtain lock|deadlock detected"
    r"|file lock .* could not be acquired",
    types=(BlockingIOError,),
)
CERTIFICATE = ErrorKind(
    "a service's certificate is not trusted",
    "correct its address, or add the authority that signed it (SSL_CERT_FILE)",
    text="CERTIFICATE_VERIFY_FAILED",
)
NO_ANSWER = ErrorKind(
    "a service did not answer",
    "check that it is up and can be reached from here, then run again",
    transient=True,
    numbers=(
        errno.ECONNREFUSED,
        errno.ECONNRESET,
        errno.ETIMEDOUT,
        errno.EHOSTUNREACH,
        errno.ENETUNREACH,
        errno.EPIPE,
    ),
    text=r"[Cc]onnection (?:refused|reset|timed out)|[Tt]imed out|Name or service not known"
    r"|Temporary failure in name resolution",
    types=(ConnectionError, TimeoutError),
    libraries=(
        "botocore",
        "httpcore",
        "httpx",
        "requests",
        "s3transfer",
        "socket",
        "ssl",
        "urllib3",
    ),
)
TEXT = ErrorKind(
    "a text is not in the encoding that was expected",
    "save the file as UTF-8",
    types=(UnicodeError,),
)
NO_LIBRARY = ErrorKind(
    "a library cannot be imported",
    "install what requirements.txt names (make setup), or correct the import",
    types=(ImportError,),
)
ROWS = ErrorKind(
    "the rows cannot be computed",
    "correct the column, the feature or the rows that the message names",
    libraries=("polars", "pyarrow", "pyo3_runtime"),
)
MODEL = ErrorKind(
    "XGBoost cannot work with this",
    "correct train.parameters, or the features that the message names",
    libraries=("xgboost",),
)
SUITE = ErrorKind(
    "Great Expectations cannot judge this",
    "correct validate.expectations, then: airworthy check",
    libraries=("great_expectations",),
)
DATABASE = ErrorKind(
    "a database refused",
    "correct the query or the database's address, then run again",
    libraries=("sqlalchemy", "sqlite3", "psycopg", "psycopg2"),
)
TABLE = ErrorKind(
    "a table of the lake cannot be used",
    "check the folder of the table that the message names, then run again",
    libraries=("_internal", "deltalake"),  # the first is the name in delta-rs's binary
)
KINDS = (
    MEMORY, FULL_DISK, READ_ONLY, FORBIDDEN, FAILED_DISK, OPEN_FILES, WRONG_PATH, LOCKED,
    CERTIFICATE, NO_ANSWER, TEXT, NO_LIBRARY, ROWS, MODEL, SUITE, DATABASE, TABLE,
)  # fmt: skip
"""By precedence: the fault of a machine comes before the library that met it."""
OF_MACHINES = (MEMORY, FULL_DISK, READ_ONLY, FAILED_DISK, OPEN_FILES, LOCKED, NO_ANSWER)
"""They are nobody's code."""


def kind_of(error: BaseException) -> ErrorKind | None:
    """Return the kind of an exception, or of one that caused it; None: there is none."""
    causes = list(_chain(error))
    return next((kind for kind in KINDS if any(map(kind.holds, causes))), None)


def is_final(error: BaseException) -> bool:
    """Return whether an exception of a file system is one that a retry meets again."""
    return kind_of(error) is FORBIDDEN


def _library(error: BaseException) -> str:
    return type(error).__module__.partition(".")[0]


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception, and those that caused it."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__


def line_in(error: BaseException, file: Path) -> str:
    """Return `` (line 12)``: the last line of a file that an exception went through; else nothing."""
    if isinstance(error, SyntaxError) and error.filename == str(file):
        return ""  # its own text has the line
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == str(file)
    ]
    return f" (line {lines[-1]})" if lines else ""
