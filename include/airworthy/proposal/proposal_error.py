"""The error of a model that cannot be proposed."""

from __future__ import annotations

from airworthy.errors import TerminalError


class ProposalError(TerminalError):
    """No model was proposed, and no folder was made or changed."""

    consequence = ""
