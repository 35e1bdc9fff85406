"""What a check raises when there is nothing to judge: the check is inconclusive then, and fails no task."""


class InconclusiveError(Exception):
    """Why nothing can be said, in words for people."""
