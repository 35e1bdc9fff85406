"""Giving a challenger traffic, and taking it away: flags, the challenger alias, the server's candidate, the ledger."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from airworthy.errors import TerminalError
from airworthy.handover import WatchedStep
from airworthy.job import Job
from airworthy.ledger import Entry, Ledger, open_ledger
from airworthy.ledger.events import RolloutEnded, RolloutStopped
from airworthy.registry.registry import Registry
from airworthy.release.open_server import discard
from airworthy.release.release_record import step_name
from airworthy.release.rollout_flags import Rollout, clear_rollout, read_rollout, set_rollout
from airworthy.release.rollout_steps import is_own
from airworthy.release.server_client import ServerClient

log = logging.getLogger("airworthy.release")


def own_rollout(job: Job, version: str) -> Rollout | None:
    """Return what the flags say, if this run rolls out this version.

    Raises:
        TerminalError: when the file does not hold flags.
    """
    flags = read_rollout(job.environment.flags_file, job.spec.model)
    return flags if flags is not None and is_own(flags, job.run.run_id, version) else None


@dataclass(frozen=True)
class Traffic:
    """A model's traffic, as the holder of the model's release lock may change it."""

    job: Job
    registry: Registry
    server: ServerClient

    @property
    def ledger(self) -> Ledger:
        """The model's ledger."""
        return open_ledger(self.job.environment, self.job.spec.model)

    def flags(self) -> Rollout | None:
        """Return the rollout that the flags say, whichever run's it is."""
        return read_rollout(self.job.environment.flags_file, self.job.spec.model)

    def give(self, champion: str, challenger: str, step: WatchedStep) -> Rollout:
        """Begin a step; a version that the server cannot load is found out before anything moves.

        Raises:
            TerminalError: when the version cannot be loaded or may take no alias, or the file does not hold flags, or
                does not keep them.
            TransientError: when server or registry do not answer.
        """
        model = self.job.spec.model
        self.server.load_candidate(model, challenger)
        self.registry.name_challenger(model, challenger)
        set_rollout(
            self.job.environment.flags_file,
            model,
            champion=champion,
            challenger=challenger,
            step=step,
            run_id=self.job.run.run_id,
        )
        given = self.flags()
        if given is None or not is_own(given, self.job.run.run_id, challenger):
            raise TerminalError(
                "the flags were changed as soon as they were set",
                model=model,
                stage="release",
                received=self.job.environment.flags_file,
                allowed="no other writer that leaves a rollout's flags out",
                next_step="see who else writes this file, then release again",
            )
        return given

    def complete(self, version: str) -> None:
        """End this run's rollout of a version that has become champion."""
        if own_rollout(self.job, version) is not None:
            clear_rollout(self.job.environment.flags_file, self.job.spec.model)
        self.registry.forget_challenger(self.job.spec.model, version)

    def take_back(self, challenger: str) -> None:
        """Give everything to the champion, first of all; then forget the challenger."""
        model = self.job.spec.model
        clear_rollout(self.job.environment.flags_file, model)
        discard(self.server, model, challenger)
        self.registry.forget_challenger(model, challenger)

    def stop(
        self,
        flags: Rollout,
        reasons: list[str],
        kind: type[RolloutEnded] = RolloutStopped,
        figures: dict[str, Any] | None = None,
    ) -> Entry[RolloutEnded]:
        """End a rollout, this run's or another's, and record why under the run whose rollout it was.

        Args:
            flags: The rollout.
            reasons: Why it is ended, in words.
            kind: The event that is recorded.
            figures: What was seen in the step; see `figures_of`.
        """
        clear_rollout(self.job.environment.flags_file, self.job.spec.model)
        log.warning(
            "%s: version %s (%s) is given no more traffic: %s",
            self.job.spec.model,
            flags.challenger,
            step_name(flags.step),
            "; ".join(reasons),
        )
        ended = kind(
            version=flags.challenger,
            champion=flags.champion,
            step=flags.step,
            reasons=reasons,
            since=flags.since,
            stopped_by=self.job.run.run_id,
            **(figures or {}),
        )
        entry = self.ledger.append(ended, run_id=flags.run_id, who=self.job.run.requested_by)
        self.take_back(flags.challenger)
        return entry
