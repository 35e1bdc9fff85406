"""What all events of the ledger have in common: how they become stored JSON, and how they are read from it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, PlainSerializer

Moment = Annotated[AwareDatetime, PlainSerializer(datetime.isoformat, return_type=str)]
"""A time, stored as Python writes it: ``2026-03-20T00:00:00+00:00``."""


class LedgerEvent(BaseModel, ABC):
    """Something that was decided about a model, or done to it.

    The fields have the names of the keys of the stored JSON. A key is stored when its field was given. A field that
    is not stored is part of the entry's id only. A field has a default when readers can do without it: older entries
    lack the key. Keys that are unknown here are left out; `Entry.content` has them.
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
        """Return the id of the entry that the run records this event under: the same id is recorded once."""

    @property
    def subject(self) -> str | None:
        """The version that the event is about; None: it is about no registered version."""
        return None

    @property
    def payload(self) -> dict[str, Any]:
        """The event as it is stored, as JSON values."""
        return self.model_dump(mode="json", by_alias=True, include=self.model_fields_set)

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> Self:
        """Read a stored event.

        Raises:
            ValueError: when a key is missing that every entry of this kind has, or has a value of another type.
        """
        return cls.model_validate(payload, extra="ignore")


@dataclass(frozen=True)
class UnknownEvent:
    """An event of a kind that is unknown here: a newer Airworthy wrote it, or another program."""

    kind: str
    payload: dict[str, Any]

    @property
    def subject(self) -> str | None:
        """The version that the event is about, if it says so as other events do."""
        named = (self.payload.get(name) for name in ("version", "to", "challenger"))
        return next((str(version) for version in named if version is not None), None)
