"""The pages in a real Airflow: database, login, DAGs, ledger."""

from __future__ import annotations

import json
from html import unescape

import pytest
from tests.operators.test_approval_brief import HANDED, RULES, RUN
from tests.security.models_page_site import MODEL, Site, plugin_class
from tests.security.pages import read_page

from airworthy.ledger import open_ledger
from airworthy_airflow.operators.approval_brief import approval_brief

BELOW = f"/airworthy/models/{MODEL}"
PAGES = [
    "/airworthy/",
    BELOW,
    f"{BELOW}/ledger",
    f"{BELOW}/ledger?at=2026-03-20T10:30",
    f"{BELOW}/versions",
    f"{BELOW}/lineage",
]


def test_the_list_says_what_serves_and_how_traffic_is_split(site: Site) -> None:
    (line,) = site.client("viewer").get("/airworthy/api/models").json()["models"]
    assert (line["model"], line["champion"]) == (MODEL, "2")
    assert {share["version"]: share["percent"] for share in line["traffic"]} == {"2": 90, "3": 10}
    assert line["airflow"]["known"]
    text = site.client("viewer").get("/airworthy/").text
    assert f'href="/airworthy/models/{MODEL}"' in text
    assert "challenger" in text


def test_the_list_can_be_filtered_and_sorted_by_its_address(site: Site) -> None:
    client = site.client("viewer")
    assert "No model fits this filter" in client.get("/airworthy/?q=nothing_like_it").text
    assert 'aria-sort="descending"' in client.get("/airworthy/?sort=model&order=desc").text
    assert client.get("/airworthy/?sort=colour").status_code == 422
    assert client.get("/airworthy/?q=" + "x" * 300).status_code == 422


@pytest.mark.parametrize("path", PAGES)
def test_a_page_loads_only_files_of_this_site_and_runs_no_text(site: Site, path: str) -> None:
    response = site.client("viewer").get(path)
    assert response.status_code == 200, response.text
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert response.headers["cache-control"] == "no-store"
    page = read_page(response.text)
    loaded = [each.get("src") for each in page.all("script") if each.get("type") is None]
    loaded += [each.get("href") for each in page.all("link") if each.get("rel") == "stylesheet"]
    assert loaded
    for address in loaded:
        assert address is not None
        assert address.startswith("/airworthy/static/")
        assert site.client(None).get(address).status_code == 200
    for _, attributes in page.elements:
        assert not [name for name in attributes if name == "style" or name.startswith("on")]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_landmarks_one_heading_and_a_caption_for_each_table(
    site: Site, path: str
) -> None:
    page = read_page(site.client("viewer").get(path).text)
    assert page.names.count("h1") == 1
    assert page.names.count("main") == 1
    assert page.names.count("table") == page.names.count("caption")
    labelled = {each.get("for") for each in page.all("label")}
    fields = [*page.all("input"), *page.all("select")]
    assert {each.get("id") for each in fields if each.get("type") != "hidden"} <= labelled


def test_the_page_of_a_model_shows_buttons_to_those_who_may_press_them(site: Site) -> None:
    assert "/actions/" not in site.client("viewer").get(BELOW).text
    text = site.client("op").get(BELOW).text
    assert f"{BELOW}/actions/stop_rollout" in text
    assert f"{BELOW}/actions/roll_back" in text
    assert f"{BELOW}/actions/approve" not in text


def test_a_question_of_a_run_is_shown_until_it_is_answered(site: Site) -> None:
    site.ask_for_approval(approval_brief(RUN, HANDED, RULES))
    (line,) = site.client("op").get("/airworthy/api/models?only=needs").json()["models"]
    assert line["airflow"]["asking_run_id"]
    assert "a run asks for an answer" in line["needs"]
    assert f"{BELOW}/actions/approve" in site.client("op").get(BELOW).text


def test_an_auditor_finds_what_served_at_a_time(site: Site) -> None:
    moves = open_ledger(site.environment, MODEL).entries()
    client = site.client("viewer")
    between = moves[0].moment.isoformat()
    found = client.get(f"{BELOW}/ledger", params={"at": between}).text
    assert "version 1</strong> served" in found
    assert "no version</strong> served" in client.get(f"{BELOW}/ledger?at=2001-01-01").text
    later = client.get(f"{BELOW}/ledger?at=2100-01-01").text
    assert "version 2</strong> served" in later
    assert "still to come" in later
    refused = client.get(f"{BELOW}/ledger?at=<b>Tuesday")
    assert refused.status_code == 422
    assert "This is no time: <b>Tuesday" in unescape(refused.text)


def test_every_entry_is_on_the_time_line_and_older_ones_are_a_link_away(site: Site) -> None:
    entries = open_ledger(site.environment, MODEL).entries()
    page = read_page(site.client("viewer").get(f"{BELOW}/ledger").text)
    ids = [each["id"] for each in page.all("li") if str(each.get("id", "")).startswith("entry-")]
    assert ids == [f"entry-{entry.sequence}" for entry in reversed(entries)]
    first = entries[0].sequence
    older = read_page(site.client("viewer").get(f"{BELOW}/ledger?before={first + 1}").text)
    assert [each["id"] for each in older.all("li") if each.get("id")] == [f"entry-{first}"]


def test_the_data_of_the_chart_is_json_that_ends_no_script(site: Site) -> None:
    text = site.client("viewer").get(BELOW).text
    inner = text.partition('id="quality-data">')[2].partition("</script>")[0]
    assert not {"<", ">", "&"} & set(inner)
    assert [mark["kind"] for mark in json.loads(inner)["marks"]][:2] == ["release", "release"]


@pytest.mark.parametrize(
    "path",
    [
        "/models/nobody",
        "/models/nobody/ledger",
        "/models/nobody/versions",
        "/models/nobody/lineage",
        "/api/models/nobody",
        f"/models/{MODEL}/versions?left=99&right=98",
        f"/models/{MODEL}/lineage?node=version:99",
        "/models/..%2f..%2fetc",
    ],
)
def test_what_is_not_there_is_a_page_that_says_so(site: Site, path: str) -> None:
    response = site.client("op").get(f"/airworthy{path}")
    assert response.status_code in (404, 422)
    assert "Traceback" not in response.text


def test_a_model_whose_spec_has_faults_is_listed_with_them(site: Site) -> None:
    path = site.environment.models / MODEL / "model.yaml"
    kept = path.read_text(encoding="utf-8")
    try:
        path.write_text("model: [", encoding="utf-8")
        (line,) = site.client("op").get("/airworthy/api/models?only=needs").json()["models"]
        assert line["faults"]
        assert site.client("op").get(BELOW).status_code == 200
    finally:
        path.write_text(kept, encoding="utf-8")


def test_the_page_is_in_airflows_navigation(site: Site) -> None:
    (view,) = plugin_class().external_views
    assert view["destination"] == "nav"
    # Airflow shows an icon of a plugin as an image without a text for those who do not see it.
    assert "icon" not in view
    assert site.client("viewer").get(f"/{view['href']}").status_code == 200
