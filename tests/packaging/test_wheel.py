"""The built wheel installs and runs in another environment, far from the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Callable
from importlib.metadata import Distribution, distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from uv import find_uv_bin

PROJECT = Path(__file__).resolve().parents[2]
ROOTS = {"airworthy": "include", "airworthy_airflow": "plugins"}
METADATA = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the wheel and its source distribution. Nothing is fetched."""
    source = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(PROJECT / name, source)
    for package, root in ROOTS.items():
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(PROJECT / root / package, source / root / package, ignore=ignored)
    _uv(
        "build",
        "--no-build-isolation",
        "--python",
        sys.executable,
        "--out-dir",
        source / "dist",
        source,
    )
    return source / "dist"


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    """The wheel."""
    return next(built.glob("*.whl"))


@pytest.fixture(scope="module")
def packages(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``site-packages`` of an environment with the wheel, and this one's libraries behind it.

    A .pth file's folder has its own .pth files not read: the checkout is not on the path.
    """
    environment = tmp_path_factory.mktemp("environment")
    _uv("venv", "--python", sys.executable, "--clear", environment)
    _uv("pip", "install", "--no-deps", "--python", environment / "bin" / "python", wheel)
    packages = next(environment.glob("lib/python*/site-packages"))
    libraries = [folder for folder in sys.path if Path(folder).name == "site-packages"]
    (packages / "libraries.pth").write_text("\n".join(libraries) + "\n", encoding="utf-8")
    return packages


@pytest.fixture(scope="module")
def run(packages: Path) -> Command:
    """Run a program of the environment in a folder, with none of this process's settings."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("AIRWORTHY_", "PYTHON"))
    }

    def command(
        folder: Path, program: str, *arguments: str, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [packages.parents[2] / "bin" / program, *arguments],
            cwd=folder,
            env={**kept, **variables},
            capture_output=True,
            text=True,
        )

    return command


def test_wheel_has_every_file_of_both_packages_and_no_other(wheel: Path) -> None:
    """Subpackages, templates, schemas, pages, settings and `py.typed`."""
    with zipfile.ZipFile(wheel) as archive:
        inside = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert inside == _files()
    assert {"airworthy/py.typed", "airworthy_airflow/py.typed", "airworthy/local.yaml"} <= inside


def test_source_distribution_has_every_file_of_both_packages(built: Path) -> None:
    """A wheel can be made of it anywhere."""
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    assert {f"{ROOTS[name.split('/')[0]]}/{name}" for name in _files()} <= inside


def test_metadata_say_what_it_is_and_what_it_needs(packages: Path) -> None:
    """An installer finds version, license, text and every dependency; each extra's own are told apart."""
    installed = _installed(packages)
    needed = {Requirement(each) for each in METADATA["dependencies"]}
    extras = METADATA["optional-dependencies"]
    extra = {Requirement(f'{each} ; extra == "{name}"') for name in extras for each in extras[name]}
    assert (installed.version, installed.metadata["License-Expression"]) == (
        METADATA["version"],
        "Apache-2.0",
    )
    assert {Requirement(each) for each in installed.requires or ()} == needed | extra
    assert installed.metadata.get_all("Provides-Extra") == [*extras]
    body = (installed.read_text("METADATA") or "").partition("\n\n")[2]
    assert "# Airworthy" in body
    assert (
        packages / f"airworthy-{installed.version}.dist-info" / "licenses" / "LICENSE"
    ).is_file()


def test_both_packages_are_imported_from_the_wheel(
    packages: Path, run: Command, tmp_path: Path
) -> None:
    """The tests below try the wheel, and not the checkout."""
    code = "import airworthy.cli.main, airworthy_airflow.stack; print(airworthy.__file__, airworthy_airflow.__file__)"
    imported = run(tmp_path, "python", "-c", code)
    assert imported.stdout.split() == [
        str(packages / package / "__init__.py") for package in ROOTS
    ], imported.stderr


@pytest.fixture
def project(run: Command, tmp_path: Path) -> Path:
    """A project begun by the installed command in an empty folder, with one model."""
    created = run(tmp_path, "airworthy", "new-model", "parcels")
    assert created.returncode == 0, created.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"include"}
    return tmp_path


def test_installed_command_makes_a_model_in_an_empty_folder_and_checks_it(
    run: Command, project: Path
) -> None:
    """No checkout and no environment file are needed."""
    spec = project / "include" / "models" / "parcels" / "model.yaml"
    checked = run(project, "airworthy", "check")
    assert (checked.returncode, checked.stdout) == (0, f"parcels: ok ({spec})\n"), checked.stderr


def test_installed_command_finds_the_project_above_the_current_folder(
    run: Command, project: Path
) -> None:
    """A folder within the project will do."""
    models = project / "include" / "models"
    created = run(models / "parcels", "airworthy", "new-model", "letters")
    assert created.returncode == 0, created.stderr
    assert {path.name for path in models.iterdir()} == {"parcels", "letters"}


def test_installed_command_takes_the_project_that_is_named(
    run: Command, project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """`AIRWORTHY_PROJECT` wins over the current folder."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    created = run(elsewhere, "airworthy", "new-model", "letters", AIRWORTHY_PROJECT=str(project))
    assert created.returncode == 0, created.stderr
    assert (project / "include" / "models" / "letters" / "model.yaml").is_file()
    assert list(elsewhere.iterdir()) == []


def test_installed_command_without_a_project_says_what_to_do(run: Command, tmp_path: Path) -> None:
    """The searched name and folders, and the ways on; no traceback."""
    checked = run(tmp_path, "airworthy", "check")
    assert (checked.returncode, checked.stdout) == (1, "")
    assert checked.stderr.splitlines() == [
        "there is no project here",
        f"  received: {tmp_path}: neither this folder nor one above it is a project",
        "  allowed:  a folder with include/environments or include/models in it",
        "  next:     cd to the project, export AIRWORTHY_PROJECT=..., or start one here: airworthy new-model NAME",
    ]


def _files() -> set[str]:
    """Return the paths of both packages' files, relative to the import path's folder."""
    return {
        str(path.relative_to(PROJECT / root))
        for package, root in ROOTS.items()
        for path in (PROJECT / root / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def _installed(packages: Path) -> Distribution:
    return next(each for each in distributions(path=[str(packages)]) if each.name == "airworthy")


def _uv(*arguments: str | Path) -> None:
    done = subprocess.run([find_uv_bin(), "--offline", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
