"""Reads docstrings: the text before the sections, and the attributes with their descriptions."""

from __future__ import annotations

import inspect
import logging

from griffe import (
    Docstring,
    DocstringSection,
    DocstringSectionAttributes,
    DocstringSectionText,
)

# Attributes of docstrings have their types in the class: griffe would warn of each.
logging.getLogger("griffe").setLevel(logging.ERROR)


def summary(docstring: str | None) -> str:
    """Return a docstring's text before its sections, as Markdown."""
    texts = [each.value for each in _sections(docstring) if isinstance(each, DocstringSectionText)]
    return "\n\n".join(texts).replace("``", "`")


def attributes(docstring: str | None) -> dict[str, str]:
    """Return attribute -> description of a docstring, as Markdown."""
    return {
        one.name: one.description.replace("``", "`")
        for section in _sections(docstring)
        if isinstance(section, DocstringSectionAttributes)
        for one in section.value
    }


def _sections(docstring: str | None) -> list[DocstringSection]:
    return Docstring(inspect.cleandoc(docstring or "")).parse("google")
