"""`benchmarks/readability.py` measures by its own definitions, on small sources written by hand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from ..scripts import load_script  # noqa: TID252 - tests are no installed package

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "readability.py"
CORE = Path("include/airworthy")


BENCHMARK = load_script(SCRIPT, "benchmark_of_readability")


class Checkout:
    """A checkout with a few files."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def add(self, source: str, path: str = "module.py") -> None:
        """Write a file of the core, or of another folder by a path from the root."""
        file = self.root / (path if "/" in path else CORE / path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(source).lstrip("\n"), encoding="utf-8")

    def counts(self, measure: str, group: str = "include/airworthy") -> tuple[int, int]:
        """Return both counts of a measure."""
        ratio = BENCHMARK.measure(BENCHMARK.read(self.root)[group])[measure]
        return ratio.part, ratio.whole


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_tokens_are_counted_without_comments_docstrings_and_line_ends(checkout: Checkout) -> None:
    checkout.add('''
        """Two lines of
        a docstring."""

        # A comment.
        def add(a, b):
            """Adds."""
            return a + b  # A sum.
    ''')
    assert checkout.counts("tokens") == (8 + 4, 2)


def test_every_line_of_a_long_statement_is_a_line_of_code(checkout: Checkout) -> None:
    checkout.add("values = [\n    1,\n\n    2,\n]\n")
    assert checkout.counts("tokens") == (8, 4)


def test_only_comments_switch_the_formatter_off(checkout: Checkout) -> None:
    checkout.add('a = 1  # fmt: skip\n# fmt: off\nb = "# fmt: skip"\n# fmt: on\n')
    assert checkout.counts("formatter_off") == (2, 2)


def test_a_line_of_100_columns_is_not_too_long(checkout: Checkout) -> None:
    checkout.add("#" * 100 + "\n" + "#" * 101 + "\n")
    assert checkout.counts("long_lines") == (1, 2)


def test_relative_pronouns_are_counted_in_docstrings_alone(checkout: Checkout) -> None:
    checkout.add('''
        """What it says, and that."""

        # That which is a comment.
        NOT_A_DOCSTRING = "that which"

        class Model:
            """Whose names, whatever."""

            def fit(self):
                """Asks whom?"""
    ''')
    assert checkout.counts("pronouns") == (4, 5 + 3 + 2)


def test_code_headings_and_argument_names_in_docstrings_are_no_words(checkout: Checkout) -> None:
    checkout.add('''
        def fit(which):
            """Fits `that` and ``which that``::

                what = that

            Done.

            >>> that

            Args:
                which: Its rows.
                **what (dict): Others.
            """
    ''')
    assert checkout.counts("pronouns") == (0, len(["Fits", "and", "Done", "Its", "rows", "Others"]))


@pytest.mark.parametrize(
    ("opening", "question", "other"),
    [
        ("What it is", 1, 0),
        ("How", 1, 0),
        ("Which", 1, 0),
        ("When it runs", 0, 1),
        ("That", 0, 1),
        ("Whatever", 0, 0),
    ],
)
def test_first_words_of_modules_are_told_apart(
    checkout: Checkout, opening: str, question: int, other: int
) -> None:
    checkout.add(f'"""{opening}."""\n\ndef f():\n    """What it returns."""\n')
    checkout.add("a = 1\n", "without_docstring.py")
    assert checkout.counts("questions") == (question, 1)
    assert checkout.counts("other_questions") == (other, 1)


PUBLIC = '''
    class Model:
        """A model.

        Attributes:
            rows: Its rows.
        """

        def __init__(self, rows, columns, names): ...

        def fit(self, rows, *columns, **names):
            """Fits.

            Args:
                rows: Some.
            """

        @classmethod
        def load(cls, path, *, version):
            """Loads without args: none are listed."""

        def _prepare(self, a, b, c): ...

        def save(self, path, name, *, version): ...

    class _Hidden:
        def shown(self, a, b, c): ...

    def _private(a, b, c): ...

    if True:
        def guarded(a, b, c):
            def inner(a, b, c): ...
'''


def test_three_parameters_need_args_in_public_functions_only(checkout: Checkout) -> None:
    checkout.add(PUBLIC)
    assert checkout.counts("arguments") == (2, len(["__init__", "fit", "save", "guarded"]))


def test_public_functions_are_documented_by_a_docstring(checkout: Checkout) -> None:
    checkout.add(PUBLIC)
    assert checkout.counts("documented") == (3, len(["__init__", "fit", "load", "save", "guarded"]))


def test_tests_and_fixtures_are_not_public(checkout: Checkout) -> None:
    checkout.add(
        """
        def test_it(a, b, c): ...

        @pytest.fixture(scope="module")
        def lake(a, b, c): ...

        def helper(a, b, c): ...
        """,
        "tests/test_it.py",
    )
    assert checkout.counts("arguments", "tests and others") == (0, 1)


def test_a_function_is_as_long_as_its_lines_of_code(checkout: Checkout) -> None:
    body = "\n\n    # Why.\n".join(["    a = 1"] * 15)
    checkout.add(
        f'@cache\ndef short():\n    """Does.\n\n    Much.\n    """\n{body}\n\nasync def long():\n    b = 1\n{body}\n'
    )
    assert checkout.counts("short_functions") == (1, 2)


def test_files_are_long_over_250_lines_and_short_under_20(checkout: Checkout) -> None:
    for name, lines in {"a.py": 251, "b.py": 250, "c.py": 20, "d.py": 19, "__init__.py": 1}.items():
        checkout.add("a = 1\n" * lines, name)
    assert checkout.counts("long_files") == (1, 5)
    assert checkout.counts("short_files") == (1, 4)


def test_shared_names_are_counted_within_a_group_and_over_all(checkout: Checkout) -> None:
    for path in (
        "lake/table.py",
        "ledger/table.py",
        "score.py",
        "lake/__init__.py",
        "ledger/__init__.py",
    ):
        checkout.add("a = 1\n", f"{CORE}/{path}")
    checkout.add("a = 1\n", "dags/score.py")
    assert checkout.counts("shared_names") == (2, 3)
    assert checkout.counts("shared_names", "tests and others") == (0, 1)
    assert checkout.counts("shared_names", "all") == (4, 4)


def test_sums_are_divided_not_averages_of_files(checkout: Checkout) -> None:
    checkout.add("a = 1\n")
    checkout.add("b(1)\nb(2)\n", "plugins/airworthy_airflow/other.py")
    assert checkout.counts("tokens", "all") == (3 + 8, 1 + 2)


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the benchmark in its own process."""
    return subprocess.run(
        [sys.executable, SCRIPT, *map(str, arguments)], capture_output=True, text=True, check=False
    )


def test_the_table_shows_ratios_with_their_counts_and_the_list_names_files(
    checkout: Checkout,
) -> None:
    checkout.add("a = 1  # fmt: skip\nb = 2\n", f"{CORE}/score.py")
    checkout.add("c = 3\nd = 4\n", "dags/score.py")
    done = run("--root", checkout.root, "--list")
    assert done.returncode == 0, done.stderr
    [row] = [line for line in done.stdout.splitlines() if line.startswith("# fmt: skip")]
    assert row.split("code")[1].split() == [
        "500.00",
        "(1/2)",
        "-",
        "(0/0)",
        "0.00",
        "(0/2)",
        "250.00",
        "(1/4)",
    ]
    assert done.stdout.splitlines()[-1] == "score.py: include/airworthy/score.py, dags/score.py"


def test_this_repository_is_measured_by_default() -> None:
    done = run()
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1 + len(BENCHMARK.MEASURES)


def test_a_folder_without_the_code_and_a_file_that_is_not_python_are_named(
    checkout: Checkout,
) -> None:
    empty = run("--root", checkout.root)
    assert empty.returncode == 2
    assert f"{checkout.root} has no Python file" in empty.stderr
    checkout.add("def broken(\n")
    broken = run("--root", checkout.root)
    assert broken.returncode == 1
    assert "module.py is not Python" in broken.stderr
    assert "Traceback" not in broken.stderr
