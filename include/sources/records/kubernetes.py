"""Reads events of a Kubernetes cluster: warnings as alerts; scaling, rollouts and nodes that come and go as changes.

An event object stands for all its occurrences so far, and the cluster drops it an hour after the last one. So each
window shows an event by its last occurrence in it, and a window that is read too late is told in `warnings`.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import pyarrow as pa

from include.config.options.kubernetes import KubernetesFeed, KubernetesOptions
from include.config.source import Feed, SourceConfig
from include.datasets import ALERT, CHANGE_EVENT, canonical_labels, dataset
from include.http.client import Page
from include.sources.base import Source, speaking_of
from include.sources.opening import Opening, cannot
from include.sources.prometheus.firings import fingerprint
from include.sources.records.kubernetes_pages import whole
from include.sources.records.said import UNREADABLE, labels_of, text, text_or_none, time, unread
from include.window import Window

EVENTS_PATH = "/api/v1/events"
_TYPES = {ALERT.name: "Warning", CHANGE_EVENT.name: "Normal"}
_POD = re.compile(r"(.+?)(-[a-z0-9]{6,10})?-[a-z0-9]{5}")
_REPLICA_SET = re.compile(r"(.+)-[a-z0-9]{6,10}")
_FROM_NOTHING = re.compile(r"Scaled up replica set \S+ (from 0 )?to [1-9]")

Row = dict[str, Any]


class KubernetesSource:
    """Reads the events of one feed."""

    def __init__(self, source: SourceConfig, feed: Feed, opening: Opening) -> None:
        self._name = source.name
        self._event_ttl = source.options_as(KubernetesOptions).event_ttl
        self._feed = feed
        self._options = feed.options_as(KubernetesFeed)
        self._opening = opening
        self.warnings: list[str] = []

    def read(self, window: Window) -> Iterator[pa.RecordBatch]:
        """Yield the events that occurred in the window, as of its end."""
        self.warnings = []
        selector = ",".join(part for part in (f"type={_TYPES[self._feed.dataset]}", self._feed.expr.strip()) if part)
        paths = [f"/api/v1/namespaces/{name}/events" for name in self._options.namespaces] or [EVENTS_PATH]
        rows: dict[Any, Row] = {}

        def keep(page: Page) -> list[Row]:
            self._tell_what_is_gone(page, window)
            found = (self._row(event, window) for event in page.document["items"])
            return [row for row in found if row is not None]

        with self._opening.connect() as client, speaking_of(self._name):
            for path in paths:
                for row in whole(client, path, {"fieldSelector": selector}, keep):
                    rows[row.get("alert_id") or row.get("change_id") or len(rows)] = row
        ordered = sorted(rows.values(), key=lambda row: row["updated_at"] or window.start)
        if ordered:
            yield pa.RecordBatch.from_pylist(ordered, schema=dataset(self._feed.dataset).schema)

    def _tell_what_is_gone(self, page: Page, window: Window) -> None:
        """Warn when the cluster, by its own clock, may already have dropped events of the window."""
        try:
            now = parsedate_to_datetime(page.headers.get_list("Date")[-1])
        except (ValueError, IndexError):
            return
        kept_since = now.replace(tzinfo=now.tzinfo or UTC) - self._event_ttl
        if window.start < kept_since and not self.warnings:
            until = min(kept_since, window.end)
            self.warnings.append(
                f"Kubernetes keeps events for {self._event_ttl}: of {window.start:%Y-%m-%d %H:%M:%S} to"
                f" {until:%H:%M:%S} only those that occurred again later are there. Read on a grid of 15 minutes or"
                " less, or raise --event-ttl of its API server, and event_ttl here."
            )

    def _row(self, event: Any, window: Window) -> Row | None:
        """Return an event as a row, None when it did not occur in the window or is not asked for."""
        contract = dataset(self._feed.dataset)
        try:
            reason = text(event["reason"])
            if contract is CHANGE_EVENT and reason not in self._options.changes:
                return None
            first, last = _occurred(event)
            if last < window.start or first >= window.end or (last >= window.end and first < window.start):
                return None
            seen = last if last < window.end else first
            uid, said = text(event["metadata"]["uid"]), text_or_none(event.get("message")) or reason
            what = _labels(event)
            count = (event.get("series") or {}).get("count") or event.get("count")
            labels = {**what, **labels_of({"count": count if seen == last else None})}
            named = (labels[name] for name in self._feed.service_labels if labels.get(name))
            service = next(named, labels["workload"])
        except UNREADABLE:
            return unread(contract.schema, event)
        shared = {"service": service, "labels": canonical_labels(labels), "url": None, "updated_at": seen}
        if contract is CHANGE_EVENT:
            kind = "deployment" if _is_rollout(reason, said) else self._options.changes[reason]
            own: Row = {"change_id": uid, "kind": kind, "title": said, "version": None, "started_at": first}
            return {**own, "ended_at": seen, **shared, "deleted": False, "raw": None}
        goes_on = last >= window.end
        return {
            "alert_id": uid,
            "fingerprint": fingerprint({name: what[name] for name in what.keys() - {"name", "node"}}),
            "name": reason,
            "severity": "warning",
            "status": "firing" if goes_on else "resolved",
            "starts_at": first,
            "ends_at": None if goes_on else seen,
            "summary": said,
            **shared,
            "deleted": False,
            "raw": None,
        }


def open_kubernetes(opening: Opening) -> Source:
    """Return the warnings of a cluster as alerts, or its scaling and rollouts as changes."""
    if opening.feed.dataset not in _TYPES:
        raise cannot(opening)
    return KubernetesSource(opening.source, opening.feed, opening)


def _occurred(event: Any) -> tuple[datetime, datetime]:
    """Return the first and last occurrence; which of the fields are set depends on who wrote the event, and how."""
    created, at = event["metadata"].get("creationTimestamp"), event.get("eventTime")
    last = (event.get("series") or {}).get("lastObservedTime") or event.get("lastTimestamp") or at or created
    first = event.get("firstTimestamp") or at or created or last
    return min(time(first), time(last)), time(last)


def _labels(event: Any) -> dict[str, str]:
    about, source = event["involvedObject"], event.get("source") or {}
    kind, name = text(about["kind"]), text(about["name"])
    return labels_of(
        {
            "namespace": about.get("namespace"),
            "kind": kind,
            "name": name,
            "workload": _workload(kind, name),
            "reason": event["reason"],
            "component": event.get("reportingComponent") or source.get("component"),
            "node": source.get("host"),
        }
    )


def _workload(kind: str, name: str) -> str:
    """Return the name of what a pod or replica set belongs to, as far as its own name says."""
    pattern = {"Pod": _POD, "ReplicaSet": _REPLICA_SET}.get(kind)
    found = pattern.fullmatch(name) if pattern else None
    return found[1] if found else name


def _is_rollout(reason: str, said: str) -> bool:
    """Return whether a deployment filled a new replica set, which is a rollout; otherwise its size changed."""
    return reason == "ScalingReplicaSet" and _FROM_NOTHING.match(said) is not None
