"""An alert in the forms of Slack, e-mail and webhooks. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any

from airworthy.alerts.alert import Alert
from airworthy.shown_text import one_line, visible

_SIGNS = {"critical": ":rotating_light:", "warning": ":warning:"}
# Slack refuses longer parts of a message.
_TITLE, _SECTION, _FIELD, _FIELDS = 150, 3000, 2000, 10


def slack_text(alert: Alert) -> str:
    """Return the text of Slack's notification."""
    return _slack(one_line(f"{_SIGNS[alert.severity]} {alert.title}"))


def slack_blocks(alert: Alert) -> list[dict[str, Any]]:
    """Return the message in Slack's Block Kit: title, text, facts, next step, evidence."""
    title = _cut(one_line(f"{_SIGNS[alert.severity]} {alert.title}"), _TITLE)
    facts = [
        _markdown(f"*{_slack(name)}*\n{_slack(one_line(value))}", _FIELD)
        for name, value in list(alert.facts.items())[:_FIELDS]
    ]
    links = "\n".join(_slack_link(name, one_line(link)) for name, link in alert.links.items())
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": title, "emoji": True}},
        {"type": "section", "text": _markdown(_slack(visible(alert.text)), _SECTION)},
        {"type": "section", "fields": facts} if facts else None,
        {
            "type": "section",
            "text": _markdown(f"*Next:* {_slack(one_line(alert.next_step))}", _SECTION),
        },
        {"type": "context", "elements": [_markdown(links, _SECTION)]} if links else None,
    ]
    return [block for block in blocks if block is not None]


def email_subject(alert: Alert) -> str:
    """Return the subject, on one line."""
    return one_line(" ".join(f"[Airworthy] {alert.severity}: {alert.title}".split()))


def email_html(alert: Alert) -> str:
    """Return the body of the e-mail."""
    rows = [(name, escape(one_line(value))) for name, value in alert.facts.items()]
    rows += [(name, _html_link(one_line(link))) for name, link in alert.links.items()]
    table = "".join(
        f"<tr><td><b>{escape(name)}</b></td><td>{value}</td></tr>" for name, value in rows
    )
    paragraphs = "".join(f"<p>{escape(line)}</p>" for line in visible(alert.text).split("\n"))
    next_step = f"<p><b>Next:</b> {escape(one_line(alert.next_step))}</p>"
    return f"<h2>{escape(one_line(alert.title))}</h2>{paragraphs}{next_step}<table>{table}</table>"


def webhook_json(alert: Alert) -> dict[str, Any]:
    """Return the body for a webhook: the whole alert, and a key that is the same for a repetition."""
    return {"key": f"{alert.model}:{alert.key}", **alert.model_dump(mode="json")}


def plain_text(alert: Alert, channels: Iterable[str]) -> str:
    """Return the alert for a log, with the names of its channels."""
    names = ", ".join(channels) or "nobody: the environment has no channel for it"
    return "\n".join([*alert.lines, f"  told: {names}"])


def _slack(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _markdown(text: str, limit: int) -> dict[str, str]:
    return {"type": "mrkdwn", "text": _cut(text, limit)}


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _slack_link(name: str, link: str) -> str:
    return (
        f"<{_slack(link)}|{_slack(name)}>"
        if _is_address(link)
        else f"{_slack(name)}: `{_slack(link)}`"
    )


def _html_link(link: str) -> str:
    shown = escape(link)
    return f'<a href="{shown}">{shown}</a>' if _is_address(link) else f"<code>{shown}</code>"


def _is_address(link: str) -> bool:
    return link.startswith(("http://", "https://"))
