"""The records of a model at one moment. `gather` reads them, `reconcile` compares them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from airworthy.anchors.anchored_ledger import KeptHeads
from airworthy.errors import TerminalError
from airworthy.ledger import Entry
from airworthy.traffic.replica_reports import Replica


@dataclass(frozen=True)
class RegisteredVersion:
    """A version in MLflow's registry.

    Attributes:
        version: The version.
        bundle_digest: The digest of its files by its tag; None: it has no such tag.
        is_own: True when a run of this environment registered it. Environments may share MLflow.
        is_foreign: True when a run of another environment did. A version without a tag is of nobody.
        dataset_version: The version of the lake's table that it was trained on, or None.
        dataset_part: The part of the lake with that table; empty: the lake of the model's own rows.
    """

    version: str
    bundle_digest: str | None
    is_own: bool = True
    is_foreign: bool = False
    dataset_version: int | None = None
    dataset_part: str = ""


@dataclass(frozen=True)
class Facts:
    """The records of one model.

    Attributes:
        model: The model.
        entries: Its ledger, oldest first.
        ledger_error: The reason that the ledger cannot be read as it was written, or None.
        registered: MLflow's versions by version, those under registration left out.
        aliases: MLflow's aliases ``champion`` and ``challenger``, where there are any.
        kept_heads: The heads of the ledger in the anchors. They were read before it, too.
        servers: The live production servers. They were read before the ledger: none of them can
            have seen more of it.
        lake_version: The version of the lake's table with the champion's rows; None: there is none.
    """

    model: str
    entries: Sequence[Entry] = ()
    ledger_error: TerminalError | None = None
    registered: Mapping[str, RegisteredVersion] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    kept_heads: KeptHeads = field(default_factory=KeptHeads)
    servers: Sequence[Replica] = ()
    lake_version: int | None = None
