"""Of several clients none trips the guard alone, and none passes for all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from airworthy.handover import ArmFigures
from airworthy.release.client_arms import ClientArms, told_apart
from airworthy.release.client_weights import evaluate_by_clients
from airworthy.release.guard import GuardResult, evaluate_guard
from airworthy.release.watch_record import Watch
from airworthy.release.watch_reports import WatchReports
from airworthy.release.watch_rule import Reference, evaluate_watch
from airworthy.spec.release_part import Guard
from airworthy.traffic.replica_report import ArmReport, ClientsReport, ModelReport, WatchReport
from airworthy.traffic.replica_reports import Replica

from .replica_reports import MODEL, replica_report

GUARD = Guard(p99_ms=50.0)
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SIGNALS = {"error_rate", "latency", "predictions", "quality"}


def part(version: str, requests: int = 200, errors: int = 0, **changes: Any) -> ArmReport:
    """Return one client's requests: a fine version's, unless changed."""
    answered = requests - errors
    fields: dict[str, Any] = {"rows": answered, "p50_ms": 2.0, "p99_ms": 9.0, "labels": answered}
    fields |= {"mean_loss": 1.0, "loss_sd": 0.5}
    predictions = [float(number % 10) for number in range(min(answered, 200))]
    fields |= {name: value for name, value in changes.items() if name != "predictions"}
    figures = ArmFigures(version=version, requests=requests, errors=errors, **fields)
    seconds = [figures.p99_ms / 1e3 if figures.p99_ms else 0.0] * min(answered, 200)
    return ArmReport(
        figures=figures, predictions=changes.get("predictions", predictions), seconds=seconds
    )


def arm(version: str, **clients: ArmReport) -> ClientArms:
    """Return an arm of clients, each of which asked a server of its own."""
    reports = [each.model_copy(update={"clients": {name: each}}) for name, each in clients.items()]
    return ClientArms(version, reports)


def judged(champion: ClientArms, challenger: ClientArms) -> tuple[GuardResult, list[str]]:
    """Return the guard's result by clients."""
    return evaluate_by_clients(GUARD, champion, challenger, classes=False, over=True)


STRANGE = st.builds(
    lambda requests, errors, p99, shift, loss: part(
        "2",
        requests,
        min(errors, requests),
        p99_ms=p99,
        mean_loss=loss,
        predictions=[shift] * min(requests, 200),
    ),
    st.integers(0, 5_000),
    st.integers(0, 5_000),
    st.floats(1, 1e4),
    st.floats(-1e6, 1e6),
    st.floats(0, 1e6),
)


@given(STRANGE)
def test_whatever_one_client_sends_it_trips_nothing_alone(strange: ArmReport) -> None:
    """The other one's fine requests decide; and where it is silent, nothing is proved either way."""
    champion = arm("1", rival=part("1"), shop=part("1"))
    result, undecided = judged(champion, arm("2", rival=strange, shop=part("2")))
    assert (result.trips, undecided) == ([], [])
    result, undecided = judged(arm("1", rival=part("1")), arm("2", rival=strange))
    assert result.trips == []
    assert result.evaluated == []
    assert {words.split(":")[0] for words in result.missing} == SIGNALS


def test_what_two_clients_see_trips_and_no_flood_hides_it() -> None:
    """Errors, latency, predictions and losses; a third client's good requests outnumber them all."""
    for bad in (
        {"errors": 60},
        {"p99_ms": 900.0},
        {"predictions": [99.0] * 200},
        {"mean_loss": 9.0},
    ):
        two = {name: part("2", **bad) for name in ("shop", "office")}
        fine = {name: part("1") for name in two}
        assert len(judged(arm("1", **fine), arm("2", **two))[0].trips) == 1
        flood = {"rival": part("2", 100_000)}
        result, _ = judged(arm("1", **fine, rival=part("1", 100_000)), arm("2", **two, **flood))
        assert len(result.trips) == 1, bad


def test_one_client_alone_proves_nothing_good() -> None:
    """Requests enough by it alone are too few: the signals are missing, and say why."""
    champion = arm("1", rival=part("1", 5_000), shop=part("1", 3))
    challenger = arm("2", rival=part("2", 5_000), shop=part("2", 3))
    result, undecided = judged(champion, challenger)
    assert (result.trips, result.evaluated, undecided) == ([], ["error_rate"], [])
    assert sum("without client rival" in words for words in result.missing) == 3


def test_a_bad_version_that_one_client_alone_has_seen_is_undecided() -> None:
    """Nobody else has asked: neither trips it nor lets it pass. A person decides."""
    bad = part("2", errors=150)
    result, undecided = judged(arm("1", shop=part("1"), rival=part("1")), arm("2", shop=bad))
    assert result.trips == []
    assert len(undecided) == 1
    assert "client shop alone" in undecided[0]


def test_an_only_client_is_all_the_traffic_there_is() -> None:
    """With one token, or none, the guard evaluates the sum; two that asked are several."""
    report = ClientsReport(required=True, known=1)
    assert not told_apart([report, None], ["shop"])
    assert told_apart([report, ClientsReport(required=True, known=2)], ["shop"])
    assert told_apart([None], ["", "shop"])
    one = arm("2", shop=part("2", errors=60))
    assert evaluate_guard(GUARD, one.arm(), one.arm(), classes=False, over=True).trips


def test_reports_of_older_servers_tell_no_clients_apart() -> None:
    """They count as one nameless client."""
    arms = ClientArms("2", [ArmReport(figures=part("2").figures), part("2")])
    assert arms.names == [""]
    assert arms.arm().figures.requests == 400
    assert arms.arm([""]).figures.requests == 0


def test_no_client_alone_sends_a_watched_champion_back() -> None:
    """Its errors are told, and those that two clients see trip the watch."""
    watch = Watch("2", "1", 9, NOW - timedelta(hours=1), NOW + timedelta(hours=1), "run")

    def result_of(**errors: int) -> Any:
        clients = {name: part("2", 400, count) for name, count in errors.items()}
        whole = ArmReport(figures=part("2", 800, sum(errors.values())).figures, clients=clients)
        report = ModelReport(seen=9, watch=WatchReport(entry=9, whole=whole))
        replica = Replica(
            replica_report("a", report, clients=ClientsReport(required=True, known=2)), NOW
        )
        reports = WatchReports([replica], MODEL, watch, NOW)
        return evaluate_watch(GUARD, reports.spans, Reference())

    alone = result_of(rival=390, shop=0)
    assert alone.trips == []
    assert any("client rival alone" in words for words in alone.missing)
    assert len(result_of(rival=390, shop=390).trips) == 1
