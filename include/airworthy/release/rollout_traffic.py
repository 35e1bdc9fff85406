"""The traffic of a challenger: flags, alias ``challenger``, the server's candidate, ledger."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from airworthy.errors import TerminalError
from airworthy.handover import GuardedStep
from airworthy.job import Job
from airworthy.ledger import Entry, Ledger, open_ledger
from airworthy.ledger.events import RolloutEnded, RolloutStopped
from airworthy.registry.registry import Registry
from airworthy.release.open_server import discard_candidate
from airworthy.release.release_record import step_name
from airworthy.release.rollout_flags import Rollout, clear_rollout, read_rollout, set_rollout
from airworthy.release.rollout_steps import is_own
from airworthy.release.server_client import ServerClient

log = logging.getLogger("airworthy.release")


def own_rollout(job: Job, version: str) -> Rollout | None:
    """Return the rollout in the flags, if it is this run's rollout of this version.

    Raises:
        TerminalError: when the file does not hold flags.
    """
    rollout = read_rollout(job.environment.flags_file, job.spec.model)
    if rollout is None or not is_own(rollout, job.run.run_id, version):
        return None
    return rollout


@dataclass(frozen=True)
class Traffic:
    """A model's traffic. Only the holder of the model's release lock may change it."""

    job: Job
    registry: Registry
    server: ServerClient

    @property
    def ledger(self) -> Ledger:
        """The model's ledger."""
        return open_ledger(self.job.environment, self.job.spec.model)

    def rollout(self) -> Rollout | None:
        """Return the rollout in the flags, of any run."""
        return read_rollout(self.job.environment.flags_file, self.job.spec.model)

    def start_step(self, champion: str, challenger: str, step: GuardedStep) -> Rollout:
        """Begin a step. The server loads the version first: a failure changes nothing.

        Args:
            champion: The current champion.
            challenger: The version under rollout.
            step: The step.

        Raises:
            TerminalError: when the version cannot be loaded or may take no alias, or the file does
                not hold flags, or does not keep them.
            TransientError: when server or registry do not answer.
        """
        model = self.job.spec.model
        self.server.load_candidate(model, challenger)
        self.registry.set_challenger(model, challenger)
        set_rollout(
            self.job.environment.flags_file,
            model,
            champion=champion,
            challenger=challenger,
            step=step,
            run_id=self.job.run.run_id,
        )
        rollout = own_rollout(self.job, challenger)
        if rollout is None:
            raise TerminalError(
                "the flags were changed as soon as they were set",
                model=model,
                stage="release",
                received=self.job.environment.flags_file,
                allowed="no other writer that leaves a rollout's flags out",
                next_step="see who else writes this file, then release again",
            )
        return rollout

    def complete(self, version: str) -> None:
        """End this run's rollout of a version after its promotion to champion."""
        if own_rollout(self.job, version) is not None:
            clear_rollout(self.job.environment.flags_file, self.job.spec.model)
        self.registry.unset_challenger(self.job.spec.model, version)

    def withdraw(self, challenger: str) -> None:
        """Give all traffic to the champion first, then unload and forget the challenger."""
        model = self.job.spec.model
        clear_rollout(self.job.environment.flags_file, model)
        discard_candidate(self.server, model, challenger)
        self.registry.unset_challenger(model, challenger)

    def stop(
        self,
        rollout: Rollout,
        reasons: list[str],
        kind: type[RolloutEnded] = RolloutStopped,
        figures: dict[str, Any] | None = None,
    ) -> Entry[RolloutEnded]:
        """End a rollout, of this run or another, and record it under the rollout's run.

        Args:
            rollout: The rollout.
            reasons: The reasons, in words.
            kind: The class of the recorded event.
            figures: The figures of the step; see `step_figures`.
        """
        model = self.job.spec.model
        clear_rollout(self.job.environment.flags_file, model)
        log.warning(
            "%s: version %s (%s) is given no more traffic: %s",
            model,
            rollout.challenger,
            step_name(rollout.step),
            "; ".join(reasons),
        )
        ended = kind(
            version=rollout.challenger,
            champion=rollout.champion,
            step=rollout.step,
            reasons=reasons,
            since=rollout.since,
            stopped_by=self.job.run.run_id,
            **(figures or {}),
        )
        entry = self.ledger.append(ended, run_id=rollout.run_id, who=self.job.run.requested_by)
        self.withdraw(rollout.challenger)
        return entry
