"""Takes secrets out of addresses and texts: for records, logs, messages, pages.

An address is shown with the values of harmless parameters only. A text loses the logins and the
parameters of its addresses, values after names such as ``password=``, the secrets in this process's
environment variables, and the values that `remember` was given.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, quote_plus, unquote, unquote_plus

if TYPE_CHECKING:
    from sqlalchemy import URL

MASK = "***"
_HARMLESS = {
    "application_name", "charset", "check_same_thread", "client_encoding", "connect_timeout",
    "dbname", "driver", "encoding", "encrypt", "host", "isolation_level", "mode", "port",
    "region_name", "schema", "service_name", "ssl_mode", "sslmode", "target_session_attrs",
    "timeout", "timezone", "trustservercertificate", "uri", "use_unicode", "user", "warehouse",
}  # fmt: skip
"""Parameters of an address whose values are shown. All others may be secrets."""
_NAMES = (
    r"passwd|password|passphrase|pwd|secret|token|credential|signature|api_?key|access_?key|"
    r"private_?key|fernet_?key|authorization"
)
_SECRET_NAME = re.compile(_NAMES, re.IGNORECASE)
# The shell's own variables: PWD is no password there.
_OF_SHELL = {"PWD", "OLDPWD"}
# Variables of these names hold places and numbers.
_OF_PLACES = re.compile(r"_(?:FILE|PATH|DIR|CMD|TIME|SECONDS)$")
_LOGIN = re.compile(
    r"(?P<scheme>[A-Za-z][\w+.\-]*://)"
    # A password may have a slash or an at sign. Digits and a slash after the colon are a port.
    r"(?:[^\s/@'\"<>]*:(?!\d{1,5}[/?#])(?!\*\*\*@)[^\s'\"<>]*@|[^\s:/@'\"<>]+@)"
)
_PORT = re.compile(r"\d{1,5}[/?#]")
_PARAMETERS = re.compile(r"(?P<address>[A-Za-z][\w+.\-]*://[^\s'\"<>?]*\?)(?P<pairs>[^\s'\"<>]+)")
_ASSIGNED = re.compile(
    rf"(?P<name>\b[\w\-]*(?:{_NAMES})[\w\-]*(?:\s*=\s*|[\"']\s*:\s*))"
    r"(?P<value>\"[^\"]*\"|'[^']*'|\{[^}]*\}|[^\s,;&\"'()\[\]{}]+)",
    re.IGNORECASE,
)
_WEB = ("http://", "https://")
_WEB_SECRET = re.compile(rf"^[^=]*(?:{_NAMES}|sig|key|code|auth)[^=]*=", re.IGNORECASE)
_CONNECTION = "AIRFLOW_CONN_"
_SHORTEST = 6  # shorter values would take words out of every text
_remembered: set[str] = set()


def shown_url(url: URL | str) -> str:
    """Return a database's address without any value that may be a secret.

    >>> shown_url("postgresql://me:secret@db/rides?sslmode=require&password=other")
    'postgresql://me:***@db/rides?sslmode=require&password=***'
    """
    from sqlalchemy import make_url

    parsed = make_url(url)
    plain = parsed.set(query={}).render_as_string(hide_password=True)
    pairs = [
        f"{quote_plus(name)}={quote_plus(each) if name.lower() in _HARMLESS else MASK}"
        for name, value in parsed.query.items()
        for each in ((value,) if isinstance(value, str) else value)
    ]
    return _without_assigned(plain) + (f"?{'&'.join(pairs)}" if pairs else "")


def url_secrets(url: URL | str) -> set[str]:
    """Return the values in a database's address that may be secrets.

    >>> sorted(url_secrets("mssql+pyodbc:///?odbc_connect=UID%3Dme%3BPWD%3Dsecret"))
    ['UID=me;PWD=secret', 'secret']
    """
    from sqlalchemy import make_url

    parsed = make_url(url)
    found = {str(parsed.password)} if parsed.password else set()
    for name, value in parsed.query.items():
        if name.lower() not in _HARMLESS:
            for each in (value,) if isinstance(value, str) else value:
                found |= {each, *_assigned_values(each)}
    found |= set(_assigned_values(unquote(f"{parsed.host or ''};{parsed.database or ''}")))
    return found - {""}


def remember(values: Iterable[str]) -> None:
    """Mask values in every later text of this process. Those of under six characters are left out."""
    _remembered.update(value for value in values if len(value) >= _SHORTEST)


def masked(text: str, secrets: Iterable[str] = ()) -> str:
    """Return a text without secrets.

    Args:
        text: A message, a traceback.
        secrets: Further values to mask, of any length.

    >>> masked("postgresql://me:secret@db/rows is down; PWD=secret")
    'postgresql://***@db/rows is down; PWD=***'
    """
    return _without_assigned(without_address_secrets(text, secrets))


def without_address_secrets(text: str, secrets: Iterable[str] = ()) -> str:
    """Return a text without the secrets of its addresses and those known by value.

    Args:
        text: The text.
        secrets: Further values to mask, of any length.
    """
    return _PARAMETERS.sub(_masked_pairs, _without_logins(text, secrets))


def without_source_secrets(text: str) -> str:
    """Return a spec or a diff without secrets; addresses of the web keep their other parameters."""
    return _PARAMETERS.sub(_masked_telling_pairs, _without_logins(text))


def _without_logins(text: str, secrets: Iterable[str] = ()) -> str:
    if "://" in text:
        text = _LOGIN.sub(rf"\g<scheme>{MASK}@", text)
    for value in sorted({*secrets, *_remembered, *_of_variables()}, key=len, reverse=True):
        for form in _forms(value):
            text = text.replace(form, MASK)
    return text


def _without_assigned(text: str) -> str:
    return _ASSIGNED.sub(rf"\g<name>{MASK}", text) if _SECRET_NAME.search(text) else text


def _masked_pairs(found: re.Match[str]) -> str:
    pairs = re.split(r"([&;])", found["pairs"])
    return found["address"] + "".join(map(_masked_pair, pairs))


def _masked_telling_pairs(found: re.Match[str]) -> str:
    """Mask every parameter of a database's address, and those of the web that tell a secret."""
    if not found["address"].lower().startswith(_WEB):
        return _masked_pairs(found)
    pairs = re.split(r"([&;])", found["pairs"])
    masks = (_masked_pair(each) if _WEB_SECRET.search(each) else each for each in pairs)
    return found["address"] + "".join(masks)


def _masked_pair(pair: str) -> str:
    name, equals, value = pair.partition("=")
    return pair if not value or name.lower() in _HARMLESS else f"{name}{equals}{MASK}"


def _assigned_values(text: str) -> Iterator[str]:
    """Yield the secret values of ``PWD=...;``, as ODBC has them."""
    for pair in text.split(";"):
        name, _, value = pair.partition("=")
        if _SECRET_NAME.search(name) and value.strip("{} "):
            yield value.strip("{} ")


@lru_cache(maxsize=1024)
def _forms(value: str) -> tuple[str, ...]:
    """Return a value as addresses, JSON and Python's texts have it, the longest form first."""
    forms = {value, quote(value), quote(value, safe=""), quote_plus(value), repr(value)[1:-1]}
    return tuple(sorted(forms | {json.dumps(value)[1:-1]}, key=len, reverse=True))


def _of_variables() -> frozenset[str]:
    """Return the secrets in this process's environment variables."""
    return _secrets_of(
        tuple(each for each in os.environ.items() if "@" in each[1] or _may_hold_a_secret(each[0]))
    )


@lru_cache(maxsize=1024)
def _may_hold_a_secret(name: str) -> bool:
    return name.startswith(_CONNECTION) or _SECRET_NAME.search(name) is not None


@lru_cache(maxsize=8)
def _secrets_of(variables: tuple[tuple[str, str], ...]) -> frozenset[str]:
    found: set[str] = set()
    for name, value in variables:
        if value.lstrip().startswith("{"):
            found.update(_of_json(value))
        elif "://" in value:
            found.update(_of_address(value))
        elif _SECRET_NAME.search(name) and not _holds_a_place(name, value):
            found.add(value)
    return frozenset(each for each in found if len(each) >= _SHORTEST)


def _holds_a_place(name: str, value: str) -> bool:
    is_place = _OF_PLACES.search(name) is not None or name in _OF_SHELL
    return is_place and (value.startswith("/") or value.isdecimal())


def _of_address(text: str) -> Iterator[str]:
    """Yield password and secret parameters of an address: an SQLAlchemy URL, an Airflow connection."""
    plain, _, parameters = text.partition("://")[2].partition("?")
    login, at, _ = plain.rpartition("@")
    if at:
        user, colon, password = login.partition(":")
        if not _PORT.match(password):
            yield unquote(password) if colon else unquote(user)
    for name, value in parse_qsl(parameters):
        if name == "__extra__":
            yield from _of_json(value)
        elif name.lower() not in _HARMLESS and "://" not in value:
            yield value
            yield from _assigned_values(unquote_plus(value))


def _of_json(text: str) -> Iterator[str]:
    """Yield the secrets of an Airflow connection in JSON: the password, and values of its extra."""
    try:
        content = json.loads(text)
    except ValueError:
        return
    if isinstance(content, dict):
        yield from _of_mapping(content)


def _of_mapping(content: dict[str, Any]) -> Iterator[str]:
    for name, value in content.items():
        if isinstance(value, dict):
            yield from _of_mapping(value)
        elif isinstance(value, str) and value.lstrip().startswith("{"):
            yield from _of_json(value)
        elif isinstance(value, str) and _SECRET_NAME.search(name):
            yield value
