"""Alerts, incidents and changes of a day as rows of their dataset: one row for each time that a record was updated."""

from collections.abc import Iterable
from datetime import datetime

import numpy as np
import pyarrow as pa

from include.datasets import ALERT, CHANGE_EVENT, INCIDENT, Dataset, canonical_labels
from include.demo.alerts import Alert, alerts_of, title
from include.demo.changes import Change, change, routine_changes
from include.demo.faults import Fault, faults_near
from include.demo.fleet import cluster_name, pager_name
from include.demo.incidents import Incident, incidents_of
from include.demo.world import MINUTES, World, moment_of

Row = dict[str, object]


def alert_rows(world: World, day: int) -> pa.Table:
    """Return the day's updates of alerts: firing, then resolved."""
    rows: list[Row] = []
    for alert in alerts_of(world, day):
        rows.append(_alert(alert, alert.start, None))
        if np.isfinite(alert.end):
            rows.append(_alert(alert, alert.end, moment_of(alert.end)))
    return _table(ALERT, rows, day)


def incident_rows(world: World, day: int) -> pa.Table:
    """Return the day's updates of incidents: open, acknowledged, resolved."""
    rows: list[Row] = []
    for one in incidents_of(world, day):
        rows += [_incident(one, "open"), _incident(one, "acknowledged"), _incident(one, "resolved")]
    return _table(INCIDENT, rows, day)


def change_rows(world: World, day: int) -> pa.Table:
    """Return the day's updates of changes: begun, then done."""
    rows: list[Row] = []
    for one in changes_of(world, day):
        rows += [_change(one, done=False), _change(one, done=True)]
    return _table(CHANGE_EVENT, rows, day)


def changes_of(world: World, day: int) -> list[Change]:
    """Return the changes around a day: the routine ones, those that broke something, and how they were undone."""
    routine = (*routine_changes(world, day - 1), *routine_changes(world, day))
    broke = [fault for fault in faults_near(world, day) if fault.change]
    return sorted((*routine, *(one for fault in broke for one in _done_and_undone(fault))), key=lambda one: one.start)


def _done_and_undone(fault: Fault) -> Iterable[Change]:
    if fault.change is None:
        return
    yield fault.change
    what = "Roll back to the version before" if fault.change.kind == "deployment" else "Restore the setting before"
    yield change(fault.change.kind, fault.service, fault.end - 2, fault.end, number=9, title=what)


def _alert(alert: Alert, updated: float, ends_at: datetime | None) -> Row:
    rule = alert.rule
    fingerprint = f"{rule.name.lower()}-{rule.service:02d}-{rule.metric}"
    comparison = "below" if rule.below else "above"
    return {
        "alert_id": f"{fingerprint}-{int(alert.start)}",
        "fingerprint": fingerprint,
        "name": rule.name,
        "service": pager_name(rule.service),
        "severity": rule.severity,
        "status": "firing" if ends_at is None else "resolved",
        "starts_at": moment_of(alert.start),
        "ends_at": ends_at,
        "summary": f"{title(rule)}: {rule.metric} {alert.value:.3g}, {comparison} {rule.threshold:.3g}",
        "labels": canonical_labels(
            {"alertname": rule.name, "metric": rule.metric, "threshold": f"{rule.threshold:.4g}"}
        ),
        "url": f"https://alerts.shop.example/{fingerprint}",
        "updated_at": moment_of(updated),
        "deleted": False,
    }


def _incident(one: Incident, status: str) -> Row:
    updated = {"open": one.opened, "acknowledged": one.acknowledged, "resolved": one.resolved}[status]
    done = status == "resolved"
    return {
        "incident_id": one.id,
        "title": one.title,
        "service": pager_name(one.service),
        "severity": one.severity,
        "status": status,
        "opened_at": moment_of(one.opened),
        "acknowledged_at": None if status == "open" else moment_of(one.acknowledged),
        "resolved_at": moment_of(one.resolved) if done else None,
        "cause": one.cause if done else None,
        "outcome": one.outcome if done else None,
        "labels": canonical_labels({"team": "on-call"}),
        "url": f"https://incidents.shop.example/{one.id}",
        "updated_at": moment_of(updated),
        "deleted": False,
    }


def _change(one: Change, *, done: bool) -> Row:
    return {
        "change_id": one.id,
        "kind": one.kind,
        "service": cluster_name(one.service),
        "title": one.title,
        "version": one.version or None,
        "started_at": moment_of(one.start),
        "ended_at": moment_of(one.end) if done else None,
        "labels": canonical_labels({"environment": "production"}),
        "url": f"https://deploy.shop.example/{one.id}",
        "updated_at": moment_of(one.end if done else one.start),
        "deleted": False,
    }


def _table(dataset: Dataset, rows: list[Row], day: int) -> pa.Table:
    """Return the rows that were updated on the day, in order of update, by the dataset's contract without `raw`."""
    low, high = moment_of(day * MINUTES), moment_of((day + 1) * MINUTES)
    inside = [row for row in rows if low <= row["updated_at"] < high]  # type: ignore[operator]
    schema = pa.schema([field for field in dataset.schema if field.name != "raw"])
    return pa.Table.from_pylist(sorted(inside, key=lambda row: row["updated_at"]), schema=schema)  # type: ignore[arg-type,return-value]
