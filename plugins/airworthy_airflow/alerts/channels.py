"""Airflow's notifier for a channel of the environment. Providers are imported when needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airworthy.alerts.alert import Alert
from airworthy.spec.alerts_part import Channel, EmailChannel, SlackChannel, WebhookChannel
from airworthy_airflow.alerts import rendering

if TYPE_CHECKING:
    from airflow.sdk import BaseNotifier

_SECONDS = 15
"""Timeout of a channel, in seconds: a task waits for it."""


def notifier_for(channel: Channel, alert: Alert) -> BaseNotifier:
    """Return the notifier for an alert.

    Call its `notify`. A call of the notifier itself would render the alert's words as a template,
    and they may come from anybody.
    """
    match channel:
        case SlackChannel():
            return _slack(channel, alert)
        case EmailChannel():
            return _email(channel, alert)
        case WebhookChannel():
            return _webhook(channel, alert)


def _slack(channel: SlackChannel, alert: Alert) -> BaseNotifier:
    text, blocks = rendering.slack_text(alert), rendering.slack_blocks(alert)
    if channel.channel is None:
        from airflow.providers.slack.notifications.slack_webhook import SlackWebhookNotifier

        return SlackWebhookNotifier(
            slack_webhook_conn_id=channel.connection,
            text=text,
            blocks=blocks,
            unfurl_links=False,
            timeout=_SECONDS,
        )
    from airflow.providers.slack.notifications.slack import SlackNotifier

    return SlackNotifier(
        slack_conn_id=channel.connection,
        channel=channel.channel,
        text=text,
        blocks=blocks,
        username="Airworthy",
        unfurl_links=False,
        timeout=_SECONDS,
    )


def _email(channel: EmailChannel, alert: Alert) -> BaseNotifier:
    from airflow.providers.smtp.notifications.smtp import SmtpNotifier

    return SmtpNotifier(
        smtp_conn_id=channel.connection,
        to=list(channel.to),
        subject=rendering.email_subject(alert),
        html_content=rendering.email_html(alert),
    )


def _webhook(channel: WebhookChannel, alert: Alert) -> BaseNotifier:
    from airworthy_airflow.alerts.webhook import WebhookNotifier

    return WebhookNotifier(channel, alert)
