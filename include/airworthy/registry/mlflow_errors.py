"""Converts exceptions of MLflow and its client libraries into terminal and transient errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airworthy.environment import Environment
from airworthy.error_kinds import FAILED_DISK, FULL_DISK, LOCKED, READ_ONLY, is_final, kind_of
from airworthy.errors import AirworthyError, TerminalError, TransientError
from airworthy.masking import without_address_secrets

# Error codes of refusals: a retry gives the same answer. A lost connection, for one, has another
# code.
_TERMINAL_CODES = frozenset(
    {
        "ALREADY_EXISTS",
        "CUSTOMER_UNAUTHORIZED",
        "FEATURE_DISABLED",
        "INVALID_PARAMETER_VALUE",
        "INVALID_STATE",
        "MALFORMED_REQUEST",
        "NOT_FOUND",
        "NOT_IMPLEMENTED",
        "PERMISSION_DENIED",
        "RESOURCE_ALREADY_EXISTS",
        "RESOURCE_DOES_NOT_EXIST",
        "UNAUTHENTICATED",
    }
)
# Exceptions of these libraries mean that a network, a database or a store did not answer.
_CLIENT_LIBRARIES = frozenset(
    {"boto3", "botocore", "google", "requests", "s3transfer", "sqlalchemy", "urllib3"}
)
_MAX_MESSAGE_LENGTH = 300


@contextmanager
def mlflow_errors(environment: Environment) -> Iterator[None]:
    """Convert exceptions of MLflow and its stores in the block into errors with a next step.

    Raises:
        TerminalError: when MLflow refuses.
        TransientError: when it or its store did not answer.
    """
    try:
        yield
    except AirworthyError:
        raise
    except Exception as error:
        converted = convert_error(error, environment)
        if converted is None:
            raise
        raise converted from error


def convert_error(error: Exception, environment: Environment) -> AirworthyError | None:
    """Convert an error of MLflow or its client libraries; return None for any other."""
    library = type(error).__module__.partition(".")[0]
    if library not in {"mlflow", *_CLIENT_LIBRARIES}:
        return None
    message = (str(error).strip() or type(error).__name__).splitlines()[0][:_MAX_MESSAGE_LENGTH]
    address = without_secrets(environment.tracking_uri)
    if is_final(error) or getattr(error, "error_code", None) in _TERMINAL_CODES:
        return TerminalError(f"MLflow refused: {without_secrets(message)}", received=address)
    next_step = "check that MLflow, its database and its artifact store are up, then retry"
    kind = kind_of(error)
    if kind is not None and kind in (FULL_DISK, FAILED_DISK, LOCKED, READ_ONLY):
        message, next_step = f"{kind.problem}: {message}", kind.next_step
    return TransientError(
        f"MLflow or its store did not answer: {without_secrets(message)}",
        received=address,
        next_step=next_step,
    )


def without_secrets(text: str) -> str:
    """Replace login and secret parameters of every address in a text.

    >>> without_secrets("postgresql://me:secret@db/mlflow")
    'postgresql://***@db/mlflow'
    """
    return without_address_secrets(text)
