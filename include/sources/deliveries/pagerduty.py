"""PagerDuty's webhooks, version 3: one event each, of an incident or of a service.

https://developer.pagerduty.com/docs/webhooks-overview. Deliveries may come out of order, so an event's own time says
which version is newer. Notes, responders and status updates name their incident only, not what became of it: they
give no row here.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from include.config.source import Feed
from include.sources.deliveries.version import NotUnderstood, Version, labels_text, moment, said, unreadable

_STATUS = {"triggered": "open", "acknowledged": "acknowledged", "resolved": "resolved"}


def read_pagerduty(document: Any, feed: Feed) -> Iterator[Version]:
    """Yield what an event says of an incident, or of a change of a service. Raises `NotUnderstood` for no event."""
    event = document.get("event") if isinstance(document, dict) else None
    kind = event.get("event_type") if isinstance(event, dict) else None
    if not isinstance(event, dict) or not isinstance(kind, str) or not isinstance(event.get("data"), dict):
        raise NotUnderstood("no event with its data")
    of_what = kind.partition(".")[0]
    if of_what not in {"incident", "service", "pagey"}:
        raise NotUnderstood(f"an event of the unknown type {kind[:60]}")
    data, at = event["data"], moment(event.get("occurred_at"))
    if feed.dataset == "incident" and of_what == "incident" and data.get("type") == "incident":
        yield _incident(event, data, at)
    if feed.dataset == "change_event" and of_what == "service":
        yield _change(event, data, kind, at)


def _incident(event: dict[str, Any], data: dict[str, Any], at: datetime | None) -> Version:
    incident_id, opened_at, status = said(data.get("id")), moment(data.get("created_at")), said(data.get("status"))
    if incident_id is None or at is None:
        return unreadable("incident", {"event": event})
    reason = data.get("resolve_reason")
    labels = {
        "incident_key": said(data.get("incident_key")),
        "number": said(data.get("number")),
        "urgency": said(data.get("urgency")),
        "escalation_policy": _name(data.get("escalation_policy")),
        "teams": ", ".join(filter(None, map(_name, _list(data.get("teams"))))) or None,
    }
    return Version(
        {
            "incident_id": incident_id,
            "title": said(data.get("title")),
            "service": _name(data.get("service")),
            "severity": _name(data.get("priority")) or said(data.get("urgency")),
            "status": _STATUS.get(status or "", status),
            "opened_at": opened_at,
            "acknowledged_at": at if status == "acknowledged" else None,
            "resolved_at": at if status == "resolved" else None,
            "outcome": said(reason.get("type")) if isinstance(reason, dict) else None,
            "labels": labels_text({name: text for name, text in labels.items() if text}),
            "url": said(data.get("html_url")),
        },
        at,
    )


def _change(event: dict[str, Any], data: dict[str, Any], kind: str, at: datetime | None) -> Version:
    change_id, service = said(event.get("id")), said(data.get("summary")) or said(data.get("name"))
    if change_id is None or at is None:
        return unreadable("change_event", {"event": event})
    labels = {"event_type": kind, "service_id": said(data.get("id")) or ""}
    return Version(
        {
            "change_id": change_id,
            "kind": "configuration",
            "service": service,
            "title": f"PagerDuty service {service}: {kind.partition('.')[2].replace('_', ' ')}",
            "started_at": at,
            "ended_at": at,
            "labels": labels_text(labels),
            "url": said(data.get("html_url")),
        },
        at,
    )


def _name(reference: Any) -> str | None:
    """Return what PagerDuty calls a thing that it refers to."""
    return said(reference.get("summary")) or said(reference.get("name")) if isinstance(reference, dict) else None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
