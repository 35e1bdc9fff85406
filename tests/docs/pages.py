"""The command blocks of the project's pages, and the tests that they name. Pure but for reading."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
MADE_FROM_CODE = PROJECT / "docs" / "reference"
"""`tests/architecture/test_docs.py` compares these pages with the code."""
SHELLS = {"sh", "bash", "console", "shell", "zsh"}
PROMPT = "$ "
MARKER = re.compile(r"<!-- (test|not run): (.+?) -->")


@dataclass(frozen=True)
class Block:
    """A command block of a page. `tests` and `reason` are those of the comment above it."""

    page: str
    line: int
    text: str
    tests: tuple[str, ...] = ()
    reason: str | None = None

    @property
    def commands(self) -> list[str]:
        """The commands, with continued lines joined; what a console prints is left out."""
        lines = self.text.replace("\\\n", " ").splitlines()
        if any(line.startswith(PROMPT) for line in lines):
            lines = [line.removeprefix(PROMPT) for line in lines if line.startswith(PROMPT)]
        return [line.strip() for line in lines if line.strip() and not line.startswith("#")]

    def __str__(self) -> str:
        """Return the place of the block."""
        return f"{self.page}:{self.line}"


def pages() -> list[Path]:
    """Return README.md, CONTRIBUTING.md, SECURITY.md, and each page of docs/ that a person wrote."""
    written = sorted((PROJECT / "docs").rglob("*.md"))
    return [
        PROJECT / "README.md",
        PROJECT / "CONTRIBUTING.md",
        PROJECT / "SECURITY.md",
        *(each for each in written if MADE_FROM_CODE not in each.parents),
    ]


def all_blocks() -> list[Block]:
    """Return the command blocks of all pages."""
    return [
        block
        for page in pages()
        for block in blocks_of(page.read_text("utf-8"), str(page.relative_to(PROJECT)))
    ]


def blocks_of(text: str, page: str) -> Iterator[Block]:
    """Yield a page's command blocks: those of a shell, and any with a prompt.

    Args:
        text: The page.
        page: Its path, for messages.
    """
    for language, block in fenced_blocks(text, page):
        if language in SHELLS or re.search(r"^\$ ", block.text, re.MULTILINE):
            yield block


def fenced_blocks(text: str, page: str) -> Iterator[tuple[str, Block]]:
    """Yield a page's fenced blocks, each with the language that it names.

    Args:
        text: The page.
        page: Its path, for messages.
    """
    lines, position, above = text.splitlines(), 0, ""
    while position < len(lines):
        opened = re.match(r"\s*(`{3,}|~{3,})\s*([\w-]*)", lines[position])
        if opened is None:
            above = lines[position] if lines[position].strip() else above
            position += 1
            continue
        end = next(
            (n for n in range(position + 1, len(lines)) if lines[n].strip() == opened[1]),
            len(lines),
        )
        body = textwrap.dedent("\n".join(lines[position + 1 : end]))
        yield opened[2], _block(page, position + 1, body, above)
        position, above = end + 1, ""


def _block(page: str, line: int, body: str, above: str) -> Block:
    marker = MARKER.search(above)
    if marker is None:
        return Block(page, line, body)
    if marker[1] == "not run":
        return Block(page, line, body, reason=marker[2])
    return Block(page, line, body, tests=tuple(marker[2].split(", ")))


def words_of(command: str) -> list[str]:
    """Return the words of a command; a comment, a pipe's further parts and assignments left out."""
    plain = re.split(r"\s#|\s\|\s|\s>\s", command)[0]
    words = plain.split()
    while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):
        words.pop(0)
    return words


def blocks_for(test: str, page: str | None = None) -> list[Block]:
    """Return the blocks that name a test, in their pages' order.

    Args:
        test: A file and a function, `a.py::b`, or a file for all of its functions.
        page: The only page to look at; None: all.
    """
    return [
        block
        for block in all_blocks()
        if any(test in (name, name.split("::")[0]) for name in block.tests)
        and page in (None, block.page)
    ]
