"""The signed token in an action's form: it opens one action, of one user, on one model, as it was shown.

Another site can make a browser send a form. It cannot read this token.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Final

from airflow.api_fastapi.auth.tokens import get_signing_key
from itsdangerous import BadData, URLSafeTimedSerializer

LONGEST_SECONDS: Final = 3600
"""A form that was open for longer is shown anew."""
_SALT: Final = "airworthy.models_page.action"


@dataclass(frozen=True)
class FormToken:
    """The contents of a token.

    Attributes:
        user: The id of the user whom the form was shown to.
        model: The model.
        action: The action's name.
        state: The state of the model that the form's words were made from.
        nonce: A random name of this one form.
        made_at: The time of the form, ISO 8601 in UTC.
    """

    user: str
    model: str
    action: str
    state: str
    nonce: str
    made_at: str

    @classmethod
    def new(cls, user: str, model: str, action: str, state: str) -> FormToken:
        """Return the token of a new form.

        Args:
            user: The user's id.
            model: The model.
            action: The action's name.
            state: The state that the form's words are made from.
        """
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        return cls(user, model, action, state, secrets.token_hex(8), now)

    @property
    def run_id(self) -> str:
        """The id of the run that this form starts: the same form starts one run at most."""
        return f"manual__{self.made_at}_{self.nonce}"

    def signed(self) -> str:
        """Return the token as text, signed with Airflow's own key."""
        return _serializer().dumps(asdict(self))


def read_token(text: str) -> FormToken | None:
    """Return a token; None when it is not one of ours, or older than an hour."""
    try:
        return FormToken(**_serializer().loads(text, max_age=LONGEST_SECONDS))
    except (BadData, TypeError, ValueError):
        return None


def _serializer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(
        get_signing_key("api", "secret_key"),
        salt=_SALT,
        signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac"},
    )
