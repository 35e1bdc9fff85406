"""Documents name files, modules and links that exist."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
PACKAGES = {"airworthy": PROJECT / "include", "airworthy_airflow": PROJECT / "plugins"}
DOCUMENTS = [
    PROJECT / "README.md",
    PROJECT / "CONTRIBUTING.md",
    PROJECT / "SECURITY.md",
    *sorted((PROJECT / "docs").rglob("*.md")),
]
FOLDERS = ("benchmarks", "dags", "docs", "include", "infra", "plugins", "tests")
CODE = re.compile(r"`([^`\n]+)`")
PATH = re.compile(rf"(?<![\w./-])(?:{'|'.join(FOLDERS)})/[\w./*{{}}<>-]*")
MODULE = re.compile(r"(?<![\w./-])airworthy(?:_airflow)?(?:\.[A-Za-z_]\w*)+")
LINK = re.compile(r"\]\(([^)\s]+)\)")
TABLE = re.compile(r"^## Where to look\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
PLACEHOLDER = re.compile(r"[<{*]|\bmy_model\b")

documents = pytest.mark.parametrize(
    "document", DOCUMENTS, ids=lambda path: str(path.relative_to(PROJECT))
)


@documents
def test_every_named_path_exists(document: Path) -> None:
    """A path below a folder of the project is there; a placeholder makes it an example."""
    named = {path.rstrip(".") for path in PATH.findall(document.read_text(encoding="utf-8"))}
    paths = (path for path in named if not PLACEHOLDER.search(path))
    assert [path for path in sorted(paths) if not (PROJECT / path).exists()] == []


@documents
def test_every_named_module_exists(document: Path) -> None:
    """A dotted name begins with a module, and its last part may be a name in it."""
    code = " ".join(CODE.findall(document.read_text(encoding="utf-8")))
    assert [name for name in sorted(set(MODULE.findall(code))) if not _is_there(name)] == []


@documents
def test_every_relative_link_resolves(document: Path) -> None:
    """A link inside the project leads to a file; an anchor is a heading's own."""
    links = LINK.findall(document.read_text(encoding="utf-8"))
    inside = (link for link in links if "://" not in link and not link.startswith("mailto:"))
    assert [link for link in inside if not _resolves(document, link)] == []


def test_every_path_of_the_table_exists() -> None:
    """The table "Where to look" in docs/design.md has paths relative to include/airworthy."""
    text = (PROJECT / "docs" / "design.md").read_text(encoding="utf-8")
    table = TABLE.search(text)
    assert table is not None
    paths = list(_paths_of(table[1]))
    assert len(paths) > 5
    roots = (PACKAGES["airworthy"] / "airworthy", PROJECT)
    assert [path for path in paths if not any((root / path).exists() for root in roots)] == []


def test_the_reference_pages_are_those_of_the_code(tmp_path: Path) -> None:
    """``make docs`` writes them; a key, a command or a kind that is not written there fails here."""
    script = PROJECT / "infra" / "docs" / "reference.py"
    subprocess.run([sys.executable, str(script), str(tmp_path)], check=True)
    pages = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    kept = PROJECT / "docs" / "reference"
    assert {path.name: path.read_text(encoding="utf-8") for path in kept.iterdir()} == pages


def test_the_pages_are_built_without_a_warning(tmp_path: Path) -> None:
    """Sphinx finds each page in a table of contents, and the target of each link."""
    options = ["--quiet", "--nitpicky", "--fail-on-warning", "--keep-going"]
    command = [sys.executable, "-m", "sphinx", *options, f"{PROJECT}/docs", str(tmp_path)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (built.returncode, built.stderr) == (0, "")


def test_every_module_named_in_a_docstring_exists() -> None:
    """Operators and modules point to the file of a rule. The pointer leads there."""
    files = [
        path
        for folder in ("dags", "include/airworthy", "plugins")
        for path in (PROJECT / folder).rglob("*.py")
    ]
    named = {
        f"{path.relative_to(PROJECT)}: {name}"
        for path in files
        for code in CODE.findall(path.read_text(encoding="utf-8"))
        for name in MODULE.findall(code)
        if not _is_there(name)
    }
    assert named == set()


def _paths_of(table: str) -> Iterator[str]:
    """Yield the paths in the rows of a table."""
    for row in table.splitlines():
        if row.startswith("|"):
            for text in CODE.findall(row):
                if re.fullmatch(r"[\w./-]+(\.py|/)", text):
                    yield text


def _is_there(name: str) -> bool:
    """Return whether a dotted name is a module, or a name in a module's text."""
    package, *parts = name.split(".")
    folder = PACKAGES[package] / package
    for position, part in enumerate(parts):
        if (folder / part).is_dir():
            folder /= part
            continue
        module = folder / f"{part}.py"
        if module.is_file():
            return _defines(module, parts[position + 1 :])
        return _defines(folder / "__init__.py", parts[position:])
    return True


def _defines(module: Path, names: list[str]) -> bool:
    """Return whether a module's text has the first of some names; without names it is enough."""
    return (
        not names or re.search(rf"\b{names[0]}\b", module.read_text(encoding="utf-8")) is not None
    )


def _resolves(document: Path, link: str) -> bool:
    """Return whether a relative link leads to a file, and its anchor to a heading."""
    path, _, anchor = link.partition("#")
    target = (document.parent / path).resolve() if path else document
    if not target.exists():
        return False
    return not anchor or anchor in _anchors(target)


def _anchors(document: Path) -> set[str]:
    """Return the anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ +(.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.strip().lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}
