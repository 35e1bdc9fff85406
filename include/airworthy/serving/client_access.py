"""The access to a model server: the list of hosts, and the tokens of clients.

Below ``/models`` a server that listens beyond loopback asks for a client's token. Administration's
token is good there too. Health, metrics and the OpenAPI document ask for none: they have no rows.
A token opens what its scopes say, also where none is asked for.
"""

from __future__ import annotations

import hmac
import ipaddress
import logging
import time
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from typing import NamedTuple

from starlette.types import Scope

from airworthy.client_tokens import ClientScope, KnownClient, token_digest
from airworthy.errors import TerminalError
from airworthy.protocol.refusals import RefusedError
from airworthy.server_settings import ServerSettings
from airworthy.serving.admin_token import ReadToken
from airworthy.serving.client_rate import ClientRate
from airworthy.traffic.replica_report import ClientsReport

log = logging.getLogger(__name__)

ReadClients = Callable[[], list[KnownClient]]
LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
ANY_HOST = "*"

_SCOPE_KEY = "airworthy.client"
_READ_SECONDS = 1.0
_BEARER = b"bearer "


class Client(NamedTuple):
    """The sender of a request.

    Attributes:
        name: Its name for the guard: of its token, else its address, else empty.
        keys: The keys of its answers' ids, that of the present token first; none without a token.
        is_admin: Whether its token is administration's, or has the scope ``admin``.
        sees_all: Whether it may see samples of others' predictions.
        labels_all: Whether it may send labels for answers to others.
    """

    name: str = ""
    keys: tuple[bytes, ...] = ()
    is_admin: bool = False
    sees_all: bool = True
    labels_all: bool = True


NOBODY = Client()
"""Anybody on a server that asks for no token."""
_ADMIN = Client(is_admin=True)


def client_of(scope: Scope) -> Client:
    """Return the sender of a request that `ClientAccess` let through."""
    client: Client = scope.get(_SCOPE_KEY, NOBODY)
    return client


class ClientAccess:
    """The rules of one server. All of this runs on its event loop."""

    def __init__(
        self,
        read_token: ReadToken,
        settings: ServerSettings | None = None,
        read_clients: ReadClients = list,
        *,
        host: str = "127.0.0.1",
        hosts: Collection[str] = (),
    ) -> None:
        """Keep the rules.

        Args:
            read_token: Returns administration's token, or None.
            settings: The environment's settings for servers. None: the default ones.
            read_clients: Returns the clients' tokens.
            host: The address that the server listens at.
            hosts: Names of the server, beside those of the settings and of loopback.
        """
        settings = settings or ServerSettings()
        rate = settings.limits.requests_per_second_per_client
        self._rate = None if rate is None else ClientRate(rate)
        self._read_token = read_token
        self._read_clients = read_clients
        self._settings = settings.clients
        self._by_address = not is_loopback(host)
        self.required = self._settings.required == "always" or (
            self._by_address and self._settings.required == "beyond_loopback"
        )
        self._hosts = LOOPBACK_HOSTS | {_plain(each) for each in (host, *hosts, *settings.hosts)}
        self._clients: dict[str, KnownClient] = {}
        self._keys: dict[str, tuple[bytes, ...]] = {}
        self._read_at = -_READ_SECONDS

    def check(self, scope: Scope) -> None:
        """Check one request, and note its sender in its scope.

        Raises:
            RefusedError: 400 or 421 for its Host; 401 or 403 for its token; 429 for its rate.
        """
        host = authorization = None
        for name, value in scope["headers"]:
            if name == b"host":
                if host is not None:
                    raise _wrong_host(400, "two hosts")
                host = value
            elif name == b"authorization" and authorization is None:
                authorization = value
        self._check_host(host, scope)
        if asks_for_rows(scope["path"]):
            client = scope[_SCOPE_KEY] = self._client(authorization, scope)
            if self._rate is not None and not client.is_admin:
                self._rate.take(client.name or _address(scope))

    @property
    def limits_rate(self) -> bool:
        """Whether a client that sends too many requests is refused."""
        return self._rate is not None

    def describe(self) -> ClientsReport:
        """Return the rules for the server's report."""
        self._refresh()
        now = datetime.now(UTC)
        known = {each.name for each in self._clients.values() if not each.has_ended(now)}
        open_to_all = self._by_address and not self.required
        return ClientsReport(required=self.required, known=len(known), open_to_all=open_to_all)

    def _check_host(self, header: bytes | None, scope: Scope) -> None:
        if header is None:
            if scope.get("http_version") != "1.0":
                raise _wrong_host(400, "none")
            return
        host = _plain(header.decode("latin-1"))
        if host in self._hosts or ANY_HOST in self._hosts:
            return
        # The address at which the request came in is no name that another could point here.
        server = scope.get("server")
        if server is None or host != _plain(str(server[0])):
            raise _wrong_host(421, host[:100])

    def _client(self, authorization: bytes | None, scope: Scope) -> Client:
        self._refresh()
        if authorization is not None and authorization[:7].lower() == _BEARER:
            client = self._of_token(authorization[7:].strip(), scope["path"])
            if client is not None:
                return client
            if self.required and not _checks_itself(scope["path"]):
                raise RefusedError(403, "this is no client's token", field="authorization")
        if not self.required:
            return NOBODY._replace(name=_address(scope)) if self._by_address else NOBODY
        if _checks_itself(scope["path"]):
            return NOBODY
        raise RefusedError(
            401,
            "this server asks its clients for a token",
            field="authorization",
            allowed="Authorization: Bearer <token>",
            next_step="ask its owner for one: airworthy clients add NAME",
        )

    def _of_token(self, token: bytes, path: str) -> Client | None:
        known = self._clients.get(token_digest(token))
        if known is not None and not known.has_ended(datetime.now(UTC)):
            _check_scope(known, path)
            return self._of_known(known)
        admin = self._read_token()
        if admin is not None and hmac.compare_digest(token, admin.encode()):
            return _ADMIN
        return None

    def _of_known(self, known: KnownClient) -> Client:
        key = bytes.fromhex(known.sha256)
        is_admin = "admin" in known.scopes
        return Client(
            known.name,
            (key, *(each for each in self._keys[known.name] if each != key)),
            is_admin=is_admin,
            sees_all=is_admin or not self.required,
            labels_all=is_admin or known.name in self._settings.label_all,
        )

    def _refresh(self) -> None:
        """Read the tokens again from time to time: they change under a running server."""
        now = time.monotonic()
        if now - self._read_at < _READ_SECONDS:
            return
        self._read_at = now
        try:
            known = self._read_clients()
        except TerminalError as error:
            log.error("the last good tokens of clients hold: %s", error.problem)
            return
        self._clients = {each.sha256: each for each in known}
        keys: dict[str, list[bytes]] = {}
        for each in known:
            keys.setdefault(each.name, []).append(bytes.fromhex(each.sha256))
        self._keys = {name: tuple(found) for name, found in keys.items()}


def is_loopback(host: str) -> bool:
    """Tell whether an address to listen at is reached from this machine only.

    >>> is_loopback("127.0.0.1"), is_loopback("0.0.0.0"), is_loopback("::")
    (True, False, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def asks_for_rows(path: str) -> bool:
    """Tell whether a path is one of those that ask for a token."""
    return path == "/models" or path.startswith("/models/")


def needed_scope(path: str) -> ClientScope | None:
    """Return the scope that a path asks of a client's token; None: each token is good.

    >>> needed_scope("/models/eta/labels"), needed_scope("/models")
    ('label', None)
    """
    match path.split("/"):
        case ["", "models", _, "labels"]:
            return "label"
        case ["", "models", _, "invocations" | "example"]:
            return "predict"
        case ["", "models", _, "versions", _, "invocations"] | ["", "models", _, "break-glass"]:
            return "admin"
    return None


def _check_scope(known: KnownClient, path: str) -> None:
    """Refuse a token without the scope of a path.

    Raises:
        RefusedError: 403.
    """
    scope = needed_scope(path)
    if scope is None or scope in known.scopes or "admin" in known.scopes:
        return
    raise RefusedError(
        403,
        f"this token of {known.name} has not the scope {scope}",
        field="authorization",
        received=f"a token for {', '.join(known.scopes)}",
        allowed=f"a token with the scope {scope}",
        next_step=f"ask the server's owner for one: airworthy clients add NAME --scope {scope}",
    )


def _checks_itself(path: str) -> bool:
    """Tell whether a path is one of administration, which checks its own token."""
    match path.split("/"):
        case ["", "models", _, "versions", _, "invocations"]:
            return True
    return False


def _plain(host: str) -> str:
    """Return a host in lower case, without its port and a dot at its end.

    >>> _plain("Model.Example.:8000"), _plain("[::1]:8000"), _plain("::1")
    ('model.example', '[::1]', '[::1]')
    """
    host = host.strip().lower()
    if host.count(":") > 1 and not host.startswith("["):
        return f"[{host}]"
    name, bracket, _ = host.partition("]")
    return name + bracket if bracket else host.partition(":")[0].removesuffix(".")


def _address(scope: Scope) -> str:
    """Return the sender's address as a name. One network of IPv6 is one sender."""
    client = scope.get("client")
    if client is None:
        return ""
    try:
        address = ipaddress.ip_address(client[0])
    except ValueError:
        return ""
    if address.version == 4:
        return f"address {address}"
    return f"address {ipaddress.ip_network((address, 64), strict=False)}"


def _wrong_host(status: int, received: str) -> RefusedError:
    return RefusedError(
        status,
        "this server is not asked by this name",
        field="host",
        received=received,
        allowed="one Host of the list: loopback, the server's own names, server.hosts",
        next_step="ask by another name, or add it to server.hosts of the environment",
    )
