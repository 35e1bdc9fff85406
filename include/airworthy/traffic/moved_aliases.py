"""MLflow's aliases that do not say what the ledger says: somebody moved them by hand. Pure.

An alias is a projection of the ledger. Nothing that serves follows it, so a moved one changes no
answer. People and programs that read it are misled until it is put back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict

from airworthy.traffic.traffic_state import Traffic

CHAMPION, CHALLENGER = "champion", "challenger"


class MovedAlias(BaseModel):
    """An alias of a model that disagrees with the ledger.

    Attributes:
        model: The model.
        alias: ``champion`` or ``challenger``.
        found: The version that it names; None: somebody deleted it.
        expected: The version by the ledger; None: it should not be there.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    model: str
    alias: Literal["champion", "challenger"]
    found: str | None
    expected: str | None

    @property
    def words(self) -> str:
        """The disagreement in words."""
        found = f"names version {self.found}" if self.found else "is gone"
        expected = f"version {self.expected}" if self.expected else "no version"
        return f"the alias {self.alias} {found}; by the ledger it names {expected}"


def moved_aliases(model: str, traffic: Traffic, aliases: Mapping[str, str]) -> list[MovedAlias]:
    """Return a model's aliases that disagree with its traffic.

    An alias that somebody set before the first release is not ours.

    Args:
        model: The model.
        traffic: Its traffic by the ledger.
        aliases: Alias -> version, as MLflow has them.
    """
    expected = {
        CHAMPION: traffic.champion_version,
        CHALLENGER: traffic.rollout.challenger if traffic.rollout else None,
    }
    if traffic.champion is None and traffic.retired is None:
        del expected[CHAMPION]
    return [
        MovedAlias(model=model, alias=alias, found=aliases.get(alias), expected=version)
        for alias, version in expected.items()
        if aliases.get(alias) != version
    ]
