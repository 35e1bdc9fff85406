"""Whoever can write the lake cannot take back or change what a ledger said, and stay unnoticed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from standardwebhooks.webhooks import Webhook
from tests.receivers import HOST, mail_receiver, web_receiver
from tests.security.ledgers import (
    MODEL,
    OpenWithAnchors,
    command,
    cut,
    open_with_anchors,
    record,
    write_anew,
)

from airworthy.environment import Environment
from airworthy.ledger import open_ledger
from airworthy.ledger.events import Retirement

__all__ = ["open_with_anchors"]


def test_commits_deleted_from_the_end_are_missed(environment: Environment) -> None:
    """The last three entries deleted, by one who does not know of the anchor: named, exit 1."""
    record(environment)
    assert command("ledger", "verify", MODEL).exit_code == 0
    cut(environment, 3)
    verified = command("ledger", "verify", MODEL)
    assert verified.exit_code == 1
    assert "entries 7 to 9 are missing" in str(verified.exception)


def test_a_chain_written_anew_is_noticed(environment: Environment) -> None:
    """Every entry written again with another name, and every hash with it."""
    record(environment, "ann")
    write_anew(environment, "mallory")
    verified = command("ledger", "verify", MODEL)
    assert verified.exit_code == 1
    assert "entry 1 or one before it was written anew" in str(verified.exception)


def test_a_cut_ledger_that_goes_on_is_noticed(environment: Environment) -> None:
    """New entries under the numbers of the deleted ones hide nothing."""
    record(environment)
    cut(environment, 3)
    for number in range(5):
        event = Retirement(from_version="2", reason="late")
        open_ledger(environment, MODEL).append(event, run_id=f"r{number}", who="bob")
    verified = command("ledger", "verify", MODEL)
    assert verified.exit_code == 1
    assert "entry 7 or one before it was written anew" in str(verified.exception)


def test_a_ledger_that_is_gone_is_missed(environment: Environment) -> None:
    """No table at all is no empty ledger."""
    record(environment)
    shutil.rmtree(open_ledger(environment, MODEL).uri)
    verified = command("ledger", "verify", MODEL)
    assert verified.exit_code == 1
    assert "entries 1 to 9 are missing" in str(verified.exception)


def test_another_models_ledger_in_its_place_is_noticed(environment: Environment) -> None:
    """A chain that is whole, of another model, is no answer about this one."""
    record(environment, model="other_model")
    folder = Path(open_ledger(environment, MODEL).uri)
    shutil.copytree(open_ledger(environment, "other_model").uri, folder)
    for words in (["verify", MODEL], [MODEL, "--at", "2999-01-01"]):
        answer = command("ledger", *words)
        assert answer.exit_code == 1, answer.output
        assert "the ledger was changed" in str(answer.exception)


def test_a_model_that_is_not_there_is_an_error_and_an_empty_ledger_is_told(
    environment: Environment,
) -> None:
    """Neither is called whole."""
    missing = command("ledger", "verify", "no_such_model")
    assert missing.exit_code == 1
    assert "there is no model of this name" in str(missing.exception)
    Path(environment.lake, MODEL).mkdir(parents=True)
    for words in (["verify", MODEL], [MODEL]):
        empty = command("ledger", *words)
        assert empty.exit_code == 0
        assert "the ledger is empty" in empty.stdout
        assert "whole" not in empty.stdout


@pytest.mark.parametrize(
    "words",
    [
        ["ledger", "no_such_model"],
        ["ledger", "anchor", "no_such_model"],
        ["dataset", "no_such_model"],
        ["collect", "no_such_model"],
        ["release", "no_such_model", "1"],
        ["rollback", "no_such_model"],
        ["retire", "no_such_model", "--reason", "late"],
        ["watch", "no_such_model", "--once"],
        ["drill", "no_such_model"],
        ["score", "no_such_model"],
        ["show", "no_such_model/1"],
        ["staleness", "no_such_model"],
    ],
    ids=lambda words: words[0],
)
def test_every_command_knows_that_a_model_is_not_there(
    environment: Environment, words: list[str]
) -> None:
    """It says so with the names that there are, and makes no database for it."""
    done = command(*words)
    assert done.exit_code == 1
    assert "there is no model of this name" in str(done.exception)
    assert "delivery_eta" in str(done.exception)
    assert not (environment.state / "mlflow.db").exists()


@pytest.mark.parametrize("kind", ["file", "bucket"])
def test_an_anchor_elsewhere_has_every_head(
    open_with_anchors: OpenWithAnchors, tmp_path: Path, kind: str
) -> None:
    """A file and a bucket get one protocol: a signed head after every entry."""
    place = str(tmp_path / "elsewhere")
    key = "path" if kind == "file" else "uri"
    environment = open_with_anchors({"type": kind, key: place})
    record(environment)
    whole = json.loads(command("ledger", "verify", MODEL, "--json").stdout)
    assert (whole["whole"], whole["entries"], whole["anchored"]) == (True, 9, 9)
    cut(environment, 1)
    assert "entries 9 to 9 are missing" in str(command("ledger", "verify", MODEL).exception)
    shutil.rmtree(place)
    unanchored = command("ledger", "verify", MODEL)
    assert "no anchor has a head of it" in unanchored.stdout


def test_a_webhook_gets_every_head_signed_as_alerts_are(
    open_with_anchors: OpenWithAnchors, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A receiver checks a head with the library of the convention. What it kept shows a cut."""
    monkeypatch.setenv("AIRWORTHY_ANCHOR_KEY", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    with web_receiver() as receiver:
        environment = open_with_anchors({"type": "webhook", "url": f"{receiver.url}/heads"})
        record(environment)
    assert len(receiver.sent) == 9
    headers, body = receiver.sent[-1]
    assert Webhook("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").verify(body, headers)["sequence"] == 9
    names = {"id": "webhook-id", "timestamp": "webhook-timestamp", "signature": "webhook-signature"}
    kept = {name: headers[header] for name, header in names.items()} | {"body": body.decode()}
    file = tmp_path / "kept.jsonl"
    file.write_text(json.dumps(kept))
    assert command("ledger", "verify", MODEL, "--head", str(file)).exit_code == 0
    cut(environment, 2)
    verified = command("ledger", "verify", MODEL, "--head", str(file))
    assert "entries 8 to 9 are missing" in str(verified.exception)


def test_a_mailbox_gets_the_head_on_a_schedule(
    open_with_anchors: OpenWithAnchors, tmp_path: Path
) -> None:
    """A mail that was kept shows a chain that was written anew."""
    with mail_receiver() as receiver:
        environment = open_with_anchors(
            {
                "type": "email",
                "server": f"smtp://{HOST}:{receiver.port}",
                "sender": "airworthy@example.org",
                "to": ["auditor@example.org"],
            }
        )
        record(environment)
        assert receiver.mails == []
        assert command("ledger", "anchor", MODEL).exit_code == 0
    ((to, mail),) = receiver.mails
    assert to == ["auditor@example.org"]
    file = tmp_path / "head.eml"
    file.write_bytes(mail.as_bytes())
    assert command("ledger", "verify", MODEL, "--head", str(file)).exit_code == 0
    write_anew(environment, "mallory")
    verified = command("ledger", "verify", MODEL, "--head", str(file))
    assert "entry 9 or one before it was written anew" in str(verified.exception)


def test_an_anchor_that_is_down_stops_no_decision_and_is_told(
    open_with_anchors: OpenWithAnchors, caplog: pytest.LogCaptureFixture
) -> None:
    """It is not asked again at each entry. The next head covers what it missed."""
    address = "http://user:s3cret@127.0.0.1:9/heads"
    environment = open_with_anchors({"type": "webhook", "url": address})
    assert len(record(environment)) == 9
    told = [message for message in caplog.messages if "did not get entry" in message]
    assert len(told) == 1
    sent = command("ledger", "anchor", MODEL)
    assert sent.exit_code == 1
    assert "not every anchor has the head" in str(sent.exception)
    assert "s3cret" not in caplog.text + sent.output + str(sent.exception)


def test_a_head_that_the_key_did_not_sign_proves_nothing(
    open_with_anchors: OpenWithAnchors, tmp_path: Path
) -> None:
    """One who may write the anchor but has no key can neither make nor accept a head."""
    place = tmp_path / "elsewhere"
    environment = open_with_anchors({"type": "file", "path": str(place)})
    record(environment)
    file = place / f"{MODEL}.jsonl"
    line = json.loads(file.read_text().strip().split("\n")[-1])
    head = json.loads(line["body"]) | {"accepted_by": "ann", "reason": "fine", "at": "9"}
    with file.open("a") as stream:
        stream.write(json.dumps(line | {"body": json.dumps(head)}) + "\nno head\n")
    cut(environment, 3)
    verified = command("ledger", "verify", MODEL)
    assert verified.exit_code == 1
    assert "entries 7 to 9 are missing" in str(verified.exception)
    assert "not signed with this key" in verified.stderr


def test_a_restored_ledger_is_accepted_by_a_named_person_for_all_to_see(
    environment: Environment,
) -> None:
    """After a backup was brought back: only with a reason, and told at every check."""
    record(environment)
    cut(environment, 3)
    assert command("ledger", "anchor", MODEL).exit_code == 1
    assert command("ledger", "anchor", MODEL, "--accept").exit_code == 1
    accepted = command("ledger", "anchor", MODEL, "--accept", "--reason", "disk lost, backup of 3")
    assert accepted.exit_code == 0, accepted.output
    verified = command("ledger", "verify", MODEL)
    assert verified.exit_code == 0
    assert "accepted the ledger as it is at entry 6" in verified.stderr
    assert "disk lost, backup of 3" in verified.stderr


def test_heads_and_key_are_their_owners_alone(environment: Environment) -> None:
    """Whatever the umask."""
    record(environment)
    modes = [
        path.stat().st_mode & 0o777
        for path in (environment.anchor_key_file, environment.state / "anchors" / f"{MODEL}.jsonl")
    ]
    assert modes == [0o600, 0o600]
