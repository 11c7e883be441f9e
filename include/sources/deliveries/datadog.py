"""Datadog's webhook: no form of its own, so the payload is the template that the source card gives, filled in.

https://docs.datadoghq.com/integrations/webhooks/. `$ALERT_CYCLE_KEY` links what is said of one firing from its trigger
to its recovery; a recovery says neither when it began nor how severe it was, so earlier deliveries fill that in.
"""

import re
from collections.abc import Iterator
from typing import Any

from include.config.source import Feed
from include.sources.deliveries.version import (
    NotUnderstood,
    Version,
    firing_id,
    first_label,
    labels_text,
    moment,
    said,
)

_TRANSITION = re.compile(r"^\[[^\]]*\] *")
_OVER = frozenset({"recovered", "success"})
_ON = frozenset(
    {"triggered", "re-triggered", "no data", "re-no data", "warn", "re-warn", "renotify", "re-notify", "null"}
)


def read_datadog(document: Any, feed: Feed) -> Iterator[Version]:
    """Yield the one alert that a delivery tells of. Raises `NotUnderstood` for another template."""
    if not isinstance(document, dict):
        raise NotUnderstood("no object")
    word = said(document.get("alert_transition"))
    fingerprint = said(document.get("aggreg_key")) or said(document.get("alert_id"))
    at = moment(document.get("last_updated"), "ms") or moment(document.get("date"), "ms")
    if word is None or fingerprint is None or at is None:
        raise NotUnderstood("no alert_transition, aggreg_key or date: use the template of the source card")
    over, on = word.lower() in _OVER, word.lower() in _ON
    labels = _tags(document.get("tags")) | _tags(document.get("alert_scope"))
    cycle = said(document.get("alert_cycle_key"))
    happened = moment(document.get("date"), "ms") or at
    kind = said(document.get("alert_type"))
    title = said(document.get("alert_title")) or said(document.get("title"))
    yield Version(
        {
            "alert_id": f"{fingerprint}-{cycle}" if cycle else firing_id(fingerprint, None),
            "fingerprint": fingerprint,
            "name": _TRANSITION.sub("", title) if title else None,
            "service": first_label(labels, feed.service_labels),
            "severity": said(document.get("alert_priority")) or (kind if not over else None),
            "status": "resolved" if over else "firing" if on else word,
            "starts_at": None if over else happened,
            "ends_at": happened if over else None,
            "summary": said(document.get("alert_status")) or said(document.get("title")),
            "labels": labels_text(labels),
            "url": said(document.get("link")),
        },
        at,
    )


def _tags(value: Any) -> dict[str, str]:
    """Return Datadog's tags as labels: a comma-separated text or a list of `name:value`, or names alone."""
    words = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else []
    pairs = (str(word).strip().partition(":") for word in words if said(word))
    return {name: text or "true" for name, _, text in pairs if name}
