"""A newcomer's machine: a copy of the project with a virtual environment, and a terminal in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import uuid
from pathlib import Path
from types import TracebackType
from typing import Self

from .pages import PROJECT

LEFT_OUT = (".git", ".venv", ".airworthy", ".*_cache", ".hypothesis", "dist", "*.egg-info")
OURS = ("AIRWORTHY_", "AIRFLOW", "MLFLOW_", "PYTHON", "VIRTUAL_ENV", "PYTEST_")


def clone(folder: Path) -> Path:
    """Copy the project with all that `make setup` would leave in it; return the copy.

    The copy's virtual environment has the copy's code, and the libraries that run this test:
    nothing is downloaded.
    """
    copy = folder / "airworthy"
    shutil.copytree(PROJECT, copy, symlinks=True, ignore=shutil.ignore_patterns(*LEFT_OUT))
    venv = copy / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    paths = sysconfig.get_paths()
    [libraries] = venv.glob("lib/python*/site-packages")
    lines = [str(copy / "include"), str(copy / "plugins"), paths["purelib"]]
    (libraries / "clone.pth").write_text("\n".join(lines), encoding="utf-8")
    for script in Path(paths["scripts"]).iterdir():
        _copy_script(script, venv / "bin")
    (venv / ".installed").touch()
    return copy


def _copy_script(script: Path, binaries: Path) -> None:
    """Copy a library's command, for the interpreter of other binaries."""
    interpreter, target = f"#!{Path(sys.executable).parent}/".encode(), binaries / script.name
    with script.open("rb") as file:
        is_script = file.read(len(interpreter)) == interpreter
    if not is_script or target.exists():
        return
    _, _, body = script.read_bytes().partition(b"\n")
    target.write_bytes(f"#!{binaries}/python\n".encode() + body)
    target.chmod(0o755)


class Terminal:
    """A person's shell in a folder: what one command sets, the next one has."""

    def __init__(self, folder: Path, home: Path, ports: dict[str, tuple[int, int]]) -> None:
        """Open the shell.

        Args:
            folder: Its working directory.
            home: The person's home folder.
            ports: Variable -> the port that the pages name, and the free one it stands for.
        """
        home.mkdir(parents=True, exist_ok=True)
        # The pages name the usual ports. curl goes to the free ones instead: no page is changed.
        lines = [f'connect-to = "localhost:{old}:127.0.0.1:{new}"' for old, new in ports.values()]
        (home / ".curlrc").write_text("\n".join([*lines, 'noproxy = "*"', ""]), encoding="utf-8")
        variables = {key: value for key, value in os.environ.items() if not key.startswith(OURS)}
        variables |= {"HOME": str(home)} | {name: str(new) for name, (_, new) in ports.items()}
        self._shell = subprocess.Popen(
            ["bash", "--noprofile", "--norc"], cwd=folder, env=variables, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def __enter__(self) -> Self:
        """Return the terminal."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the shell.

        Args:
            kind: The type of an error in the block.
            error: The error.
            trace: Its traceback.
        """
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        self._shell.stdin.close()
        self._shell.wait(60)
        self._shell.stdout.close()

    def run(self, command: str) -> str:
        """Run a command to its end; return what it prints.

        Raises:
            AssertionError: when it ends with another code than 0; the terminal is closed then.
        """
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        mark = uuid.uuid4().hex
        # The first command that fails ends the shell, wherever in a block or a pipe it stands.
        self._shell.stdin.write(
            f"set -eo pipefail\n{{ {command}\n}} </dev/null\necho; echo {mark}\n"
        )
        self._shell.stdin.flush()
        lines: list[str] = []
        for line in self._shell.stdout:
            if line.startswith(mark):
                return "".join(lines).removesuffix("\n")
            lines.append(line)
        raise AssertionError(f"this failed: {command}\n{''.join(lines)}")
