"""What MLflow and the libraries below it raise, as the two kinds of error that Airworthy knows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from airworthy.environment import Environment
from airworthy.errors import AirworthyError, TerminalError, TransientError

# Asking again gives the same answer. MLflow gives everything else, such as a lost connection, another code.
_FINAL = frozenset(
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
# Their exceptions mean a network, a database or a store that did not answer.
_REMOTE = frozenset(
    {"boto3", "botocore", "google", "requests", "s3transfer", "sqlalchemy", "urllib3"}
)
_SHOWN = 300


@contextmanager
def explained(environment: Environment) -> Iterator[None]:
    """Turn what MLflow and its stores raise in the block into an error that tells its reader what to do.

    Raises:
        TerminalError: when MLflow refuses.
        TransientError: when it or its store did not answer.
    """
    try:
        yield
    except AirworthyError:
        raise
    except Exception as error:
        known = explain(error, environment)
        if known is None:
            raise
        raise known from error


def explain(error: Exception, environment: Environment) -> AirworthyError | None:
    """Return the error to raise in place of one of MLflow's or of what it reaches its stores with; else None."""
    library = type(error).__module__.partition(".")[0]
    if library not in {"mlflow", *_REMOTE}:
        return None
    message = (str(error).strip() or type(error).__name__).splitlines()[0][:_SHOWN]
    address = without_secrets(environment.tracking_uri)
    if getattr(error, "error_code", None) in _FINAL:
        return TerminalError(f"MLflow refused: {without_secrets(message)}", received=address)
    return TransientError(
        f"MLflow or its store did not answer: {without_secrets(message)}",
        received=address,
        next_step="check that MLflow, its database and its artifact store are up, then retry",
    )


def without_secrets(text: str) -> str:
    """Return a text with the user and password of every address in it hidden."""
    return re.sub(r"(?<=://)[^/\s]+@", "***@", text)
