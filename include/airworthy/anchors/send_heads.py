"""Sends heads to the anchors of an environment. A decision never fails for want of an anchor."""

from __future__ import annotations

import logging
import time

from airworthy.anchor_settings import AnchorSettings, anchor_key
from airworthy.anchors.anchor import open_anchor
from airworthy.anchors.head import Head
from airworthy.environment import Environment
from airworthy.errors import AirworthyError

log = logging.getLogger("airworthy.anchors")

_PAUSE_SECONDS = 60.0
_failed_at: dict[str, float] = {}
"""Anchor's name -> time of its last failure, by the monotonic clock of this process."""


def send_appended_head(environment: Environment, head: Head) -> None:
    """Send the head of a new entry to the anchors that get every one.

    A failure is logged. The anchor is left alone for a minute then, so that a release or a rollback
    does not wait for it at each entry. The head of a later entry covers the missing ones.
    """
    now = time.monotonic()
    for settings in environment.ledger_anchors:
        failed_at = _failed_at.get(settings.name)
        if settings.when != "append" or (failed_at and now - failed_at < _PAUSE_SECONDS):
            continue
        problem = _send(environment, settings, head)
        if problem is None:
            _failed_at.pop(settings.name, None)
            continue
        _failed_at[settings.name] = time.monotonic()
        log.warning(
            "%s: the anchor %s did not get entry %d: %s",
            head.model,
            settings.name,
            head.sequence,
            problem,
        )


def send_head(environment: Environment, head: Head) -> dict[str, str | None]:
    """Send a head to every anchor; return each anchor's name with its problem, None without one."""
    return {
        settings.name: _send(environment, settings, head) for settings in environment.ledger_anchors
    }


def _send(environment: Environment, settings: AnchorSettings, head: Head) -> str | None:
    try:
        signed = head.signed(anchor_key(environment.anchor_key_file))
        open_anchor(settings).keep(head.model, head.sequence, signed)
    except AirworthyError as error:
        received = f" ({error.received})" if error.received is not None else ""
        return f"{error.problem}{received}"
    except OSError as error:
        return f"{error.strerror or error} ({error.filename or settings.name})"
    return None
