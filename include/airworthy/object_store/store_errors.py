"""Errors of an object store: without credentials, and with what to do next."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from airworthy.error_kinds import is_final
from airworthy.errors import AirworthyError, TerminalError, TransientError
from airworthy.masking import masked
from airworthy.object_store.settings import CREDENTIALS, local_folder

_ANSWER = re.compile(r"<(\?xml|Error|html).*", re.DOTALL | re.IGNORECASE)
_COLOURS = re.compile(r"\x1b\[[0-9;]*m|\N{DOWNWARDS ARROW WITH TIP RIGHTWARDS}")
_REFUSAL = re.compile(r"401 Unauthorized|403 Forbidden|AccessDenied|NoSuchBucket")
_BACKTRACE = re.compile(r"\n\s+0: .*", re.DOTALL)
_OF_STORE = re.compile(r"object-store error|Generic S3 error")
# A shorter one would be found in any text.
_SECRET_LENGTH = 8
_CODE = re.compile(r"<Code>(\w+)</Code>")


@contextmanager
def store_errors(uri: str) -> Iterator[None]:
    """Convert exceptions of readers of an object store in the block; let all others pass.

    A lazy frame of Polars meets the store where it is collected, far from the table's own errors.

    Raises:
        TerminalError: when the store refuses.
        TransientError: when it cannot be reached.
    """
    try:
        yield
    except AirworthyError:
        raise
    except Exception as error:
        if local_folder(uri) is not None or not _OF_STORE.search(str(error)):
            raise
        raise store_error(uri, error) from error


def store_error(uri: str, error: Exception) -> AirworthyError:
    """Return the error for an exception of the store; it has the address and no credentials."""
    text = reason(error)
    if local_folder(uri) is not None and is_final(error):
        return TerminalError(
            f"the files cannot be used at {uri}",
            received=text,
            next_step="make the folder one that this user can read and write, then run again",
        )
    if local_folder(uri) is not None:
        return TransientError(
            f"the files cannot be used at {uri}",
            received=text,
            next_step="check that the folder can be written to and is not full, then run again",
        )
    if is_refusal(error):
        return TerminalError(
            f"the object store refuses {uri}",
            received=text,
            allowed="a bucket that exists, and credentials that may read and write it",
            next_step="check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL, "
            "AWS_REGION and the bucket",
        )
    return TransientError(
        f"the object store cannot be reached at {uri}",
        received=text,
        next_step="check AWS_ENDPOINT_URL and that the server answers, then run again",
    )


def reason(error: BaseException) -> str:
    """Return an exception's text on one line, without credentials and without the server's page."""
    text = _BACKTRACE.sub("", str(error).split("\n\nDebug source", 1)[0])
    text = _COLOURS.sub(" ", text)
    code = _CODE.search(text)
    text = " ".join(_ANSWER.sub(code[1] if code else "", text).split())
    for variable in CREDENTIALS:
        secret = os.environ.get(variable)
        if secret and len(secret) >= _SECRET_LENGTH:
            text = text.replace(secret, f"<{variable}>")
    return f"{type(error).__name__}: {masked(text)}"


def is_refusal(error: Exception) -> bool:
    """Return whether trying again cannot help: wrong credentials, no rights, no such bucket."""
    return (
        isinstance(error, PermissionError | ValueError) or _REFUSAL.search(str(error)) is not None
    )
