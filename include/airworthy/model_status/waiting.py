"""Everything that waits for a person, with the command or the page to act. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from shlex import quote
from typing import Any, Literal
from urllib.parse import quote as url_quote

from airworthy.alerts.live_alerts import FIRST_BLIND_WINDOWS
from airworthy.model_status.model_summary import ModelSummary
from airworthy.versions.model_state import ModelState

WaitingKind = Literal["approval", "retraining_stopped", "blind", "spec_faults", "ledger_fault"]


@dataclass(frozen=True)
class Waiting:
    """A thing that waits for a person.

    Attributes:
        model: The model.
        kind: The kind of thing.
        what: The thing in words.
        since: The time since which it waits, ISO 8601 in UTC; None: nobody recorded it.
        command: A command that acts on it, or shows more of it.
        page: The path of the page in Airflow with the same.
    """

    model: str
    kind: WaitingKind
    what: str
    since: str | None
    command: str
    page: str

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)


def waiting_things(summaries: Iterable[ModelSummary]) -> list[Waiting]:
    """Return all that waits, the longest first; what has no time comes last, by model."""
    found = [each for summary in summaries for each in waiting_of(summary.state)]
    return sorted(found, key=lambda each: (each.since is None, each.since or "", each.model))


def waiting_of(state: ModelState) -> list[Waiting]:
    """Return what waits in one model: the same as `ModelState.needs`, with times and next steps."""
    return [*_of_service(state), *_of_faults(state)]


def _of_service(state: ModelState) -> Iterator[Waiting]:
    model, name = state.model, quote(state.model)
    if state.retired is not None:
        return
    if state.waits_for_approval is not None:
        version = state.waits_for_approval
        yield Waiting(
            model,
            "approval",
            f"version {version} waits for an approval",
            state.approval_since,
            f'airworthy release {name} {quote(version)} --approve "..."',
            _page(model, "actions/approve"),
        )
    if state.open_breaker is not None:
        yield Waiting(
            model,
            "retraining_stopped",
            f"retraining has stopped: {state.open_breaker}",
            state.breaker_since,
            f"airworthy status {name}",
            _page(model, "actions/train"),
        )
    if state.blind_windows >= FIRST_BLIND_WINDOWS:
        yield Waiting(
            model,
            "blind",
            f"the monitor could judge nothing in {state.blind_windows} windows",
            state.blind_since,
            "airworthy check",
            _page(model),
        )


def _of_faults(state: ModelState) -> Iterator[Waiting]:
    model = state.model
    if state.faults is not None:
        what = f"its spec has faults: {state.faults}"
        yield Waiting(model, "spec_faults", what, None, "airworthy check", _page(model))
    if state.ledger_fault is not None:
        what = f"its ledger cannot be read: {state.ledger_fault}"
        command = f"airworthy ledger verify {quote(model)}"
        yield Waiting(model, "ledger_fault", what, None, command, _page(model))


def _page(model: str, action: str = "") -> str:
    path = f"/airworthy/models/{url_quote(model, safe='')}"
    return f"{path}/{action}" if action else path
