"""Reads Jira Cloud's issues as incidents or changes, and their changelogs as changes of incidents.

The feed's expr is JQL that selects the issues. An issue comes as it was last updated in the window.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pyarrow as pa

from include.config.options.jira import JiraFeed
from include.config.source import Feed, SourceConfig
from include.datasets import CHANGE_EVENT, INCIDENT, INCIDENT_CHANGE, canonical_labels, dataset
from include.http import HttpClient
from include.sources.base import Source, SourceRejected, speaking_of
from include.sources.opening import Opening, cannot
from include.sources.records.jira_pages import changelog, issues, updated
from include.sources.records.jira_values import plain
from include.sources.records.said import UNREADABLE, labels_of, raw_of, text, text_or_none, time, time_or_none
from include.window import Window

_DATASETS = frozenset({INCIDENT.name, INCIDENT_CHANGE.name, CHANGE_EVENT.name})
_FIELDS = (
    "summary", "status", "created", "updated", "resolutiondate", "resolution", "statuscategorychangedate", "project",
    "issuetype", "labels", "fixVersions", "environment",
)  # fmt: skip
_STATUS = {"new": "open", "undefined": "open", "indeterminate": "acknowledged", "done": "resolved"}
"""By the key of the status category, which every site has, whatever it calls its statuses."""
_CHANGED = {"priority": "severity", "description": "note", "comment": "note"}

Row = dict[str, Any]


class JiraSource:
    """Reads the issues of one feed."""

    def __init__(self, source: SourceConfig, feed: Feed, opening: Opening) -> None:
        self._source = source
        self._feed = feed
        self._options = feed.options_as(JiraFeed)
        self._opening = opening
        self.warnings: list[str] = []

    def read(self, window: Window) -> Iterator[pa.RecordBatch]:
        """Yield the issues that were updated in the window, or the changes made in it, in order of time."""
        with self._opening.connect() as client, speaking_of(self._source.name):
            if self._feed.dataset == INCIDENT_CHANGE.name:
                rows = list(self._changes(client, window))
            else:
                jql = updated(self._feed.expr, window.start, window.end)
                found = [self._issue(issue) for issue in issues(client, jql, self._fields(), "")]
                rows = [row for row in found if row["updated_at"] is None or row["updated_at"] in window]
        if rows:
            rows.sort(key=lambda row: row["updated_at"] or window.start)
            yield pa.RecordBatch.from_pylist(rows, schema=dataset(self._feed.dataset).schema)

    def _fields(self) -> tuple[str, ...]:
        own = self._options
        named = (own.service_field, own.severity_field, own.cause_field, own.started_field, own.ended_field)
        return tuple(dict.fromkeys([*_FIELDS, *(name for name in named if name)]))

    def _issue(self, issue: Any) -> Row:
        moment = None
        try:
            fields = issue["fields"]
            moment = time(text(fields["updated"]))
            key, category = text(issue["key"]), fields["status"]["statusCategory"]["key"]
            labels = labels_of(
                {
                    "key": key,
                    "project": plain((fields.get("project") or {}).get("key")),
                    "type": plain(fields.get("issuetype")),
                    "status": plain(fields["status"]),
                    "labels": plain(fields.get("labels")),
                    "environment": plain(fields.get("environment")),
                    "service": plain(fields.get(self._options.service_field)),
                }
            )
            named = (labels[name] for name in self._feed.service_labels if labels.get(name))
            shared = {
                "title": text(fields["summary"]),
                "service": next(named, key.rpartition("-")[0]),
                "labels": canonical_labels(labels),
                "url": f"{self._source.url}/browse/{key}",
                "updated_at": moment,
                "deleted": False,
                "raw": None,
            }
            if self._feed.dataset == CHANGE_EVENT.name:
                return {"change_id": text(issue["id"]), **self._change(fields), **shared}
            return {"incident_id": text(issue["id"]), **self._incident(fields, _STATUS[category]), **shared}
        except (*UNREADABLE, RecursionError):
            return {
                **dict.fromkeys(dataset(self._feed.dataset).schema.names),
                "updated_at": moment,
                "raw": raw_of(issue),
            }

    def _incident(self, fields: Any, status: str) -> Row:
        moved, done = (time_or_none(fields.get(name)) for name in ("statuscategorychangedate", "resolutiondate"))
        return {
            "severity": plain(fields.get(self._options.severity_field)) or "unknown",
            "status": status,
            "opened_at": time(text(fields["created"])),
            "acknowledged_at": moved if status == "acknowledged" else None,
            "resolved_at": (done or moved) if status == "resolved" else None,
            "cause": plain(fields.get(self._options.cause_field)) if self._options.cause_field else None,
            "outcome": plain(fields.get("resolution")),
        }

    def _change(self, fields: Any) -> Row:
        began = time_or_none(fields.get(self._options.started_field)) or time(text(fields["created"]))
        ended = time_or_none(fields.get(self._options.ended_field))
        return {
            "kind": self._options.kind,
            "version": plain(fields.get("fixVersions")),
            "started_at": began,
            "ended_at": None if ended is None else max(began, ended),
        }

    def _changes(self, client: HttpClient, window: Window) -> Iterator[Row]:
        """Yield what changed in the window, of every issue updated since its start.

        A search shows the latest entries of a changelog only. Where all that it shows are newer than the window's
        start, the whole changelog is asked for.
        """
        jql = updated(self._feed.expr, window.start, None)
        for issue in issues(client, jql, ("updated",), "changelog"):
            try:
                if time(text(issue["fields"]["updated"])) < window.start:
                    continue
                known = text(issue["id"])
                entries = list(issue["changelog"]["histories"])
                if entries and all(time(entry["created"]) >= window.start for entry in entries):
                    entries = changelog(client, known)
            except UNREADABLE:
                yield {**dict.fromkeys(INCIDENT_CHANGE.schema.names), "raw": raw_of(issue)}
                continue
            seen: set[Any] = set()
            for entry in entries:
                for row in _entry(known, entry):
                    if row["change_id"] is None or row["change_id"] not in seen:
                        seen.add(row["change_id"])
                        if row["updated_at"] is None or row["updated_at"] in window:
                            yield row


def open_jira(opening: Opening) -> Source:
    """Return issues as incidents or changes, or the changes of incidents.

    Raises `SourceRejected` for JQL that no condition can be added to.
    """
    feed = opening.feed
    if feed.dataset not in _DATASETS:
        raise cannot(opening)
    if re.search(r"\border\s+by\b", feed.expr, re.IGNORECASE):
        raise SourceRejected(
            f"Source {opening.source.name!r}: the expr of feed {feed.name!r} has its own ORDER BY. Leave it out: issues"
            " are read in order of their update."
        )
    return JiraSource(opening.source, feed, opening)


def _entry(issue: str, entry: Any) -> list[Row]:
    """Return one entry of a changelog as a row for each field that it changed."""
    moment: datetime | None = None
    try:
        moment, known = time(text(entry["created"])), text(entry["id"])
        actor = plain(entry.get("author"))
        rows = []
        for number, item in enumerate(entry["items"]):
            field = text(item["field"])
            before, after = (text_or_none(item.get(name)) for name in ("fromString", "toString"))
            row = {
                "change_id": f"{issue}-{known}-{number}",
                "incident_id": issue,
                "field": _CHANGED.get(field.lower(), field.lower()),
                "before": before,
                "after": after,
                "actor": actor,
                "summary": f"{field}: {before or '–'} → {after or '–'}",
                "updated_at": moment,
                "deleted": False,
                "raw": None,
            }
            rows.append(row)
    except UNREADABLE:
        return [{**dict.fromkeys(INCIDENT_CHANGE.schema.names), "updated_at": moment, "raw": raw_of(entry)}]
    return rows
