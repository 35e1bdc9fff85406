"""The base class of all events of the ledger: writes them as JSON, and reads them from it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, PlainSerializer

Moment = Annotated[AwareDatetime, PlainSerializer(datetime.isoformat, return_type=str)]
"""A time, stored in Python's ISO format: ``2026-03-20T00:00:00+00:00``."""


class LedgerEvent(BaseModel, ABC):
    """A decision about a model, or an action on it.

    The fields have the names of the stored JSON keys. A key is stored when its field was given. A
    field marked "not stored" is used for the entry's id only. A field has a default when readers
    can do without it: older entries lack the key. Unknown keys are left out; `Entry.content` has
    them.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        validate_by_name=True,
        validate_by_alias=True,
        protected_namespaces=(),
        defer_build=True,  # A command that reads no entry does not pay for the validators.
    )

    kind: ClassVar[str]

    @abstractmethod
    def entry_id(self, run_id: str) -> str:
        """Return the id of this event's entry by a run; the ledger records each id once."""

    @property
    def subject(self) -> str | None:
        """The registered version of the event, or None."""
        return None

    @property
    def payload(self) -> dict[str, Any]:
        """The stored JSON values."""
        return self.model_dump(mode="json", by_alias=True, include=self.model_fields_set)

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> Self:
        """Read a stored event.

        Raises:
            ValueError: when a required key is missing, or when a value has another type.
        """
        return cls.model_validate(payload, extra="ignore")


@dataclass(frozen=True)
class UnknownEvent:
    """An event of an unknown kind, written by a newer Airworthy or by another program."""

    kind: str
    payload: dict[str, Any]

    @property
    def subject(self) -> str | None:
        """The version of the event, from the keys used by other events, or None."""
        versions = (self.payload.get(name) for name in ("version", "to", "challenger"))
        return next((str(version) for version in versions if version is not None), None)
