"""The form of an action as it was sent: from this site, with a token of the shown page, and a reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.configuration import conf
from fastapi import Request

from airworthy_airflow.models_page.actions_refusals import ActionRefusedError
from airworthy_airflow.models_page.form_token import FormToken, read_token

LONGEST_REASON: Final = 1000
"""Airflow keeps a note of a run up to this length."""
_LONGEST_BODY: Final = 64 * 1024
_MOST_FIELDS: Final = 32
_FORM: Final = "application/x-www-form-urlencoded"
_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True)
class SentForm:
    """The fields of a form."""

    fields: dict[str, list[str]]

    def one(self, name: str) -> str:
        """Return a field's last value; empty without one."""
        return self.fields.get(name, [""])[-1]


async def sent_form(request: Request) -> SentForm:
    """Read a form that this site's own page sent.

    Raises:
        ActionRefusedError: when another site sent it, or it is no form.
    """
    require_same_origin(request)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise ActionRefusedError(415, "this is not the form of an action's page", _OPEN)
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > _LONGEST_BODY:
            raise ActionRefusedError(413, "the form is too long", "write a shorter reason")
    return SentForm(_fields(bytes(body)))


def require_same_origin(request: Request) -> None:
    """Refuse a request that does not come from a page of this site, by what the browser says of it.

    Raises:
        ActionRefusedError: when another site sent it, or nothing says where it comes from.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if (
        (site is None and origin is None)
        or site not in (None, "same-origin")
        or (origin is not None and _place(origin) not in _own_places(request))
    ):
        raise ActionRefusedError(
            403,
            "this request does not come from a page of this Airflow, so nothing was done",
            _OPEN,
        )


def require_token(form: SentForm, user: BaseUser, model: str, action: str) -> FormToken:
    """Return the token of a form, when it is of this user, model and action.

    Args:
        form: The form.
        user: The user who sent it.
        model: The model.
        action: The action's name.

    Raises:
        ActionRefusedError: when there is no such token, or it is too old.
    """
    token = read_token(form.one("token"))
    if token is None or (token.user, token.model, token.action) != (
        str(user.get_id()),
        model,
        action,
    ):
        raise ActionRefusedError(
            403,
            "the form was not made for you, this model and this action, or it is over an hour old, "
            "so nothing was done",
            _OPEN,
        )
    return token


def require_reason(form: SentForm) -> str:
    """Return the reason in a form.

    Raises:
        ActionRefusedError: when it is empty, too long, or has a character that no database keeps.
    """
    reason = form.one("reason").replace("\r\n", "\n").strip()
    if not reason:
        raise ActionRefusedError(400, "the reason is empty, so nothing was done", "say why")
    if len(reason) > LONGEST_REASON:
        raise ActionRefusedError(
            400,
            f"the reason has {len(reason):,} characters, so nothing was done",
            f"write at most {LONGEST_REASON:,}",
        )
    if "\x00" in reason:
        raise ActionRefusedError(
            400, "the reason has a NUL character, so nothing was done", "write it without"
        )
    return reason


_OPEN: Final = "open the action's page from the model's page, and send its form"


def _fields(body: bytes) -> dict[str, list[str]]:
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            encoding="utf-8",
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError:
        raise ActionRefusedError(400, "the form cannot be read", _OPEN) from None
    fields: dict[str, list[str]] = {}
    for name, value in pairs:
        fields.setdefault(name, []).append(value)
    return fields


def _own_places(request: Request) -> set[tuple[str, int | None]]:
    """Return hosts and ports of this site: the one that was asked, and Airflow's own address."""
    asked = f"{request.url.scheme}://{request.headers.get('host', '')}"
    places = {_place(asked), _place(conf.get("api", "base_url", fallback=""))}
    # A proxy that ends TLS speaks HTTP to Airflow: the browser's port is then that of HTTPS.
    places |= {_place(f"https://{request.headers.get('host', '')}")}
    return {place for place in places if place[0]}


def _place(address: str) -> tuple[str, int | None]:
    """Return host and port of an address; an empty host when it has none."""
    try:
        parts = urlsplit(address)
        return (parts.hostname or "").lower(), parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return "", None
