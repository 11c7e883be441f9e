"""One incident of PagerDuty as a row, as it was at a moment: its own record and what its log says up to then.

Pure functions; the form: https://developer.pagerduty.com/api-reference/9d0b4b12e36f9-list-incidents.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from include.datasets import INCIDENT, canonical_labels
from include.severity import SEVERITIES
from include.sources.records.pagerduty_log import Heard
from include.sources.records.said import UNREADABLE, labels_of, text, text_or_none, time, time_or_none, unread

_STATUS = {"triggered": "open", "acknowledged": "acknowledged", "resolved": "resolved"}


def incident_row(incident: Any, heard: Heard | None, end: datetime) -> dict[str, Any]:
    """Return an incident as it was just before `end`; what is no incident goes out with `raw`.

    `heard` is what its log says up to `end`, None where the log is silent. Title, service, priority and labels are
    those of now, because PagerDuty keeps no history of them.
    """
    try:
        opened_at = time(incident["created_at"])
        status = _status(incident, heard, end)
        acknowledged_at = (heard and heard.acknowledged_at) or _first_acknowledgement(incident, end)
        resolved_at = None
        if status == "resolved":
            ended = (heard and heard.resolved_at) or time_or_none(incident.get("resolved_at"))
            resolved_at = ended or time(incident["last_status_change_at"])
        row = {
            "incident_id": text(incident["id"]),
            "title": text_or_none(incident.get("title")) or text_or_none(incident.get("summary")),
            "service": text_or_none((incident.get("service") or {}).get("summary")),
            "severity": _severity(incident),
            "status": status,
            "opened_at": opened_at,
            "acknowledged_at": acknowledged_at,
            "resolved_at": resolved_at,
            "cause": None,
            "outcome": _outcome(incident),
            "labels": canonical_labels(_labels(incident)),
            "url": text_or_none(incident.get("html_url")),
            "updated_at": heard.changed_at if heard else opened_at,
            "deleted": False,
            "raw": None,
        }
    except UNREADABLE:
        return unread(INCIDENT.schema, incident)
    return row


def vanished_row(heard: Heard) -> dict[str, Any]:
    """Return the row of an incident that the log names and PagerDuty no longer has."""
    return {
        **dict.fromkeys(INCIDENT.schema.names),
        "incident_id": heard.incident_id,
        "updated_at": heard.changed_at,
        "deleted": True,
    }


def _status(incident: Mapping[str, Any], heard: Heard | None, end: datetime) -> str:
    """Return the record's own status, unless it got that after `end`: then what the log says up to `end`."""
    own = _STATUS[incident["status"]]
    changed_at = time_or_none(incident.get("last_status_change_at"))
    if changed_at is not None and changed_at < end:
        return own
    return (heard and heard.status) or (own if changed_at is None else "open")


def _first_acknowledgement(incident: Mapping[str, Any], end: datetime) -> datetime | None:
    times = [time(one["at"]) for one in incident.get("acknowledgements") or []]
    return min((at for at in times if at < end), default=None)


def _severity(incident: Mapping[str, Any]) -> str | None:
    """Return the priority where it is a word that we know, else the urgency: priorities can be called anything."""
    priority = text_or_none((incident.get("priority") or {}).get("summary"))
    if priority and priority.strip().lower() in SEVERITIES:
        return priority
    return text_or_none(incident.get("urgency"))


def _outcome(incident: Mapping[str, Any]) -> str | None:
    reason = incident.get("resolve_reason") or {}
    if reason.get("type") == "merge_resolve_reason":
        return f"merged into {text((reason.get('incident') or {}).get('id'))}"
    return None


def _labels(incident: Mapping[str, Any]) -> dict[str, str]:
    return labels_of(
        {
            "escalation_policy": (incident.get("escalation_policy") or {}).get("summary"),
            "incident_key": incident.get("incident_key"),
            "number": incident.get("incident_number"),
            "priority": (incident.get("priority") or {}).get("summary"),
            "service_id": (incident.get("service") or {}).get("id"),
            "teams": [team.get("summary") for team in incident.get("teams") or []],
            "urgency": incident.get("urgency"),
        }
    )
