"""Factories of alerts about live rows: broken expectations, invalid requests, no judgement. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from airworthy.alerts.alert import Alert
from airworthy.handover import CheckResult, DataCheck, DriftDecision, RequestCheck
from airworthy.shown_text import as_lines

Links = Mapping[str, str]
FIRST_BLIND_WINDOWS = 3


def live_expectation(check: DataCheck, links: Links) -> Alert | None:
    """Return the alert about critical expectations that a live window broke; None: it broke none.

    Args:
        check: The results on the window.
        links: Links to the evidence.
    """
    window = check.window
    broken = [each for each in check.checks if not each.success and each.severity == "critical"]
    if not broken:
        return None
    time = f"{window.start:%Y-%m-%dT%H:%M} to {window.end:%Y-%m-%dT%H:%M}"
    return Alert(
        kind="live_expectation",
        model=window.model,
        about=time,
        severity="critical",
        title=f"{window.model}: live rows break {len(broken)} critical "
        f"expectation{'s' if len(broken) > 1 else ''}",
        text=as_lines(_line(each) for each in broken),
        facts={
            "window": f"{time} UTC",
            "rows": f"{window.rows:,}",
            "champion": f"version {window.champion}" if window.champion else "none",
        },
        links={**links, "evidence": check.evidence},
        next_step="see who sends such rows; correct the client, the source or the expectation",
    )


def invalid_requests(check: RequestCheck, links: Links) -> Alert | None:
    """Return the alert about requests outside the contract; None: their share is not over its limit.

    Args:
        check: The counts since the last look.
        links: Links to the evidence.
    """
    if not check.too_many:
        return None
    columns = [f"{name}: {count:,} rows" for name, count in check.columns.items()]
    since = f"{check.since:%Y-%m-%d %H:%M} UTC" if check.since is not None else "the start"
    return Alert(
        kind="invalid_requests",
        model=check.model,
        # A cleared task compares with the same look of the run before.
        about=f"since {check.since:%Y-%m-%dT%H:%M:%S}" if check.since is not None else "first look",
        severity="warning",
        title=f"{check.model}: {check.share:.1%} of the rows of requests are outside the contract",
        text=as_lines([check.text, *columns]),
        facts={"since": since, "until": f"{check.until:%Y-%m-%d %H:%M} UTC"},
        links=dict(links),
        next_step="see who sends such rows, by the metric airworthy_refused_rows_total; correct "
        "the client or what the spec says of the column",
    )


def blind_monitor(decision: DriftDecision, links: Links) -> Alert | None:
    """Return the alert about windows in a row in which nothing could be judged.

    There is one after three windows, and one each time that their number has doubled.

    Args:
        decision: The decision on the newest window.
        links: Links to the evidence.
    """
    count, since, model = decision.blind_windows, decision.blind_since, decision.model
    doublings, rest = divmod(count, FIRST_BLIND_WINDOWS)
    if since is None or rest or doublings.bit_count() != 1:
        return None
    return Alert(
        kind="blind_monitor",
        model=model,
        about=f"{count} windows since {since:%Y-%m-%dT%H:%M}",
        severity="warning",
        title=f"{model}: nothing could be judged in {count} windows in a row",
        text=as_lines(
            [
                "The monitor is blind: no change would be noticed, and no training triggered.",
                *(f"{signal}: {words}" for signal, words in decision.words.items()),
            ]
        ),
        facts={"since": f"{since:%Y-%m-%d %H:%M} UTC", "champion": f"version {decision.champion}"},
        links={**links, "decision": decision.evidence},
        next_step="airworthy check proposes a window and minimums for the source's rows a day; "
        "look whether rows and labels still arrive",
    )


def _line(check: CheckResult) -> str:
    column = f"({check.column})" if check.column else ""
    return f"{check.check}{column}: {check.observed}"
