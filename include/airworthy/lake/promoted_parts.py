"""Lakes of promoted versions: the rows that another environment trained a version on. Pure.

``<root>/<model>/promoted/<digits of the dataset's digest>/data`` has the rows of one dataset version.
The environment's own rows of these days may be others, so they are kept apart.
"""

from __future__ import annotations

import re

_FOLDER = "promoted"
_DIGITS = 16


def promoted_part(digest: str) -> str:
    """Return the subfolder of a model's lake for a promoted dataset version.

    >>> promoted_part("0123456789abcdef0123")
    'promoted/0123456789abcdef'
    """
    return f"{_FOLDER}/{digest[:_DIGITS]}"


def is_promoted(part: str) -> bool:
    """Return whether a part of a model's lake has the rows of a promoted version."""
    return part.startswith(f"{_FOLDER}/")


def part_of_table(model: str, table: str) -> str:
    """Return the part of a model's lake that a table is in; empty: the lake of its own rows.

    The root may have moved since the address was recorded.

    Args:
        model: The model.
        table: The address of the table with the rows.

    >>> part_of_table("eta", "s3://lake/eta/promoted/0123456789abcdef/data")
    'promoted/0123456789abcdef'
    >>> part_of_table("eta", "s3://lake/eta/data")
    ''
    """
    part = rf"{_FOLDER}/[0-9a-f]{{{_DIGITS}}}"
    match = re.search(rf"/{re.escape(model)}/({part})/data$", table)
    return match[1] if match else ""
