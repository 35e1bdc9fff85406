"""Notes which requests are on backfills: Airflow asks its auth manager for one right for runs and backfills."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

_PATH: Final = "/api/v2/backfills"
_on_backfills: ContextVar[bool] = ContextVar("airworthy_on_backfills", default=False)


def is_on_backfills() -> bool:
    """Return whether the request that is being answered is one on backfills."""
    return _on_backfills.get()


class BackfillRequests:
    """A middleware of Airflow's API server. It changes no request."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap the app."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = str(scope["path"]).removeprefix(scope.get("root_path", "").rstrip("/"))
        token = _on_backfills.set(path == _PATH or path.startswith(f"{_PATH}/"))
        try:
            await self._app(scope, receive, send)
        finally:
            _on_backfills.reset(token)
