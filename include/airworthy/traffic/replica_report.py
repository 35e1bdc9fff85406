"""The report of one model server: the versions it serves, the entry it follows, and its counts.

A server writes it to a place of its own beside the lake. Releases read the reports of all servers.
"""

from __future__ import annotations

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from airworthy.handover import ArmFigures, GuardedStep
from airworthy.ledger.events import ServerRole
from airworthy.traffic.moved_aliases import MovedAlias


class _Part(BaseModel):
    # A report of a newer version may have more keys.
    model_config = ConfigDict(extra="ignore", protected_namespaces=())


class ArmReport(_Part):
    """One version's requests in one step, as one server counted them.

    `clients` has the same figures by the client's name, which is empty without a token. The samples of
    an only client are those of the report itself.

    `predictions` and `seconds` are uniform samples: predictions as numbers or class codes, and the
    durations of requests in seconds.
    """

    figures: ArmFigures
    predictions: list[float | None] = Field(default_factory=list)
    seconds: list[float] = Field(default_factory=list)
    clients: dict[str, ArmReport] = Field(default_factory=dict)


class RolloutReport(_Part):
    """A rollout step in one server.

    Attributes:
        entry: The sequence number of the step's entry in the ledger.
        step: The step.
        serves: True when both versions are loaded and the step's flags are in effect.
        overrides: A person's flags in place of the ledger's, as JSON text by key.
        champion: The champion's requests in this step.
        challenger: The challenger's requests in this step.
    """

    entry: int
    step: GuardedStep
    serves: bool
    overrides: dict[str, str] = Field(default_factory=dict)
    champion: ArmReport
    challenger: ArmReport


class WatchWindow(_Part):
    """A watched champion's requests in one window of time; `number` is the same in all servers."""

    number: int
    arm: ArmReport


class WatchReport(_Part):
    """A watched champion in one server. Predictions are left out.

    Attributes:
        entry: The sequence number of the entry that made it champion.
        whole: Its requests since this server followed that entry.
        windows: Its requests in the present and the last window, oldest first.
    """

    entry: int
    whole: ArmReport
    windows: list[WatchWindow] = Field(default_factory=list)


class LoadCost(_Part):
    """The cost of loading a version: time in seconds, growth of the server's memory in MiB."""

    load_seconds: float | None = None
    memory_mib: float | None = None


class LoadedVersion(_Part):
    """A loaded version, with the digest of its verified files and the cost of loading it."""

    version: str
    bundle_digest: str
    cost: LoadCost = Field(default_factory=LoadCost)


class ContractReport(_Part):
    """Rows of clients' requests, judged by the contract of the version that was to answer them.

    Attributes:
        rows: All rows since the server's start, also those of refused requests.
        outside: Those outside the contract, refused or answered. Rows that break an expectation of
            severity warning, or one with `mostly`, are not among them.
        columns: The rows of `outside` by column. A row may be counted at several.
    """

    rows: int = 0
    outside: int = 0
    columns: dict[str, int] = Field(default_factory=dict)


class ModelReport(_Part):
    """One model in one server.

    Attributes:
        seen: The sequence number of the last entry of the ledger that the server follows.
        champion: The version that answers, or None.
        loaded: The versions beside the champion.
        failed: The reason of each version that cannot be loaded.
        kill_switch: True when a person turned the model's kill switch on.
        rollout: The step of the rollout, or None.
        watch: The watched champion, or None.
        contract: The rows judged by a contract, or None before the first one.
        moved_aliases: MLflow's aliases that do not say what the ledger says.
    """

    seen: int
    champion: LoadedVersion | None = None
    loaded: list[LoadedVersion] = Field(default_factory=list)
    failed: dict[str, str] = Field(default_factory=dict)
    kill_switch: bool = False
    rollout: RolloutReport | None = None
    watch: WatchReport | None = None
    contract: ContractReport | None = None
    moved_aliases: list[MovedAlias] = Field(default_factory=list)

    def has_loaded(self, version: str, bundle_digest: str | None) -> bool:
        """Tell whether the server has these files of a version loaded, as champion or beside it."""
        versions = [*self.loaded, *([self.champion] if self.champion else [])]
        return any(
            each.version == version and bundle_digest in (None, each.bundle_digest)
            for each in versions
        )


class ClientsReport(_Part):
    """The clients of a server, as it reports them.

    Attributes:
        required: Whether it asks its clients for a token.
        known: The number of clients with a token.
        open_to_all: Whether it listens beyond loopback and asks for none.
    """

    required: bool
    known: int
    open_to_all: bool = False


class ReplicaReport(_Part):
    """One model server, that is one process.

    Attributes:
        replica: A name that no other process has, also after a restart.
        server: The role.
        host: The name of its machine.
        ready: True when it may get requests.
        stopped: True when it has ended by itself.
        lease_seconds: Without a new report for this time, it counts as silent.
        record_seen: The time of its last look at the record, UTC; None before the first one.
        models: The models by name.
        clients: Who may ask; None in reports of versions before 0.3.0.
    """

    replica: str
    server: ServerRole
    host: str
    ready: bool
    stopped: bool = False
    lease_seconds: float
    record_seen: AwareDatetime | None = None
    models: dict[str, ModelReport] = Field(default_factory=dict)
    clients: ClientsReport | None = None
