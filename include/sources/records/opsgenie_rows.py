"""One alert or incident of Opsgenie, or of Jira Service Management operations, as a row. Pure functions.

https://docs.opsgenie.com/docs/alert-api, https://docs.opsgenie.com/docs/incident-api and
https://developer.atlassian.com/cloud/jira/service-desk-ops/rest/v2/api-group-alerts/.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from include.datasets import ALERT, INCIDENT, canonical_labels
from include.sources.records.said import UNREADABLE, labels_of, text, text_or_none, time, time_or_none, unread

_CLOSED = "resolved"
_ALERT_STATUS = {"open": "firing", "acked": "firing", "acknowledged": "firing", "closed": _CLOSED, "resolved": _CLOSED}
_INCIDENT_STATUS = {"open": "open", "resolved": _CLOSED, "closed": _CLOSED}
_MARK = re.compile("[:=]")


def alert_row(alert: Any, service_labels: Sequence[str]) -> dict[str, Any]:
    """Return an alert as a row; what is no alert goes out with `raw`.

    A snoozed alert is suppressed. Tags such as `service:cart` and details become labels; the service is the first of
    `service_labels` that is there, else the alert's entity.
    """
    try:
        labels = _tags(alert) | _details(alert)
        labels |= labels_of(
            {
                "alias": alert.get("alias"),
                "entity": alert.get("entity"),
                "integration": (alert.get("integration") or {}).get("name") or alert.get("integrationName"),
                "owner_team": alert.get("ownerTeamId"),
                "source": alert.get("source"),
                "tiny_id": alert.get("tinyId"),
            }
        )
        starts_at, updated_at = time(alert["createdAt"]), time(alert["updatedAt"])
        status = _ALERT_STATUS[alert["status"]]
        identity = text(alert["id"])
        row = {
            "alert_id": identity,
            "fingerprint": text_or_none(alert.get("alias")) or identity,
            "name": text_or_none(alert.get("message")),
            "service": _service(labels, service_labels) or labels.get("entity"),
            "severity": text_or_none(alert.get("priority")),
            "status": "suppressed" if status == "firing" and alert.get("snoozed") is True else status,
            "starts_at": starts_at,
            "ends_at": _end(alert, starts_at, updated_at) if status == _CLOSED else None,
            "summary": text_or_none(alert.get("description")) or text_or_none(alert.get("message")),
            "labels": canonical_labels(labels),
            "url": None,
            "updated_at": updated_at,
            "deleted": False,
            "raw": None,
        }
    except UNREADABLE:
        return unread(ALERT.schema, alert)
    return row


def incident_row(incident: Any, service_labels: Sequence[str]) -> dict[str, Any]:
    """Return an incident as a row; what is no incident goes out with `raw`.

    The service is the first of `service_labels` among tags and extra properties, else the id of the first impacted
    service. A resolved incident ended with its impact, or with its last change where that was before it was opened.
    """
    try:
        labels = _tags(incident) | _details(incident)
        impacted = _list(incident.get("impactedServices"))
        labels |= labels_of(
            {
                "impact_end": incident.get("impactEndDate"),
                "impact_start": incident.get("impactStartDate"),
                "impacted_services": impacted,
                "owner_team": incident.get("ownerTeam"),
                "tiny_id": incident.get("tinyId"),
            }
        )
        opened_at, updated_at = time(incident["createdAt"]), time(incident["updatedAt"])
        status = _INCIDENT_STATUS[incident["status"]]
        impact_end = time_or_none(incident.get("impactEndDate"))
        ended_at = impact_end if impact_end is not None and impact_end >= opened_at else updated_at
        row = {
            "incident_id": text(incident["id"]),
            "title": text_or_none(incident.get("message")),
            "service": _service(labels, service_labels) or (text(impacted[0]) if impacted else None),
            "severity": text_or_none(incident.get("priority")),
            "status": status,
            "opened_at": opened_at,
            "acknowledged_at": None,
            "resolved_at": ended_at if status == _CLOSED else None,
            "cause": None,
            "outcome": None,
            "labels": canonical_labels(labels),
            "url": text_or_none((incident.get("links") or {}).get("web")),
            "updated_at": updated_at,
            "deleted": False,
            "raw": None,
        }
    except UNREADABLE:
        return unread(INCIDENT.schema, incident)
    return row


def _service(labels: Mapping[str, str], names: Sequence[str]) -> str | None:
    return next((labels[name] for name in names if labels.get(name)), None)


def _end(alert: Mapping[str, Any], starts_at: datetime, updated_at: datetime) -> datetime:
    """Return when an alert was closed: its report counts milliseconds from its creation."""
    lasted = (alert.get("report") or {}).get("closeTime")
    return updated_at if lasted is None else starts_at + timedelta(milliseconds=lasted)


def _tags(record: Mapping[str, Any]) -> dict[str, str]:
    """Return tags as labels: `name:value` and `name=value` under their name, the others together as `tags`."""
    named: dict[str, Any] = {}
    plain = []
    for tag in _list(record.get("tags")):
        name, *value = (part.strip() for part in _MARK.split(text(tag), maxsplit=1))
        if name and value and value[0]:
            named[name] = value[0]
        else:
            plain.append(tag)
    return labels_of({"tags": plain, **named})


def _list(value: Any) -> list[Any]:
    if not isinstance(value or [], list):
        raise TypeError("a list")
    return value or []


def _details(record: Mapping[str, Any]) -> dict[str, str]:
    return labels_of({**(record.get("details") or {}), **(record.get("extraProperties") or {})})
