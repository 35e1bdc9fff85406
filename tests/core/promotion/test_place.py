"""Two environments in one process: each has its own variables, and only while it is worked in."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
import yaml
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from typer.testing import CliRunner

from airworthy.cli.main import app
from airworthy.errors import TerminalError
from airworthy.promotion import Place, read_place


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with two environments that name variables, and a shell that has some."""
    folder = tmp_path / "project" / "include" / "environments"
    folder.mkdir(parents=True)
    settings = {
        "lake": "${AIRWORTHY_LAKE}",
        "tracking_uri": f"sqlite:///{tmp_path}/mlflow.db",
        "artifacts": str(tmp_path / "artifacts"),
        "server_url": "http://127.0.0.1:9",
    }
    for name in ("staging", "production"):
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    monkeypatch.setenv("AIRWORTHY_PROJECT", str(tmp_path / "project"))
    monkeypatch.setenv("AIRWORTHY_LAKE", str(tmp_path / "shell"))
    monkeypatch.setenv("AIRWORTHY_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "the shell's")
    monkeypatch.delenv("AIRWORTHY_ENV", raising=False)
    return tmp_path


def test_a_place_has_the_variables_of_its_file_and_no_others(project: Path) -> None:
    """Credentials of the shell never reach an environment with a file; afterwards all is as it was."""
    file = project / "production.env"
    file.write_text("# ours\nAIRWORTHY_LAKE='/data/$lake'\nexport AWS_REGION=eu-central-1\n")
    before = dict(os.environ)
    with read_place("production", file).entered() as environment:
        assert (environment.name, environment.lake) == ("production", "/data/$lake")
        assert "AWS_ACCESS_KEY_ID" not in os.environ
        assert os.environ["AWS_REGION"] == "eu-central-1"
        assert environment.state == project / "state"
    assert dict(os.environ) == before


def test_a_place_without_a_file_has_those_of_the_shell(project: Path) -> None:
    """They are left as they are, but for the environment's name."""
    with Place("staging").entered() as environment:
        assert (environment.name, environment.lake) == ("staging", str(project / "shell"))
        assert os.environ["AWS_ACCESS_KEY_ID"] == "the shell's"
    assert "AIRWORTHY_ENV" not in os.environ


@pytest.mark.parametrize("content", [None, b"", b"AIRWORTHY_LAKE\n", b"\xff\xfe"])
def test_a_file_that_leads_nowhere_is_named(project: Path, content: bytes | None) -> None:
    """Missing, empty, without a value, no text: the file and what it should have."""
    file = project / "some.env"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(TerminalError, match=r"some\.env cannot be read") as refusal:
        read_place("staging", file)
    assert "NAME=value" in str(refusal.value)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["eta/1", "--to", "staging", "--from", "staging"], "from one environment to another"),
        (["eta/1", "--to", "nowhere", "--from", "staging"], "there is no such environment"),
        (["eta/1", "--to", "production", "--from", "nowhere"], "there is no such environment"),
        (["eta/1", "--to", "production", "--from", "staging"], "have the same lake and ledger"),
    ],
)
def test_a_wrong_command_is_refused_before_anything_is_read(
    project: Path, arguments: list[str], words: str
) -> None:
    """It says what was received and what to do next, without a traceback; nothing is written."""
    result = CliRunner().invoke(app, ["promote", *arguments])
    assert isinstance(result.exception, TerminalError), result.output
    assert words in str(result.exception)
    assert result.exception.next_step or result.exception.allowed
    assert not (project / "shell").exists()


def test_clients_of_an_object_store_have_the_credentials_of_their_place(project: Path) -> None:
    """boto3 and MLflow keep what they read first. A signed address names the key that it is of."""
    keys = []
    for name in ("staging", "production", "staging"):
        file = project / f"{name}.env"
        file.write_text(
            f"AIRWORTHY_LAKE=/data/{name}\nAWS_ACCESS_KEY_ID=key-of-{name}\n"
            "AWS_SECRET_ACCESS_KEY=secret\nAWS_REGION=eu-central-1\n"
        )
        with read_place(name, file).entered():
            client = get_artifact_repository("s3://bucket/artifacts")._get_s3_client()
            address = client.generate_presigned_url("get_object", {"Bucket": "b", "Key": "k"})
            keys.append(re.search(r"key-of-[a-z]+", address))
    assert [key and key[0] for key in keys] == [
        "key-of-staging",
        "key-of-production",
        "key-of-staging",
    ]
