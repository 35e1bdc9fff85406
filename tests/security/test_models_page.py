"""The Models page in Airflow: nothing without a login, no act without the right, none by another site."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.operators.test_approval_brief import HANDED, RULES, RUN
from tests.security.models_page_site import (
    MODEL,
    SAME_SITE,
    SITE,
    Site,
    action_path,
    form_of,
    open_site,
    refusal,
    routes,
    send,
)

from airworthy.ledger import open_ledger
from airworthy.ledger.events import (
    AlertRaised,
    KillSwitchTurned,
    RolloutStopped,
    StagingCheck,
)
from airworthy.ledger.ledger_queries import of_kind
from airworthy.release.rollout_flags import kill_switch_is_on
from airworthy.traffic.current_traffic import current_traffic
from airworthy_airflow.models_page.actions import ACTIONS
from airworthy_airflow.models_page.form_token import FormToken
from airworthy_airflow.operators.approval_brief import approval_brief

BRIEF = approval_brief(RUN, HANDED, RULES)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A site with a model that has a champion and two earlier ones."""
    with open_site(tmp_path) as opened:
        opened.release("1", "2", "3")
        yield opened


@dataclass(frozen=True)
class Facts:
    """All that an action may change."""

    entries: int
    kill_switch: bool
    runs: int
    paused: dict[str, bool]
    audited: int


def facts(site: Site) -> Facts:
    """Return all that an action may change, as it is now."""
    return Facts(
        entries=len(open_ledger(site.environment, MODEL).entries()),
        kill_switch=kill_switch_is_on(site.environment.flags_address, MODEL),
        runs=len(site.runs(f"{MODEL}__train")) + len(site.runs(f"{MODEL}__rollback")),
        paused=site.paused(),
        audited=len(site.audited()),
    )


def make_possible(site: Site, action: str) -> str:
    """Bring the site into a state in which an action makes sense; return the run that waits, if any."""
    if action == "stop_rollout":
        site.begin_rollout("4", "3")
    if action == "unpause":
        site.paused(train=True)
    if action in ("approve", "reject"):
        return site.ask_for_approval(BRIEF)
    return ""


def test_no_route_answers_without_a_login(site: Site) -> None:
    """Nobody, a made-up token and a token of another key: 401 or 403, and no word of a model."""
    asked = routes(site)
    assert len(asked) >= 1 + 2 * len(ACTIONS)
    for (method, path), cookie in itertools.product(
        asked, ("", "x.y.z", "eyJhbGciOiJub25lIn0.e30.")
    ):
        with site.client(role=None) as nobody:
            if cookie:
                nobody.cookies.set("_token", cookie)
            answer = nobody.request(method, path, headers=SAME_SITE)
        assert answer.status_code in (401, 403), (method, path, answer.status_code)
        assert "rmse" not in answer.text
        assert answer.headers["cache-control"] == "no-store"


def test_a_viewer_reads_and_does_nothing(site: Site) -> None:
    """Every page is there to read. Every action is refused, with another user's form too."""
    viewer, op = site.client("viewer", "vic"), site.client("op")
    for method, path in routes(site):
        answer = viewer.request(method, path, headers=SAME_SITE)
        refused = "/actions/" in path or method != "GET"
        allowed = {403} if refused else {200, 404}  # Some routes are of runs, and there is none.
        assert answer.status_code in allowed, (method, path, answer.status_code)
        assert "<form" not in answer.text or 'method="post"' not in answer.text
    for action in ACTIONS:
        make_possible(site, action)
        form = form_of(op.get(action_path(action)))
        before = facts(site)
        sent = viewer.post(action_path(action), data=form | {"reason": "x"}, headers=SAME_SITE)
        assert refusal(sent).startswith("403: vic may look at")
        assert facts(site) == before


FORGED: dict[str, dict[str, str]] = {
    "nothing says where it comes from": {},
    "another site": {"origin": "http://evil.test", "sec-fetch-site": "cross-site"},
    "another site, without an origin": {"sec-fetch-site": "cross-site"},
    "another name of the same site": {"origin": SITE, "sec-fetch-site": "same-site"},
    "an address typed by the user": {"sec-fetch-site": "none"},
    "an old browser on another site": {"origin": "http://evil.test"},
    "a frame without an origin": {"origin": "null"},
    "another port": {"origin": f"{SITE}:8443"},
    "a name that begins alike": {"origin": f"{SITE}.evil.test"},
    "a name with a user": {"origin": "http://airflow.test@evil.test"},
    "no address": {"origin": "http://[", "sec-fetch-site": "same-origin"},
}


def test_another_site_does_nothing(site: Site) -> None:
    """Each action, sent from another site with the user's cookie, and even with a token: refused."""
    op = site.client("op")
    for action in ACTIONS:
        make_possible(site, action)
        form = form_of(op.get(action_path(action))) | {"reason": "forged"}
        before = facts(site)
        for words, headers in FORGED.items():
            sent = op.post(action_path(action), data=form, headers=headers)
            assert refusal(sent).startswith("403: this request does not come from"), (action, words)
        assert op.get(action_path(action), params=form).status_code == 200
        for method in ("PUT", "PATCH", "DELETE"):
            assert (
                op.request(method, action_path(action), data=form, headers=SAME_SITE).status_code
                == 405
            )
        assert facts(site) == before, action


def test_only_the_token_of_the_shown_form_opens_an_action(site: Site) -> None:
    """No token, a made-up one, and those of another user, model or action open nothing."""
    op, bob = site.client("op"), site.client("op", "bob")
    own = form_of(op.get(action_path("train")))
    others = {
        "none": "",
        "made up": "x" * 80,
        "cut off": own["token"][:-2],
        "another user's": form_of(bob.get(action_path("train")))["token"],
        "another action's": form_of(op.get(action_path("roll_back")))["token"],
        "another model's": FormToken.new("ada", "delivery_late", "train", "3").signed(),
    }
    before = facts(site)
    for words, token in others.items():
        sent = op.post(
            action_path("train"), data={"token": token, "reason": "x"}, headers=SAME_SITE
        )
        assert refusal(sent).startswith("403: the form was not made for you"), words
    path, filled = action_path("train"), own | {"reason": "x"}
    assert op.post(path, json=filled, headers=SAME_SITE).status_code == 415
    assert op.post(path, files={"token": b"x"}, headers=SAME_SITE).status_code == 415
    long = own | {"reason": "x" * 70_000}
    assert op.post(action_path("train"), data=long, headers=SAME_SITE).status_code == 413
    for reason in ("", " \r\n ", "x" * 1001, "a\x00b"):
        sent = op.post(action_path("train"), data=own | {"reason": reason}, headers=SAME_SITE)
        assert sent.status_code == 400
    assert facts(site) == before
    assert (
        op.post(action_path("train"), data=own | {"reason": "x"}, headers=SAME_SITE).status_code
        == 200
    )


def test_a_page_of_before_is_not_acted_on(site: Site) -> None:
    """A form of before the ledger's newest entry is refused; the page of now is another one."""
    op = site.client("op")
    for action in ("train", "approve", "reject", "stop_rollout", "roll_back"):
        make_possible(site, action)
        form = form_of(op.get(action_path(action))) | {"reason": "late"}
        site.record(AlertRaised(key=action, told=[], title="t", alert={}))
        before = facts(site)
        sent = op.post(action_path(action), data=form, headers=SAME_SITE)
        assert refusal(sent).startswith("409: the ledger or Airflow moved")
        assert ">late<" in sent.text
        assert facts(site) == before
        assert send(op, action).status_code == 200


def test_a_form_is_used_once(site: Site) -> None:
    """A form that is sent again does nothing more, and the audit log has who did it."""
    op = site.client("op")
    for action in ACTIONS:
        make_possible(site, action)
        form = form_of(op.get(action_path(action))) | {"reason": "once"}
        assert op.post(action_path(action), data=form, headers=SAME_SITE).status_code == 200
        after = facts(site)
        again = op.post(action_path(action), data=form, headers=SAME_SITE)
        assert refusal(again).startswith("409: this form was sent before")
        assert facts(site) == after
        assert site.audited()[-1] == (f"airworthy.{action}", "ada")


def test_train_starts_a_run_in_the_users_name(site: Site) -> None:
    """The note has the reason. A paused, missing or broken DAG, and a retired model are refused."""
    op = site.client("op")
    shown = op.get(action_path("train")).text
    assert "a person is asked for an approval" in shown
    assert "version 3 stays champion" in shown
    assert send(op, "train", "the source was mended").status_code == 200
    (run,) = site.runs(f"{MODEL}__train")
    assert (run.triggering_user_name, run.note, run.conf) == (
        "ada",
        "the source was mended",
        {"reason": "manual"},
    )
    site.paused(train=True)
    assert "delivery_eta__train is paused" in refusal(op.get(action_path("train")))


def test_roll_back_does_what_the_page_said(site: Site) -> None:
    """The run goes back from the shown champion: to the last good one, or to another chosen one."""
    op = site.client("op")
    assert "from version 3 back to version 2" in op.get(action_path("roll_back")).text
    assert send(op, "roll_back", "it is slow").status_code == 200
    chosen = op.get(action_path("roll_back"), params={"to_version": "1"})
    assert "from version 3 back to version 1" in chosen.text
    sent = op.post(
        action_path("roll_back"), data=form_of(chosen) | {"reason": "both"}, headers=SAME_SITE
    )
    assert sent.status_code == 200
    first, second = site.runs(f"{MODEL}__rollback")
    assert first.conf == {"to_version": None, "from_version": "3", "reason": "it is slow"}
    assert second.conf == {"to_version": "1", "from_version": "3", "reason": "both"}
    assert first.triggering_user_name == "ada"


def test_roll_back_takes_a_rollout_away_first(site: Site) -> None:
    """During a rollout the champion stays, and the challenger goes."""
    site.begin_rollout("4", "3")
    op = site.client("op")
    assert "Version 3 stays champion" in op.get(action_path("roll_back")).text
    assert send(op, "roll_back", "it is slow").status_code == 200
    (run,) = site.runs(f"{MODEL}__rollback")
    assert run.conf == {"to_version": None, "from_version": None, "reason": "it is slow"}


def test_what_makes_no_sense_now_is_refused_in_words(tmp_path: Path) -> None:
    """Each refusal is a page that says why, and what to do."""
    with open_site(tmp_path) as site:
        op = site.client("op")

        def refused(action: str, **query: str) -> str:
            return refusal(op.get(action_path(action), params=query))

        assert "there is no champion to roll back from" in refused("roll_back")
        assert "there is no rollout to stop" in refused("stop_rollout")
        assert "nothing waits for an approval" in refused("approve")
        assert "nothing waits for an approval" in refused("reject")
        assert "is unpaused already" in refused("unpause")
        site.release("1")
        assert "there is nothing to roll back to" in refused("roll_back")
        assert "never was champion" in refused("roll_back", to_version="9")
        site.paused(train=True, monitor=True, rollback=True)
        assert "is paused already" in refused("pause")
        assert "delivery_eta__rollback is paused" in refused("roll_back")
        assert refused("explode").startswith("404: there is no action explode")
        site.ask_for_approval(BRIEF)
        assert "waits for no answer any more" in refused("approve", run_id="manual__gone")
        assert op.get(action_path("train", "nobody")).status_code == 404
        site.environment.flags_file.write_text("no flags")
        assert "does not hold flags" in refused("kill_switch")


@pytest.mark.parametrize(("action", "option"), [("approve", "Approve"), ("reject", "Reject")])
def test_an_answer_goes_to_the_run_that_waits(site: Site, action: str, option: str) -> None:
    """Airflow records the user, the comment and the answer, and the task goes on."""
    run_id = site.ask_for_approval(BRIEF)
    staged = StagingCheck(version="7", passed=True, bundle_digest="d", reasons=[])
    site.record(staged, run_id=run_id)
    op = site.client("op")
    shown = op.get(action_path(action)).text
    assert f"{action} version 7 of the run" in shown
    assert "<table>" in shown
    assert send(op, action, "well done").status_code == 200
    assert site.answer_of(run_id) == ("ada", [option], {"comment": "well done"}, "scheduled")


def test_only_approvers_answer(site: Site) -> None:
    """Where the spec names approvers, others are refused; so is who triggered the run."""
    site.ask_for_approval(BRIEF, approvers=("bob",))
    assert "ada is none of the approvers" in refusal(
        site.client("admin").get(action_path("approve"))
    )
    assert send(site.client("user", "bob"), "approve").status_code == 200
    site.set_spec(release={"approval": {"by_other_than_trigger": True}})
    site.ask_for_approval(BRIEF, trigger="ada")
    assert "another person must approve" in refusal(site.client().get(action_path("approve")))
    assert send(site.client("op", "bob"), "approve").status_code == 200


def test_of_several_questions_the_shown_one_is_answered(site: Site) -> None:
    """The newest is shown first; the others are links."""
    older, newer = site.ask_for_approval(BRIEF), site.ask_for_approval(BRIEF)
    op = site.client("op")
    assert form_of(op.get(action_path("reject")))["run_id"] == newer
    page = op.get(action_path("reject"), params={"run_id": older})
    sent = op.post(action_path("reject"), data=form_of(page) | {"reason": "x"}, headers=SAME_SITE)
    assert sent.status_code == 200
    assert site.answer_of(newer)[0] is None
    assert site.answer_of(older)[0] == "ada"


def test_stop_rollout_is_in_the_ledger_in_the_users_name(site: Site) -> None:
    """All traffic is the champion's again, under the run of the rollout."""
    site.begin_rollout("4", "3")
    assert send(site.client("op"), "stop_rollout", "it is slow").status_code == 200
    (stopped,) = of_kind(open_ledger(site.environment, MODEL).entries(), RolloutStopped)
    assert (stopped.run_id, stopped.who, stopped.proved_by) == ("run-4", "ada", "airflow")
    assert stopped.event.reasons == ["stopped by a person: it is slow"]
    assert current_traffic(site.environment, MODEL).rollout is None


def test_the_kill_switch_goes_on_and_off(site: Site) -> None:
    """Each turn is in the ledger; an entry of others meanwhile does not keep it."""
    op, seen = site.client("op"), list[bool]()
    for _ in range(2):
        form = form_of(op.get(action_path("kill_switch"))) | {"reason": "an emergency"}
        site.record(AlertRaised(key=str(seen), told=[], title="t", alert={}, first=True))
        assert op.post(action_path("kill_switch"), data=form, headers=SAME_SITE).status_code == 200
        seen.append(kill_switch_is_on(site.environment.flags_address, MODEL))
    assert seen == [True, False]
    turns = of_kind(open_ledger(site.environment, MODEL).entries(), KillSwitchTurned)
    assert [(each.who, each.event.on) for each in turns] == [("ada", True), ("ada", False)]


def test_the_kill_switch_needs_no_ledger(site: Site) -> None:
    """In an emergency it is turned though the lake is away. The page says that it is not recorded."""
    (site.environment.state / "lake").rename(site.environment.state / "away")
    (site.environment.state / "lake").write_text("no folder")
    sent = send(site.client("op"), "kill_switch", "an emergency")
    assert "on now, but it is not recorded" in sent.text
    assert kill_switch_is_on(site.environment.flags_address, MODEL)
    assert site.audited()[-1] == ("airworthy.kill_switch", "ada")


def test_pause_leaves_the_guards_on(site: Site) -> None:
    """Watch and rollback are not paused; the user may leave out others; unpause takes them back."""
    op = site.client("op")
    assert send(op, "pause", dag=[f"{MODEL}__monitor", f"{MODEL}__rollback"]).status_code == 200
    assert site.paused() == {"train": False, "monitor": True, "rollback": False, "watch": False}
    assert send(op, "pause").status_code == 200
    assert site.paused() == {"train": True, "monitor": True, "rollback": False, "watch": False}
    site.paused(watch=True)
    assert send(op, "unpause").status_code == 200
    assert not any(site.paused().values())
    sent = send(op, "pause", dag=["delivery_late__train"])
    assert refusal(sent).startswith("400: no DAG is chosen")
