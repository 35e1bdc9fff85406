"""What people, data and clients write is text on every page inside Airflow: it runs and turns nothing."""

from __future__ import annotations

import unicodedata
from pathlib import Path

from tests.operators.test_approval_brief import HANDED, RULES, RUN
from tests.security.models_page_site import (
    MODEL,
    NOON,
    Answer,
    Site,
    action_path,
    open_site,
    routes,
    send,
)
from tests.security.pages import read_page

from airworthy.ledger.events import (
    AlertRaised,
    AliasMove,
    ApprovalAnswered,
    RollbackCompleted,
    RollbackStarted,
    StagingCheck,
    VerdictReached,
)
from airworthy_airflow.models_page.actions import ACTIONS
from airworthy_airflow.operators.approval_brief import Brief, approval_brief

ATTACKS = [
    "<img src=x onerror=alert('attacked')>",
    "\"><script>document.title='attacked'</script>",
    "</textarea></script><svg onload=alert(`attacked`)>",
    "{{ 7 * 191 }}{% raw %}",
    "[click](javascript:alert(1)) ![x](https://attacked.example/x.png) javascript:alert(1)",
    "<base href=https://attacked.example>",
    "a\u202eb\u2066c\x1b[2Kd\x07e\u2028f\rg",
]
HOSTILE = " ".join(ATTACKS)
HARMLESS = "nothing in particular"
_KEPT = "\n\t\u200c\u200d"


def tell_everything(site: Site, text: str) -> None:
    """Put a text everywhere where people, data and clients write one."""
    site.release("1", "2")
    verdict = VerdictReached(
        outcome="fail", reasons=[text], champion="2", waivers=[text], champion_failing=[text]
    )
    rolled_back = {"from_": "2", "to": "1", "reason": text, "named": True}
    site.record(
        verdict,
        StagingCheck(version="3", passed=True, bundle_digest="d", reasons=[text]),
        ApprovalAnswered(
            version="3", bundle_digest="d", decision="approve", comment=text, at=NOON, user=text
        ),
        AlertRaised(key=text, told=[text], title=text, alert={"title": text, "kind": text}),
        RollbackStarted(**rolled_back),
        RollbackCompleted(**rolled_back, started_by=text, parity_rows=1, max_difference=0.0),
        AliasMove(to="3", from_="1", bundle_digest="d", reason=text),
        run_id=text,
        who=text,
    )
    site.begin_rollout("4", "3")


def hostile_brief(text: str) -> Brief:
    """Return the question of a run whose data, person and gates are this text."""
    gate = {"gate": text, "outcome": "fail", "value": 1.0, "threshold": 2.0, "n": 9, "reason": text}
    verdict = HANDED["verdict"] | {"gates": [gate], "waivers": [text], "champion_failing": [text]}
    run = RUN.model_copy(update={"requested_by": text, "run_id": text})
    parity = HANDED["parity"] | {"waivers": [text]}
    return approval_brief(run, HANDED | {"verdict": verdict, "parity": parity}, RULES)


def shown_pages(site: Site, text: str) -> dict[str, Answer]:
    """Return every page that an operator may open, and those of acts and refusals."""
    tell_everything(site, text)
    site.ask_for_approval(hostile_brief(text))
    op = site.client("op", text)
    pages: dict[str, Answer] = {
        f"{method} {path}": op.get(path) for method, path in routes(site) if method == "GET"
    }
    site.paused(monitor=True)
    for query in ("to_version", "run_id", "node", "at", "left", "right", "sort", "owner", text):
        for path in ("roll_back", "approve", text.replace("/", "")):
            pages[f"actions/{path}?{query}"] = op.get(action_path(path), params={query: text})
        for path in ("", f"models/{MODEL}", f"models/{MODEL}/ledger", f"models/{MODEL}/versions"):
            pages[f"{path}?{query}"] = op.get(f"/airworthy/{path}", params={query: text})
    pages["no model"] = op.get(action_path("train", text.replace("/", "")))
    for action in ("unpause", "stop_rollout", "kill_switch", "roll_back", "approve"):
        pages[f"done: {action}"] = send(op, action, text)
    return pages


def test_hostile_text_is_text_on_every_page(tmp_path: Path) -> None:
    """Each page has the elements that it has with harmless texts, and no character acts or turns."""
    with open_site(tmp_path / "harmless", HARMLESS, HARMLESS) as site:
        harmless = shown_pages(site, HARMLESS)
    with open_site(tmp_path / "hostile", HOSTILE, HOSTILE) as site:
        hostile = shown_pages(site, HOSTILE)
    for (name, page), expected in zip(hostile.items(), harmless.values(), strict=True):
        assert page.status_code == expected.status_code, (name, page.text)
        if page.headers["content-type"] == "application/json":
            assert page.headers["x-content-type-options"] == "nosniff"
            continue
        assert elements(page.text) == elements(expected.text), name
        assert acting_characters(page.text) == set(), name
        assert "1337" not in page.text
    assert sum("onerror" in page.text for page in hostile.values()) > len(ACTIONS)


def elements(text: str) -> list[tuple[str, list[str]]]:
    """Return the elements of a page, each with the names of its attributes.

    The code spans of a question are as many as its words are, and are left out.
    """
    found = [(name, sorted(attributes)) for name, attributes in read_page(text).elements]
    return [each for each in found if each[0] not in ("code", "br")]


def acting_characters(text: str) -> set[str]:
    """Return the control and bidi characters of a page, but those in fields that the user filled."""
    page = read_page(text)
    shown = page.texts + [
        value or "" for name, each in page.elements if name != "input" for value in each.values()
    ]
    return {
        char
        for char in "".join(shown)
        if unicodedata.category(char) in {"Cc", "Cf", "Zl", "Zp", "Cs"} and char not in _KEPT
    }
