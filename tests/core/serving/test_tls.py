"""TLS of a model server by files: it answers over https alone, and takes a new certificate while it runs."""

from __future__ import annotations

import os
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi import FastAPI
from tests.core.eventually import eventually

from airworthy.environment import load_environment
from airworthy.errors import TerminalError
from airworthy.release.server_client import ServerClient
from airworthy.serving.server_config import server_config
from airworthy.serving.tls import TlsFiles, tls_files


def write_pair(folder: Path, name: str) -> TlsFiles:
    """Write a certificate for 127.0.0.1 with a common name, signed by itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(who, who, key.public_key(), x509.random_serial_number())
    address = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    made = made.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    signed = made.add_extension(address, critical=False).sign(key, hashes.SHA256())
    plain = serialization.NoEncryption()
    files = TlsFiles(folder / "tls.crt", folder / "tls.key")
    pem = serialization.Encoding.PEM
    _replace(files.key, key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    _replace(files.certificate, signed.public_bytes(pem))
    return files


def _replace(file: Path, content: bytes) -> None:
    fresh = file.with_suffix(".new")
    fresh.write_bytes(content)
    fresh.replace(file)


@contextmanager
def answering(files: TlsFiles) -> Iterator[int]:
    """Yield the port of a server with the model server's configuration."""
    app = FastAPI()
    app.get("/health/live")(lambda: {"status": "live"})
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(server_config(app, tls=files))
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        try:
            eventually("it listens", lambda: server.started)
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


def shown_name(port: int, name: str | None) -> str:
    """Return the common name of the certificate that a server shows."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", port)) as plain,
        context.wrap_socket(plain, server_hostname=name) as connection,
    ):
        shown = connection.getpeercert(binary_form=True)
        assert connection.version() in ("TLSv1.2", "TLSv1.3")
    assert shown is not None
    found = x509.load_der_x509_certificate(shown).subject
    return str(found.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value)


def test_a_new_certificate_is_taken_while_the_server_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of a new pair leaves the last good one. Open connections go on. Without TLS nobody is answered."""
    files = write_pair(tmp_path, "first")
    with answering(files) as port:
        monkeypatch.setenv("SSL_CERT_FILE", str(files.certificate))
        with ServerClient(f"https://localhost:{port}") as client:
            assert client.is_up()
            assert shown_name(port, "localhost") == shown_name(port, None) == "first"
            good = files.certificate.read_bytes()
            _replace(files.certificate, b"-----BEGIN CERTIFICATE-----\nno\n")
            os.utime(files.certificate, ns=(1, 1))
            assert shown_name(port, "localhost") == "first"
            _replace(files.certificate, good)
            write_pair(tmp_path, "second")
            eventually("it is taken", lambda: shown_name(port, None) == "second")
            assert shown_name(port, "localhost") == "second"
            assert client.is_up()
        with ServerClient(f"https://localhost:{port}") as client:
            assert client.is_up()
        monkeypatch.delenv("SSL_CERT_FILE")
        with ServerClient(f"https://localhost:{port}") as client:
            assert not client.is_up()
        with pytest.raises(httpx.HTTPError):
            httpx.get(f"http://localhost:{port}/health/live", trust_env=False)


@pytest.mark.parametrize(
    "fault", ["missing", "no certificate", "another key", "a key with a password"]
)
def test_files_that_cannot_be_used_are_named_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """The server does not start without TLS in place of it."""
    files = write_pair(tmp_path, "first")
    match fault:
        case "missing":
            files.key.unlink()
        case "no certificate":
            files.certificate.write_text("", encoding="utf-8")
        case "another key":
            other = write_pair(other_folder(tmp_path), "other")
            files.key.write_bytes(other.key.read_bytes())
        case _:
            files.key.write_bytes(_with_password(files.key.read_bytes()))
    environments = tmp_path / "include" / "environments"
    environments.mkdir(parents=True)
    text = Path("include/environments/local.yaml").read_text(encoding="utf-8")
    tls = f"server: {{tls: {{certificate: tls.crt, key: '{files.key}'}}}}\n"
    (environments / "local.yaml").write_text(text + tls, encoding="utf-8")
    monkeypatch.setenv("AIRWORTHY_PROJECT", str(tmp_path))
    with pytest.raises(TerminalError, match="certificate cannot be used") as refusal:
        tls_files(load_environment())
    assert "tls.key" in str(refusal.value.received)


def other_folder(folder: Path) -> Path:
    """Return a further folder."""
    other = folder / "other"
    other.mkdir()
    return other


def _with_password(pem: bytes) -> bytes:
    key = serialization.load_pem_private_key(pem, None)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
