"""What a log entry of PagerDuty says that changed: one row of `incident_change` for each, and what an incident is then.

Pure functions; the form of an entry: https://developer.pagerduty.com/api-reference/c661e065403b5-list-log-entries.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from include.datasets import INCIDENT_CHANGE
from include.sources.records.said import UNREADABLE, text, text_or_none, time, unread

NOTIFY = "notification"
_ENDING = "_log_entry"
_STATUS = {
    "trigger": (None, "open"),
    "acknowledge": (None, "acknowledged"),
    "unacknowledge": ("acknowledged", "open"),
    "resolve": (None, "resolved"),
}
_ASSIGNMENTS = {"assign": "assignee", "reassign": "assignee", "delegate": "assignee", "escalate": "escalation"}
_FIELDS = {
    **dict.fromkeys(_STATUS, "status"),
    **_ASSIGNMENTS,
    "priority_change": "severity",
    "urgency_change": "urgency",
    "annotate": "note",
    "notify": NOTIFY,
}
_URGENCY = re.compile(r"\b(high|low)\b", re.IGNORECASE)
_OPENED, _RESOLVED = "open", "resolved"
_REOPENS = frozenset(_ASSIGNMENTS.values())
"""Who hands an acknowledged incident to somebody else triggers it again, without an entry that says so."""


@dataclass
class Heard:
    """What the log says of one incident up to some moment."""

    incident_id: str
    changed_at: datetime
    opened: bool = False
    """Whether its beginning was among what was heard: then nothing came before."""
    status: str | None = None
    acknowledged_at: datetime | None = None
    resolved_at: datetime | None = None


def change_row(entry: Any) -> dict[str, Any]:
    """Return a log entry as a row of `incident_change`; what is no entry goes out with `raw`.

    `field` is status, severity (the priority), urgency, assignee, escalation, note or notification; an entry of any
    other type keeps PagerDuty's own word for it, such as snooze.
    """
    try:
        kind = text(entry["type"]).removesuffix("_reference").removesuffix(_ENDING)
        before, after = _change(kind, entry)
        row = {
            "change_id": text(entry["id"]),
            "incident_id": text(entry["incident"]["id"]),
            "field": _FIELDS.get(kind, kind),
            "before": before,
            "after": after,
            "actor": _name(entry.get("agent")),
            "summary": text_or_none(entry.get("summary")),
            "updated_at": time(entry["created_at"]),
            "deleted": False,
            "raw": None,
        }
    except UNREADABLE:
        return unread(INCIDENT_CHANGE.schema, entry)
    return row


def in_order(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return change rows, given oldest first, in order of time; what could not be read comes first.

    PagerDuty writes whole seconds: of the rows of one second, the one that opens an incident comes first; who
    acknowledges it is assigned to it in the same second, so that comes later; the end comes last.
    """
    readable = [row for row in rows if row["raw"] is None]
    return [
        *(row for row in rows if row["raw"] is not None),
        *sorted(readable, key=lambda row: (row["updated_at"], _rank(row))),
    ]


def hear(known: dict[str, Heard], rows: Iterable[Mapping[str, Any]]) -> None:
    """Add change rows, which must be in order, to what is known of each incident; notifications change nothing."""
    for row in rows:
        if row["raw"] is not None or row["field"] == NOTIFY:
            continue
        at = row["updated_at"]
        heard = known.setdefault(row["incident_id"], Heard(row["incident_id"], at))
        heard.changed_at = max(heard.changed_at, at)
        if row["field"] in _REOPENS and heard.status == "acknowledged":
            heard.status = _OPENED
        if row["field"] != "status":
            continue
        heard.status = row["after"]
        heard.opened = heard.opened or (row["after"] == _OPENED and row["before"] is None)
        if heard.status == "acknowledged":
            heard.acknowledged_at = heard.acknowledged_at or at
        heard.resolved_at = at if heard.status == _RESOLVED else None


def _change(kind: str, entry: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Return what was before and what is after, None where PagerDuty does not say."""
    channel = entry.get("channel") or {}
    if kind in _STATUS:
        return _STATUS[kind]
    if kind in _ASSIGNMENTS:
        return None, ", ".join(name for one in entry.get("assignees") or [] if (name := _name(one))) or None
    if kind == "priority_change":
        return _name(channel.get("old_priority")), _name(channel.get("new_priority"))
    if kind == "urgency_change":
        said = _URGENCY.findall(text_or_none(entry.get("summary")) or "")
        return said[-2].lower() if len(said) > 1 else None, said[-1].lower() if said else None
    if kind == "annotate":
        return None, text_or_none(channel.get("content") or channel.get("summary"))
    return None, None


def _name(reference: Any) -> str | None:
    """Return what PagerDuty calls the thing that it refers to, else its id."""
    if not reference:
        return None
    return text_or_none(reference.get("summary") or reference.get("name")) or text_or_none(reference.get("id"))


def _rank(row: Mapping[str, Any]) -> int:
    opens = row["field"] == "status" and row["before"] is None and row["after"] == _OPENED
    return 0 if opens else {"acknowledged": 2, _RESOLVED: 3}.get(row["after"] if row["field"] == "status" else "", 1)
