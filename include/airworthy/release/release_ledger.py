"""A look at a model's ledger, and decisions about traffic that are made against it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from airworthy.errors import SupersededError
from airworthy.job import Job
from airworthy.ledger import Entry, open_ledger
from airworthy.ledger.events import LedgerEvent, RolloutEnded, RolloutStopped
from airworthy.release.release_record import step_name
from airworthy.traffic import Rollout, Traffic, traffic_of

log = logging.getLogger("airworthy.release")

_ATTEMPTS = 10
_Event = TypeVar("_Event", bound=LedgerEvent)
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class LedgerView:
    """A model's ledger at one moment, oldest entry first, for a run."""

    job: Job
    entries: list[Entry]

    @cached_property
    def traffic(self) -> Traffic:
        """The traffic at this moment."""
        return traffic_of(self.entries)

    @property
    def champion(self) -> str | None:
        """The champion's version at this moment, or None."""
        return self.traffic.champion_version

    def decide(self, event: _Event, run_id: str | None = None) -> Entry[_Event]:
        """Append a decision about traffic that was made against this view.

        Args:
            event: The decision.
            run_id: The run that it is recorded under; None: this run.

        Raises:
            SupersededError: when another decision came after this view; nothing was appended.
            TransientError: when the ledger cannot be reached.
        """
        return open_ledger(self.job.environment, self.job.spec.model).append(
            event,
            run_id=run_id or self.job.run.run_id,
            who=self.job.run.requested_by,
            proved_by=self.job.run.requested_by_proof,
            decided=self.traffic.decided,
        )

    def record(self, event: _Event) -> Entry[_Event]:
        """Append an event of this run that decides nothing about traffic.

        Raises:
            TransientError: when the ledger cannot be reached.
        """
        return open_ledger(self.job.environment, self.job.spec.model).append(
            event,
            run_id=self.job.run.run_id,
            who=self.job.run.requested_by,
            proved_by=self.job.run.requested_by_proof,
        )

    def stop(
        self,
        rollout: Rollout,
        reasons: list[str],
        kind: type[RolloutEnded] = RolloutStopped,
        figures: dict[str, Any] | None = None,
    ) -> Entry[RolloutEnded]:
        """End a rollout, of this run or another. It is recorded under the rollout's run.

        Args:
            rollout: The rollout.
            reasons: The reasons, in words.
            kind: The class of the recorded event.
            figures: The figures of the step; see `step_figures`.

        Raises:
            SupersededError: when another decision came after this view; nothing was appended.
            TransientError: when the ledger cannot be reached.
        """
        ended = kind(
            version=rollout.challenger,
            champion=rollout.champion,
            step=rollout.step,
            reasons=reasons,
            since=rollout.since,
            stopped_by=self.job.run.run_id,
            **(figures or {}),
        )
        entry = self.decide(ended, rollout.run_id)
        log.warning(
            "%s: version %s (%s) is given no more traffic: %s",
            self.job.spec.model,
            rollout.challenger,
            step_name(rollout.step),
            "; ".join(reasons),
        )
        return entry


def view_ledger(job: Job) -> LedgerView:
    """Return the ledger of the job's model as it is now.

    Raises:
        TerminalError: when a file of the ledger was changed; it names the entry.
        TransientError: when the ledger cannot be reached.
    """
    return LedgerView(job, open_ledger(job.environment, job.spec.model).entries())


def decide_on(job: Job, decide: Callable[[LedgerView], _Result]) -> _Result:
    """Return the result of a decision made on a view of the ledger.

    When another decision came first, it is made anew on a new view.

    Args:
        job: The run.
        decide: Decides and records. It may be called again, and raises `SupersededError` when it
            was not the first.

    Raises:
        SupersededError: when other decisions kept coming first.
        TransientError: when the ledger cannot be reached.
    """
    for _ in range(_ATTEMPTS - 1):
        try:
            return decide(view_ledger(job))
        except SupersededError as error:
            log.info("%s: decided anew: %s", job.spec.model, error.received)
    return decide(view_ledger(job))
