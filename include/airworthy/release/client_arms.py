"""One arm over all servers, whole and without single clients. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from airworthy.release.guard import Arm
from airworthy.release.merged_arms import merge_arms
from airworthy.traffic.replica_report import ArmReport, ClientsReport

NOBODY = frozenset[str]()


class ClientArms:
    """One version's requests in all servers, by client.

    Attributes:
        names: The clients, those with the most requests first.
    """

    def __init__(self, version: str, reports: Sequence[ArmReport]) -> None:
        """Keep the reports.

        Args:
            version: The version.
            reports: The arm in each server.
        """
        self._version = version
        self._reports = reports
        self._parts = [part for report in reports for part in _parts(report).items()]
        requests: dict[str, int] = {}
        for name, part in self._parts:
            requests[name] = requests.get(name, 0) + part.figures.requests
        self.names = sorted(requests, key=lambda name: (-requests[name], name))

    def arm(self, without: Iterable[str] = NOBODY) -> Arm:
        """Return the arm without some clients."""
        left_out = frozenset(without)
        if not left_out:
            return merge_arms(self._version, self._reports)
        kept = [part for name, part in self._parts if name not in left_out]
        return merge_arms(self._version, kept)


def told_apart(reports: Iterable[ClientsReport | None], names: Iterable[str]) -> bool:
    """Tell whether there are several clients: by the servers' tokens, or by who has asked.

    An only client is all the traffic that there is, so it decides. Of several, none decides alone.

    Args:
        reports: Who may ask each server.
        names: The clients that have asked.
    """
    known = max((each.known for each in reports if each is not None), default=0)
    return known > 1 or len(set(names)) > 1


def open_words(reports: Iterable[ClientsReport | None]) -> list[str]:
    """Return one line when a server beyond loopback asks no client for a token; else none."""
    if not any(each is not None and each.open_to_all for each in reports):
        return []
    return ["clients: whoever reaches a server may ask it (server.clients.required: never)"]


def _parts(report: ArmReport) -> dict[str, ArmReport]:
    """Return a server's arm by client. Reports of versions before 0.3.0 tell no clients apart."""
    if len(report.clients) > 1:
        return dict(report.clients)
    return {next(iter(report.clients), ""): report}
