"""A secret of every shape stays out of every file, message, log, stage output and command line."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import polars.selectors as cs
import pytest
from tests.core.stages.conftest import (
    AS_OF,
    LET_THROUGH,
    MakeModel,
    RunStages,
    make_model,
    run_stages,
    small_spec,
)

from airworthy.environment import Environment
from airworthy.errors import AirworthyError
from airworthy.known_errors import known_errors, traceback_text
from airworthy.lake.sources.simulator_source import Simulator
from airworthy.lake.sources.sql_source import Sql
from airworthy.masking import masked
from airworthy.registry.version_source import code_tags
from airworthy.spec import load_spec
from airworthy.spec.loading import SpecError
from airworthy.spec.sources_part import SimulatorSource, SqlSource
from airworthy.working_tree import WorkingTree
from airworthy_airflow.stack.layout import load_layout
from airworthy_airflow.stack.programs import commands

__all__ = ["make_model", "run_stages"]  # fixtures

SECRET = "Geheim-7f3a/91c@x"
QUOTED = "Geheim-7f3a%2F91c%40x"
SHAPES = ("Geheim-7f3a", "91c@x", "91c%40x")
ODBC = f"odbc_connect=DRIVER%3DX%3BUID%3Dme%3BPWD%3D{QUOTED}%3B"
QUERY = "SELECT * FROM rows WHERE picked_up_at >= :start AND picked_up_at < :end"
DAY = date(2026, 1, 1)
URLS = {
    "login": f"postgresql://me:{QUOTED}@127.0.0.1:1/shop",
    "login in plain": "postgresql://me:Geheim-7f3a/91c%40x@127.0.0.1:1/shop",
    "parameter": f"postgresql://me@127.0.0.1:1/shop?sslmode=disable&password={QUOTED}",
    "parameter of another name": f"postgresql://me@127.0.0.1:1/shop?passfile={QUOTED}",
    "psycopg 3": f"postgresql+psycopg://me:{QUOTED}@127.0.0.1:1/shop?password={QUOTED}",
    "no such host": f"postgresql://me:{QUOTED}@nowhere.invalid/shop",
    "ODBC": f"mssql+pyodbc:///?{ODBC}",
    "no such driver": f"mysql+nodriver://me:{QUOTED}@db/shop?ssl_key={QUOTED}",
    "no such dialect": f"nodialect://me:{QUOTED}@db/shop",
}
EXTRA = json.dumps({"conn_type": "x", "extra": json.dumps({"api_token": SECRET})})
VARIABLES = {
    "AIRFLOW_CONN_SHOP": f"postgres://me:{QUOTED}@127.0.0.1:1/shop?sslpassword={QUOTED}",
    "AIRFLOW_CONN_HOOK": json.dumps({"conn_type": "http", "extra": {"secret": SECRET}}),
    "AIRFLOW_CONN_NESTED": EXTRA,
    "AIRFLOW_CONN_STORE": f"aws://KEY:{QUOTED}@/?aws_session_token={QUOTED}",
    "AWS_SECRET_ACCESS_KEY": SECRET,
    "AIRWORTHY_SERVER_TOKEN": SECRET,
    "MLFLOW_TRACKING_PASSWORD": SECRET,
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql://me:{QUOTED}@db/airflow",
}


def leaked(text: str) -> list[str]:
    """Return the shapes of the secret in a text."""
    return [shape for shape in SHAPES if shape in text]


def files_with_secrets(folder: Path) -> list[str]:
    """Return the files below a folder with the secret in any byte, name or compressed cell."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [str(path) for path in files if leaked(path.name + content_of(path))]


def content_of(path: Path) -> str:
    """Return a file's bytes as a text, and the cells of a Parquet file, which are compressed."""
    cells = ""
    if path.suffix == ".parquet":
        cells = (
            pl.read_parquet(path, glob=False, hive_partitioning=False)
            .select(cs.string())
            .write_csv()
        )
    return path.read_bytes().decode("latin-1") + cells


def all_texts(error: BaseException) -> str:
    """Return what an error tells people, and its traceback as it is kept."""
    return f"{error}{getattr(error, 'problem', '')}{traceback_text(error)}"


def write_database(path: Path, days: Sequence[date]) -> None:
    """Write a database with the simulator's rows of some days."""
    path.parent.mkdir(parents=True)
    simulator = Simulator(SimulatorSource(type="simulator", rows_per_day=400))
    with sqlite3.connect(path) as connection:
        for day in days:
            rows = (
                simulator.read(day)
                .to_pandas()
                .assign(picked_up_at=lambda each: each["picked_up_at"].astype(str))
            )
            rows.to_sql("rows", connection, if_exists="append", index=False)
    connection.close()


@pytest.mark.filterwarnings("ignore:Query string argument")
def test_nothing_that_a_run_writes_has_a_secret(
    tmp_path: Path,
    environment: Environment,
    make_model: MakeModel,
    run_stages: RunStages,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Lake, ledger, MLflow, logs and the stages' outputs, which are the tasks' XComs."""
    caplog.set_level(logging.DEBUG)
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    end = date.fromisoformat(AS_OF)
    write_database(tmp_path / "source" / "rows.db", [end - timedelta(n) for n in range(9, 0, -1)])
    url = f"sqlite:///{tmp_path}/source/rows.db?password={QUOTED}&{ODBC}"
    ingest = small_spec("x")["ingest"] | {"source": {"type": "sql", "url": url, "query": QUERY}}
    payload = run_stages(make_model(ingest=ingest, evaluate=LET_THROUGH))
    assert payload["version"]["version"] == "1"
    assert leaked(json.dumps(payload) + caplog.text) == []
    assert files_with_secrets(environment.state) == []


@pytest.mark.parametrize("shape", URLS)
def test_errors_of_a_database_have_no_secret(
    tmp_path: Path, shape: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Host not there, driver not there: description, message, traceback and log are without it."""
    caplog.set_level(logging.INFO)
    source = Sql(SqlSource(type="sql", url=URLS[shape], query=f"{QUERY}"), tmp_path)
    kept = tmp_path / "kept.txt"
    with (
        pytest.raises(AirworthyError) as caught,
        known_errors(lambda told: str(kept.write_text(told))),
    ):
        source.read(DAY)
    kept.touch()
    assert leaked(f"{all_texts(caught.value)}{kept.read_text()}{caplog.text}") == []
    assert leaked(source.describe()) == []


@pytest.mark.parametrize("name", VARIABLES)
def test_secrets_of_variables_are_in_no_message(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever library repeats them, in whatever form."""
    for each in VARIABLES:
        monkeypatch.delenv(each, raising=False)
    monkeypatch.setenv(name, VARIABLES[name])
    told = f"refused: {SECRET} {QUOTED} {json.dumps(SECRET)} {VARIABLES[name]}"
    assert leaked(masked(told)) == []
    assert leaked(str(AirworthyError(told, received=ValueError(told)))) == []


PLACES = [
        f"https://me:{SECRET}@host/file.csv", f"https://{QUOTED}@host/file.csv",
        f"https://host/file.csv?X-Amz-Signature={QUOTED}&X-Amz-Date=1",
        f"https://host/hook?token={QUOTED}", f"with url: /hook?token={QUOTED} (refused)",
        f"host=db user=me password='{SECRET}' port=5", f"DRIVER=X;UID=me;PWD={{{SECRET}}};",
        f'{{"password": "{SECRET}"}}', f"redis://:{SECRET}@host:6379/0",
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(PLACES)))
def test_unknown_secrets_are_told_by_their_place(number: int) -> None:
    """A value that no variable holds is masked where addresses and settings keep secrets."""
    assert leaked(masked(PLACES[number])) == []


@pytest.mark.parametrize("text", ["http://localhost:8080/a@b", "s3://bucket/key", "rows: 5", "a=5"])
def test_other_texts_stay_as_they_are(text: str) -> None:
    """A port, a key of a bucket and a count are no secrets."""
    assert masked(text) == text


def test_the_folder_of_a_shell_is_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """PWD is a folder there, and a password in the addresses of databases."""
    monkeypatch.setenv("PWD", "/srv/project@home")
    monkeypatch.setenv("OLDPWD", "/srv/models")
    text = "/srv/project@home/model.yaml is not below /srv/models"
    assert masked(text) == text


def test_a_fault_of_a_spec_shows_no_secret(tmp_path: Path) -> None:
    """A received value is cut after its secrets are masked, not before."""
    path = tmp_path / "model.yaml"
    long = f"postgresql://me:{QUOTED}{'x' * 200}@db/shop"
    path.write_text(json.dumps(small_spec("m") | {"url": long, "owner": [long]}))
    with pytest.raises(SpecError) as caught:
        load_spec(path)
    assert leaked(all_texts(caught.value)) == []


def test_a_diff_of_a_dirty_tree_shows_no_secret() -> None:
    """An older address in a removed line is masked, too."""
    tree = WorkingTree(
        "c", True, ("model.yaml",), f"-  url: {URLS['login']}\n+  url: {URLS['ODBC']}\n"
    )
    assert leaked(json.dumps(code_tags(tree, "digest"))) == []


def test_no_command_line_of_the_stack_has_a_secret(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every user of the machine sees them in the list of processes."""
    monkeypatch.setenv("AIRWORTHY_TRACKING_URI", URLS["login"])
    monkeypatch.setenv("AIRWORTHY_SERVER_TOKEN", SECRET)
    assert leaked(json.dumps(commands(load_layout()))) == []
