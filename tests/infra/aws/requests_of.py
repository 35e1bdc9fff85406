"""The requests that moto recorded, as the actions of IAM that they need."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.sax.saxutils import unescape

_S3 = {
    ("GET", "key"): "s3:GetObject",
    ("HEAD", "key"): "s3:GetObject",
    ("PUT", "key"): "s3:PutObject",
    ("DELETE", "key"): "s3:DeleteObject",
    ("GET", "bucket"): "s3:ListBucket",
    ("HEAD", "bucket"): "s3:ListBucket",
}


@dataclass(frozen=True)
class Request:
    """A request. `headers` have names in lower case. A bulk of removals is one of all its objects."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: str

    @property
    def key_id(self) -> str:
        """The access key that signed it; empty: nobody did."""
        return self.headers.get("authorization", "").partition("Credential=")[2].split("/")[0]

    @property
    def service(self) -> str:
        """The service that it was signed for."""
        scope = self.headers.get("authorization", "").partition("Credential=")[2].split(",")[0]
        return scope.split("/")[3] if scope.count("/") == 4 else ""

    @property
    def resource(self) -> str:
        """The bucket or object of a request to S3."""
        return f"arn:aws:s3:::{self.path.strip('/')}"

    @property
    def action(self) -> str:
        """The action of a request to S3 (S3's reference: "Required permissions")."""
        if self.method == "POST":
            return "s3:DeleteObject" if "delete" in self.query else "s3:PutObject"
        kind = "key" if "/" in self.path.strip("/") else "bucket"
        if self.method == "DELETE" and "uploadId" in self.query:
            return "s3:AbortMultipartUpload"
        return _S3[self.method, kind]

    @property
    def context(self) -> dict[str, str]:
        """The values of condition keys that the request itself has."""
        of_request = {
            "s3:prefix": self.query.get("prefix"),
            "s3:if-none-match": self.headers.get("if-none-match"),
            "s3:x-amz-server-side-encryption": self.headers.get("x-amz-server-side-encryption"),
        }
        return {name: value for name, value in of_request.items() if value is not None}


def read_requests(recording: Path) -> list[Request]:
    """Return the requests of a file, oldest first."""
    if not recording.exists():
        return []
    lines = recording.read_text(encoding="utf-8").splitlines()
    return [each for line in lines for each in _each_object(_request(line))]


def _each_object(request: Request) -> list[Request]:
    """Return a request, or one for each object that it removes."""
    if request.method != "POST" or "delete" not in request.query:
        return [request]
    keys = re.findall(r"<Key>(.*?)</Key>", request.body)
    return [replace(request, path=f"{request.path.rstrip('/')}/{unescape(key)}") for key in keys]


def _request(line: str) -> Request:
    entry = json.loads(line)
    url = urlsplit(entry["url"])
    body = b64decode(entry["body"]) if entry["body_encoded"] else entry["body"].encode()
    return Request(
        entry["method"],
        unquote(url.path),
        dict(parse_qsl(url.query, keep_blank_values=True)),
        {name.lower(): value for name, value in entry["headers"].items()},
        body.decode(errors="replace"),
    )
