"""The tries of a task: retries after a failure, and new beginnings after a clear."""

from __future__ import annotations


def is_retry(try_number: int, max_tries: int, retries: int) -> bool:
    """Return whether a try follows a failed one. A cleared task has more tries and starts anew.

    Args:
        try_number: The number of this try, from 1.
        max_tries: Airflow's limit. Clearing a task raises it.
        retries: The task's own limit.
    """
    return try_number > 1 and max_tries == retries
