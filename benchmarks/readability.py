"""Readability of this repository's Python, measured: one table, to compare two checkouts.

Run: ``python benchmarks/readability.py [--root DIR] [--list]``. Use the same Python for both
checkouts: an f-string is one token in Python 3.11 and several from 3.12 on. Definitions:

- Line of code: a physical line with at least one token. Line ends, indentation, comments and
  docstrings are no tokens.
- Words: those of all docstrings of modules, classes and functions. Code in backticks, doctests,
  literal blocks after
  ``::``, headings of sections and names of arguments are no words.
- Relative pronouns: that, which, who, whom, whose, what. Every ``that`` counts, the conjunction
  too.
- Public functions: functions of modules, methods of public classes and their ``__init__``, without
  a leading
  underscore. pytest's tests and fixtures are left out: nobody calls them.
- Parameters: all but ``self`` and ``cls``; ``*args`` and ``**kwargs`` are one each.
- Docstring of ``__init__``: its class's docstring counts too, and the class's ``Attributes:``
  counts as ``Args:``.
- Length of a function: its lines of code from ``def`` on, with those of functions inside it.
- Files that share their name, and files under 20 lines: without ``__init__.py``, ``__main__.py``,
  ``conftest.py``.
"""

from __future__ import annotations

import argparse
import ast
import io
import re
import tokenize
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

GROUPS = {
    "include/airworthy": ["include/airworthy"],
    "plugins/airworthy_airflow": ["plugins/airworthy_airflow"],
    "tests and others": ["tests", "benchmarks", "infra", "dags"],
}
# Each measure: its title, and the factor of its ratio.
MEASURES = {
    "formatter_off": ("# fmt: skip (or off) per 1,000 lines of code", 1000),
    "tokens": ("tokens per line of code", 1),
    "long_lines": ("lines over 100 columns, %", 100),
    "pronouns": ("relative pronouns per 100 words of docstrings", 100),
    "questions": ("module docstrings: begin with What/How/Which, %", 100),
    "other_questions": ("  [begin with Who/Where/When/That, %]", 100),
    "documented": ("public functions: with a docstring, %", 100),
    "arguments": ("  those of 3 or more parameters: with Args:, %", 100),
    "short_functions": ("functions of up to 16 lines of code, %", 100),
    "long_files": ("files over 250 lines, %", 100),
    "short_files": ("files under 20 lines, %", 100),
    "shared_names": ("files that share their name with another, %", 100),
}
COMMON_NAMES = {"__init__.py", "__main__.py", "conftest.py"}
PRONOUNS = {"that", "which", "who", "whom", "whose", "what"}
QUESTIONS, OTHER_QUESTIONS = {"What", "How", "Which"}, {"Who", "Where", "When", "That"}
LAYOUT = {
    tokenize.NEWLINE,
    tokenize.NL,
    tokenize.COMMENT,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}
FORMATTER_OFF = re.compile(r"#\s*fmt:\s*(skip|off)\b")
WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
ARGUMENTS = re.compile(r"^(Args|Attributes):", re.MULTILINE)
SECTIONS = r"Args|Attributes|Examples?|Notes?|Raises|Returns|Warnings?|Yields"
NOT_PROSE = (
    re.compile(r"::[ \t]*\n(?:(?:[ \t].*)?\n)*"),
    re.compile(r"^[ \t]*(?:>>>|\.\.\.).*$", re.MULTILINE),
    re.compile(r"``.+?``|`[^`]+`", re.DOTALL),
    re.compile(rf"^(?:{SECTIONS}):[ \t]*$", re.MULTILINE),
    re.compile(r"^ {4}\*{0,2}\w+(?: \([^)\n]*\))?:", re.MULTILINE),
)

Function = ast.FunctionDef | ast.AsyncFunctionDef
Documented = ast.Module | ast.ClassDef | Function


@dataclass(frozen=True)
class Ratio:
    """Two counts, summed over files before they are divided."""

    part: int = 0
    whole: int = 0

    def __add__(self, other: Ratio) -> Ratio:
        """Return the ratio over both sets of files."""
        return Ratio(self.part + other.part, self.whole + other.whole)

    def show(self, factor: int) -> str:
        """Return the ratio times the factor, and both counts."""
        value = f"{factor * self.part / self.whole:.2f}" if self.whole else "-"
        return f"{value} ({self.part}/{self.whole})"


@dataclass(frozen=True)
class Module:
    """One file: its lines, tree, comments, tokens of code, and numbers of lines of code from 1."""

    path: Path
    lines: list[str]
    tree: ast.Module
    comments: list[str]
    code: list[tokenize.TokenInfo]
    code_lines: set[int]


def parse(path: Path) -> Module:
    """Read a file. Raises ``SystemExit`` with its name when it is not Python."""
    try:
        text = path.read_text(encoding="utf-8")
        tree, tokens = ast.parse(text), list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (SyntaxError, ValueError) as error:
        raise SystemExit(
            f"{path} is not Python in UTF-8: {error}. Next: correct it and run this again"
        ) from error
    comments = [token.string for token in tokens if token.type == tokenize.COMMENT]
    values = (node.value for node in ast.walk(tree) if isinstance(node, ast.Expr))
    texts = (
        node for node in values if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    prose = {(node.lineno, node.col_offset) for node in texts}
    code = [token for token in tokens if token.type not in LAYOUT and token.start not in prose]
    code_lines = {line for token in code for line in range(token.start[0], token.end[0] + 1)}
    return Module(path, text.splitlines(), tree, comments, code, code_lines)


def docstring(node: ast.AST | None) -> str:
    """Return the docstring of a node, empty where there is none."""
    return (ast.get_docstring(node) or "") if isinstance(node, Documented) else ""


def measure_layout(module: Module) -> dict[str, Ratio]:
    """Return the measures of lines and tokens of one file."""
    lines, code_lines = len(module.lines), len(module.code_lines)
    long_lines = sum(len(line) > 100 for line in module.lines)
    return {
        "formatter_off": Ratio(
            sum(bool(FORMATTER_OFF.match(each)) for each in module.comments), code_lines
        ),
        "tokens": Ratio(len(module.code), code_lines),
        "long_lines": Ratio(long_lines, lines),
        "long_files": Ratio(int(lines > 250), 1),
        "short_files": Ratio(int(lines < 20), 1)
        if module.path.name not in COMMON_NAMES
        else Ratio(),
    }


def measure_docstrings(module: Module) -> dict[str, Ratio]:
    """Return the measures of the docstrings of one file."""
    texts = filter(None, map(docstring, ast.walk(module.tree)))
    words = [word.lower() for text in texts for word in words_of(text)]
    first = "".join(WORD.findall(docstring(module.tree))[:1])
    return {
        "pronouns": Ratio(sum(word in PRONOUNS for word in words), len(words)),
        "questions": Ratio(int(first in QUESTIONS), int(first != "")),
        "other_questions": Ratio(int(first in OTHER_QUESTIONS), int(first != "")),
    }


def words_of(text: str) -> list[str]:
    """Return the words of a docstring."""
    text += "\n"
    for pattern in NOT_PROSE:
        text = pattern.sub("\n", text)
    return WORD.findall(text)


def measure_functions(module: Module) -> dict[str, Ratio]:
    """Return the measures of the functions of one file."""
    every = [node for node in ast.walk(module.tree) if isinstance(node, Function)]
    public = list(public_functions(module.tree))
    wide = [text for node, text in public if count_parameters(node) >= 3]
    return {
        "short_functions": Ratio(
            sum(count_lines(node, module) <= 16 for node in every), len(every)
        ),
        "documented": Ratio(sum(text != "" for _, text in public), len(public)),
        "arguments": Ratio(sum(bool(ARGUMENTS.search(text)) for text in wide), len(wide)),
    }


def public_functions(
    node: ast.AST, owner: ast.ClassDef | None = None
) -> Iterator[tuple[Function, str]]:
    """Yield the public functions of a module or class, each with its docstring."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function):
            if is_public(child, owner):
                inherited = docstring(owner) if child.name == "__init__" else ""
                yield child, f"{docstring(child)}\n{inherited}".strip()
        elif not isinstance(child, ast.ClassDef):
            yield from public_functions(child, owner)
        elif not child.name.startswith("_"):
            yield from public_functions(child, child)


def is_public(node: Function, owner: ast.ClassDef | None) -> bool:
    """Tell whether a function is called by others than pytest."""
    if node.name.startswith("test_") or any(
        "fixture" in ast.unparse(each) for each in node.decorator_list
    ):
        return False
    return not node.name.startswith("_") or (node.name == "__init__" and owner is not None)


def count_parameters(node: Function) -> int:
    """Return the number of parameters."""
    given = node.args
    every = [*given.posonlyargs, *given.args, given.vararg, *given.kwonlyargs, given.kwarg]
    return sum(each is not None and each.arg not in {"self", "cls"} for each in every)


def count_lines(node: Function, module: Module) -> int:
    """Return the number of lines of code."""
    return sum(
        line in module.code_lines
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    )


def shared_names(paths: Iterable[Path]) -> tuple[Ratio, dict[str, list[Path]]]:
    """Return the share of files with another file's name, and these files by name."""
    by_name = defaultdict[str, list[Path]](list)
    for path in paths:
        if path.name not in COMMON_NAMES:
            by_name[path.name].append(path)
    shared = {name: files for name, files in sorted(by_name.items()) if len(files) > 1}
    return Ratio(sum(map(len, shared.values())), sum(map(len, by_name.values()))), shared


def measure(modules: list[Module]) -> dict[str, Ratio]:
    """Return every measure over some files."""
    sums = defaultdict[str, Ratio](Ratio)
    for module in modules:
        for key, ratio in (
            measure_layout(module) | measure_docstrings(module) | measure_functions(module)
        ).items():
            sums[key] += ratio
    sums["shared_names"] = shared_names(module.path for module in modules)[0]
    return sums


def read(root: Path) -> dict[str, list[Module]]:
    """Return the Python files of a checkout by group, and of all groups."""
    groups = {
        name: [parse(path) for folder in folders for path in sorted((root / folder).rglob("*.py"))]
        for name, folders in GROUPS.items()
    }
    return {**groups, "all": [module for group in groups.values() for module in group]}


def table(groups: dict[str, dict[str, Ratio]]) -> list[str]:
    """Return the lines of the table: a column for each group, a row for each measure."""
    rows = [("", list(groups))]
    for key, (title, factor) in MEASURES.items():
        rows.append((title, [measures[key].show(factor) for measures in groups.values()]))
    return [f"{title:<50}" + "".join(f"{cell:>27}" for cell in cells) for title, cells in rows]


def main() -> None:
    """Print the table, and with ``--list`` the files with shared names."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--root", type=Path, default=Path(__file__).resolve().parents[1], help="a checkout"
    )
    parser.add_argument("--list", action="store_true", help="list the files that share their names")
    given = parser.parse_args()
    groups = read(given.root)
    if not groups["all"]:
        parser.error(
            f"{given.root} has no Python file in {', '.join(GROUPS)}. Next: give the root of a checkout"
        )
    print("\n".join(table({name: measure(modules) for name, modules in groups.items()})))
    for name, paths in (
        shared_names(module.path for module in groups["all"])[1].items() if given.list else ()
    ):
        print(f"{name}: {', '.join(str(path.relative_to(given.root)) for path in paths)}")


if __name__ == "__main__":
    main()
