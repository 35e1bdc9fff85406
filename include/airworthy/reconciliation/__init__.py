"""Reconciliation: whether ledger, registry, servers and lake say the same about a model."""

from airworthy.reconciliation.disagreement import Decision, Disagreement
from airworthy.reconciliation.facts import Facts, RegisteredVersion
from airworthy.reconciliation.gather import gather
from airworthy.reconciliation.reconcile import reconcile
from airworthy.reconciliation.require import require_agreement

__all__ = [
    "Decision",
    "Disagreement",
    "Facts",
    "RegisteredVersion",
    "gather",
    "reconcile",
    "require_agreement",
]
