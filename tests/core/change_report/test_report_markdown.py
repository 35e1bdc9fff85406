"""The report as people see it: rendered by a Markdown parser, with nothing of the data as markup."""

from __future__ import annotations

from pathlib import Path

from markdown_it import MarkdownIt

from airworthy.change_report.find_champion import Opponent
from airworthy.change_report.markdown import MAX_CHARACTERS, as_text, report_markdown
from airworthy.change_report.report import ChangeReport, ModelReport
from airworthy.change_report.sample_run import SampleRun, StoppedStage
from airworthy.change_report.spec_changes import FileDiff, KeyChange
from airworthy.change_report.touched_models import TouchedModel
from airworthy.handover import GateOutcome, Verdict
from airworthy.model_tests.part_result import PartResult

HOSTILE = (
    "a|b `c` *d* <img src=x onerror=alert(1)> [e](https://x.example) @team #1\n# big \u202e\udcff"
)
GATE = GateOutcome(
    gate=HOSTILE, outcome="fail", value=1.5, threshold=1.0, interval=(1.2, 1.8), n=9, reason=HOSTILE
)
VERDICT = Verdict(
    model="m", run_id="r", mlflow_run_id="f", dataset_digest="d", outcome="fail", releasable=False,
    champion_version="base", gates=[GATE], holdout_rows=9, waivers=[HOSTILE],
    metrics={"challenger": {"rmse": 1.0}, "champion": {"rmse": 2.0}},
    slices={HOSTILE: {f"{HOSTILE}{number}": {"rows": number, "rmse": 1.0} for number in range(40)}},
)  # fmt: skip


def report(*models: ModelReport) -> ChangeReport:
    return ChangeReport("b" * 40, "a" * 40, [HOSTILE], list(models), HOSTILE)


def hostile_model() -> ModelReport:
    return ModelReport(
        TouchedModel("m", "changed", own=(HOSTILE,), data=(HOSTILE,), shared=(HOSTILE,)),
        keys=[KeyChange(HOSTILE, HOSTILE, None, judges=True)],
        diffs=[FileDiff(HOSTILE, f"+{HOSTILE}\n```\n</details>"), FileDiff("x", None)],
        tests=[PartResult("check", "fail", HOSTILE, [HOSTILE])],
        opponent=Opponent(HOSTILE),
        run=SampleRun(verdict=VERDICT, stopped=StoppedStage("register", HOSTILE, transient=False)),
    )


def rendered(text: str) -> str:
    """Render as GitHub does: tables, links of bare addresses, and no HTML but the page's own."""
    return str(MarkdownIt("commonmark", {"html": True}).enable("table").render(text))


def test_nothing_of_people_or_data_becomes_markup() -> None:
    html = rendered(report_markdown(report(hostile_model())))
    assert html.encode()  # A file's name may be no UTF-8.
    assert "<img" not in html
    assert "<a href" not in html
    assert "<em>" not in html
    assert html.count("<h1>") == 1
    assert "\u202e" not in html
    assert html.count("<table>") >= 5
    assert html.count("<details>") == html.count("</details>")
    assert "<td><code>a|b" in html


def test_people_are_not_called_and_issues_not_linked_by_texts() -> None:
    assert "@\u2060team" in as_text("ask @team")
    assert "#\u20601" in as_text("as in #1").replace("\\", "")
    assert "://\u2060x" in as_text("see https://x.example").replace("\\", "")


def test_a_report_fits_into_a_comment_and_ends_what_it_began() -> None:
    models = [hostile_model() for _ in range(20)]
    text = report_markdown(report(*models))
    assert len(text) < MAX_CHARACTERS + 500
    assert "The report was cut here" in text.splitlines()[-1]
    assert "cut here" in rendered(text)


def test_a_change_without_a_model_says_that_nothing_was_trained() -> None:
    text = report_markdown(report())
    assert text.startswith("# ✅ Models: may be merged")
    assert "No model is touched: nothing was trained." in text


def test_links_lead_to_the_folder_of_the_files(tmp_path: Path) -> None:
    model = ModelReport(TouchedModel("m", "changed"), run=SampleRun(files={"evaluation.png": b""}))
    text = report_markdown(report(model), "https://ci.example/1/")
    assert "(https://ci.example/1/m-evaluation.png)" in text
    assert "(m-evaluation.png)" in report_markdown(report(model))
