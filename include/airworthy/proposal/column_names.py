"""Names for columns in a spec: each is an identifier, none is taken twice."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from airworthy.spec.ingest_part import PARTITION, ROW_NUMBER

_RESERVED = (PARTITION, ROW_NUMBER)
# Polars' names for the second column of a name, and further ones.
_DOUBLED = re.compile(r"_duplicated_\d+$")


def spec_names(sources: Iterable[str]) -> dict[str, str]:
    """Return source name -> name for the spec, in the source's order.

    >>> spec_names(["fare", "Engine size [l]", "partition", "fare "])
    {'fare': 'fare', 'Engine size [l]': 'Engine_size_l', 'partition': 'partition_', 'fare ': 'fare_2'}
    """
    sources = list(sources)
    names: dict[str, str] = {}
    for source in filter(_is_plain, sources):
        names[source] = _free(source, set(names.values()))
    for source in sources:
        if source not in names:
            names[source] = _free(_cleaned(source), set(names.values()))
    return {source: names[source] for source in sources}


def doubled_names(sources: Iterable[str]) -> set[str]:
    """Return the columns whose name the header has more than once, by Polars' names for them."""
    marked = {source: _DOUBLED.sub("", source) for source in sources if _DOUBLED.search(source)}
    return {*marked, *marked.values()}


def free_name(name: str, taken: Iterable[str]) -> str:
    """Return the name, or the name with a number when it is taken."""
    return _free(name, set(taken))


def _is_plain(name: str) -> bool:
    normal = unicodedata.normalize("NFC", name) == name
    return normal and name.isidentifier() and name.lower() not in _RESERVED


def _cleaned(source: str) -> str:
    text = unicodedata.normalize("NFC", source)
    name = re.sub(r"\W+", "_", text).strip("_")
    if not name:
        return "column"
    if name[0].isdigit() or not name.isidentifier():
        name = f"column_{name}"
    return f"{name}_" if name.lower() in _RESERVED else name


def _free(name: str, taken: set[str]) -> str:
    """Return a name that differs from the others in more than upper and lower case."""
    lower = {each.lower() for each in taken}
    names = (name, *(f"{name}_{number}" for number in range(2, len(taken) + 3)))
    return next(each for each in names if each.lower() not in lower)
