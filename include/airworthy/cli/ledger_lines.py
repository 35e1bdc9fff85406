"""One line for each entry of a ledger, in words. Pure; the whole of an entry is what ``--json`` prints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airworthy.ledger import Entry

Facts = dict[str, Any]


def ledger_line(entry: Entry) -> str:
    """Return number, time, kind, who, and what was decided and why."""
    told = _WORDS.get(entry.kind)
    words = told(entry.facts) if told else entry.payload
    return f"{entry.sequence:>4}  {entry.time}  {entry.kind:<16}  {entry.who}  {words}"


def _verdict(facts: Facts) -> str:
    against = f"against version {facts['champion']}" if facts.get("champion") else "without a champion"
    return _because(f"{facts['outcome']} {against}", facts["reasons"])


def _registration(facts: Facts) -> str:
    return f"version {facts['version']} is {facts['validation_status']}"


def _staging(facts: Facts) -> str:
    measured = ""
    if facts.get("rows"):
        measured = f" ({facts['rows']} rows, p50 {facts['p50_ms']:.2f} ms, p99 {facts['p99_ms']:.2f} ms)"
    outcome = "fit for production" if facts["passed"] else "not fit"
    return _because(f"version {facts['version']} is {outcome}{measured}", facts["reasons"])


def _approval(facts: Facts) -> str:
    done = {"approve": "approved", "reject": "rejected", "timeout": "not approved in time"}[facts["decision"]]
    return _because(f"version {facts['version']} is {done}", [facts["comment"]] if facts["comment"] else [])


def _alias_move(facts: Facts) -> str:
    before = f"version {facts['from']}" if facts["from"] else "nothing"
    return _because(f"champion: {before} -> version {facts['to']}", [facts.get("reason", "")])


def _rollout_step(facts: Facts) -> str:
    words = f"version {facts['version']} {_step(facts)}"
    if facts["state"] == "begun":
        return f"{words} began, beside version {facts['champion']}, until {facts['until']}"
    seen = facts.get("challenger_figures")
    counted = f" ({seen['requests']} requests, {seen['errors']} errors)" if seen else ""
    judged = ", ".join(facts["judged"]) or "nothing"
    return _because(f"{words} ended well{counted}; judged: {judged}", [f"not {text}" for text in facts["missing"]])


def _stopped(facts: Facts) -> str:
    words = f"version {facts['version']} {_step(facts)} was ended: all traffic is on version {facts['champion']}"
    return _because(words, facts["reasons"])


def _rollback(facts: Facts) -> str:
    return _because(f"version {facts['from']} -> version {facts['to']}", [facts["reason"]])


def _staleness(facts: Facts) -> str:
    done = "written to the spec" if facts["written"] else "not written to the spec"
    return f"{facts['metric']} by age up to {facts['end'][:10]}: {facts['limit']['told']} ({done})"


def _alert(facts: Facts) -> str:
    return f"{facts['title']} (told: {', '.join(facts['told']) or 'nobody'})"


def _drift_decision(facts: Facts) -> str:
    fired = ", ".join(sorted(name for name, said in facts["signals"].items() if said == "fired")) or "nothing"
    asked = f" -> run {facts['train_run_id']}" if facts["trigger"] else ""
    return f"{facts['outcome']}: {facts['told']} (until {facts['window_end'][:16]}: {fired} fired){asked}"


def _step(facts: Facts) -> str:
    return "shadow" if facts["step"] == "shadow" else f"{facts['step']} %"


def _because(words: str, reasons: list[str]) -> str:
    return f"{words}: {'; '.join(reasons)}" if reasons else words


_WORDS: dict[str, Callable[[Facts], str]] = {
    "verdict": _verdict,
    "registration": _registration,
    "staging": _staging,
    "approval": _approval,
    "alias_move": _alias_move,
    "rollout_step": _rollout_step,
    "guard_trip": _stopped,
    "rollout_stopped": _stopped,
    "rollback_started": _rollback,
    "rollback": _rollback,
    "alert": _alert,
    "staleness": _staleness,
    "drift_decision": _drift_decision,
}
