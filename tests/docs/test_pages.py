"""Each command block of a page names the test that runs it, and each command is one that exists."""

from __future__ import annotations

import re
import shlex

import pytest
import typer
import yaml
from typer.core import TyperCommand, TyperGroup

from airworthy.cli.main import app

from .pages import PROJECT, Block, all_blocks, blocks_of, fenced_blocks, pages, words_of

TYPES_PAGES = {"tests/end_to_end/test_tutorial.py"}
TYPES_BLOCKS = "tests/docs/test_commands.py::test_the_commands_of_a_page_run_as_they_stand"
NOT_RUN = PROJECT / "docs" / "explanation" / "not_run.md"
CLI = typer.main.get_group(app)


def test_each_command_block_names_a_test_or_a_reason() -> None:
    """A block without the comment above it fails here, and so does a list of none."""
    blocks = all_blocks()
    assert len(blocks) > 30
    assert [str(block) for block in blocks if not block.tests and block.reason is None] == []


def test_each_named_test_exists_and_knows_the_commands() -> None:
    """The file is there, defines the function, and has the verb of each `airworthy` command."""
    assert [fault for block in all_blocks() for fault in _faults(block)] == []


def test_the_blocks_that_no_test_runs_are_on_one_page_with_their_reasons() -> None:
    """docs/explanation/not_run.md has these blocks, and no others."""
    rows = re.findall(r"^\| \[.*?\]\((.*?)\) \| `(.*?)` \| (.*?) \|$", NOT_RUN.read_text(), re.M)
    listed = {
        (str((NOT_RUN.parent / page).resolve().relative_to(PROJECT)), command, reason)
        for page, command, reason in rows
    }
    unrun = [block for block in all_blocks() if block.reason is not None]
    assert listed == {(each.page, _shown(each), each.reason) for each in unrun}


def test_each_airworthy_command_of_a_block_is_one_of_the_program() -> None:
    """Its verbs and options are there; placeholders stand for values only."""
    faults = []
    for block in all_blocks():
        for command in block.commands:
            words = words_of(command)
            if words and words[0].split("/")[-1] == "airworthy" and words[1:]:
                fault = _parse_fault(shlex.split(" ".join(words[1:])))
                faults += [f"{block}: {command}: {fault}"] if fault else []
    assert faults == []


def test_each_command_in_a_sentence_is_one_of_the_program() -> None:
    """Code within a sentence or a table names a verb of `airworthy`, or a target of the Makefile."""
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    targets, verbs = set(re.findall(r"^([a-z-]+):", makefile, re.M)), set(CLI.commands)
    faults = []
    for page in pages():
        text = page.read_text(encoding="utf-8")
        known = {"airworthy": verbs, "make": targets}
        for program, name in re.findall(r"`(airworthy|make) ([a-z][a-z-]*)\b[^`]*`", text):
            faults += [] if name in known[program] else [f"{page.name}: {program} {name}"]
    assert faults == []


def test_each_block_of_yaml_or_python_can_be_read() -> None:
    """A reader may copy it: YAML is YAML, Python compiles."""
    for page in pages():
        for language, block in fenced_blocks(page.read_text(encoding="utf-8"), page.name):
            if language == "yaml":
                assert yaml.safe_load(block.text) is not None, str(block)
            if language == "python":
                compile(block.text, str(block), "exec")


@pytest.mark.parametrize(
    ("page", "tests", "reason", "commands"),
    [
        ("<!-- test: a.py::b, c.py -->\n```sh\nx \\\n  y # z\n```\n", ("a.py::b", "c.py"), None, 1),
        ("<!-- not run: no cloud -->\n\n```console\n$ x\nout\n```\n", (), "no cloud", 1),
        ("<!-- test: a.py -->\nwords\n```bash\nx\ny\n```\n", (), None, 2),
        ("```\n$ x\n```\n", (), None, 1),
        ("1. list\n\n   ```shell\n   x\n   ```\n", (), None, 1),
    ],
)
def test_a_block_is_found_with_the_comment_right_above_it(
    page: str, tests: tuple[str, ...], reason: str | None, commands: int
) -> None:
    """Words between the comment and the block part them; a prompt makes any block one of commands."""
    [block] = blocks_of(page, "page.md")
    assert (block.tests, block.reason, len(block.commands)) == (tests, reason, commands)


def test_other_blocks_are_no_commands() -> None:
    """YAML, Python and what a program prints need no test here."""
    assert list(blocks_of("```yaml\na: 1\n```\n```\nprinted\n```\n", "page.md")) == []


def _shown(block: Block) -> str:
    """Return the first command of a block, without its comment."""
    return re.split(r"\s+#", block.commands[0])[0].strip()


def _faults(block: Block) -> list[str]:
    faults, texts = [], []
    for name in block.tests:
        path, _, function = name.partition("::")
        text = (PROJECT / path).read_text("utf-8") if (PROJECT / path).is_file() else ""
        texts.append(text)
        if not text or (function and f"def {function}(" not in text):
            faults.append(f"{block}: {name} is not there")
        if path in TYPES_PAGES and block.page not in text:
            faults.append(f"{block}: {name} does not type this page")
    # A test that types pages has their words from there.
    if not block.tests or any(name.split("::")[0] in TYPES_PAGES for name in block.tests):
        return faults
    if TYPES_BLOCKS in block.tests:
        return faults
    unknown = [each for each in _verbs(block) if not re.search(rf"\b{each}\b", "".join(texts))]
    return faults + [f"{block}: no named test has the word {verb}" for verb in unknown]


def _verbs(block: Block) -> list[str]:
    """Return the verbs of the `airworthy` commands of a block."""
    words = [words_of(command) for command in block.commands]
    return [each[1] for each in words if each[1:] and each[0].split("/")[-1] == "airworthy"]


def _parse_fault(words: list[str]) -> str | None:
    """Return why the program would not take these words; None when it would."""
    command: object = CLI
    while isinstance(command, TyperGroup) and words and words[0] in command.commands:
        command, words = command.commands[words[0]], words[1:]
    if not isinstance(command, TyperCommand):
        return f"no such command: {words[0] if words else ''}"
    known = {option for each in command.params for option in (*each.opts, *each.secondary_opts)}
    unknown = [each for each in words if each.startswith("-") and each.split("=")[0] not in known]
    return f"no such option: {', '.join(unknown)}" if set(unknown) - {"-h", "--help"} else None
