"""Alertmanager's webhook, version 4: a group of alerts, each with the state that it has now.

https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from include.config.source import Feed
from include.sources.deliveries.version import (
    NotUnderstood,
    Version,
    firing_id,
    first_label,
    label_set,
    labels_text,
    moment,
    said,
    unreadable,
)
from include.sources.prometheus.firings import fingerprint

_SUMMARY = ("summary", "message", "description")
Url = Callable[[Mapping[str, Any]], str | None]


def read_alertmanager(document: Any, feed: Feed) -> Iterator[Version]:
    """Yield the alerts of a group. Raises `NotUnderstood` for what is no group."""
    return read_group(document, feed, lambda alert: said(alert.get("generatorURL")))


def left_out(document: Any) -> int:
    """Return how many alerts of its group a delivery left out, because `max_alerts` said so."""
    number = document.get("truncatedAlerts") if isinstance(document, dict) else 0
    return number if isinstance(number, int) and number > 0 else 0


def read_group(document: Any, feed: Feed, url: Url) -> Iterator[Version]:
    """Yield the alerts of a group in Alertmanager's form; `url` says where an alert links to."""
    alerts = document.get("alerts") if isinstance(document, dict) else None
    if not isinstance(alerts, list):
        raise NotUnderstood("no list of alerts")
    return (_alert(alert, feed, url) for alert in alerts)


def _alert(alert: Any, feed: Feed, url: Url) -> Version:
    starts_at = moment(alert.get("startsAt")) if isinstance(alert, dict) else None
    if starts_at is None or not isinstance(alert.get("labels"), dict):
        return unreadable("alert", alert)
    labels = label_set(alert["labels"])
    notes = label_set(alert.get("annotations"))
    identity = said(alert.get("fingerprint")) or fingerprint(labels)
    status = said(alert.get("status"))
    ends_at = moment(alert.get("endsAt")) if status == "resolved" else None
    return Version(
        {
            "alert_id": firing_id(identity, starts_at),
            "fingerprint": identity,
            "name": labels.get("alertname"),
            "service": first_label(labels, feed.service_labels),
            "severity": labels.get(feed.severity_label),
            "status": status,
            "starts_at": starts_at,
            "ends_at": ends_at,
            "summary": first_label(notes, _SUMMARY) or labels.get("alertname"),
            "labels": labels_text(labels),
            "url": url(alert),
        }
    )
