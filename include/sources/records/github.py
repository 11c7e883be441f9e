"""Reads the changes of one GitHub repository (`owner/name` in the feed's expr): deployments and releases.

A deployment's own times say little: what happened to it is in its statuses, each with a time. So a window, however old,
shows it as it was at the window's end.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pyarrow as pa

from include.config.options.github import GitHubFeed
from include.config.source import Feed
from include.datasets import CHANGE_EVENT, canonical_labels
from include.http import HttpClient
from include.sources.base import Source, SourceRejected, speaking_of
from include.sources.opening import Opening, cannot
from include.sources.records.github_pages import listed
from include.sources.records.said import UNREADABLE, labels_of, text, text_or_none, time, time_or_none, unread
from include.window import Window

_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
_OVER = frozenset({"success", "failure", "error"})
_INACTIVE = "inactive"
"""Set when a later deployment takes over: not a change of this one."""

Row = dict[str, Any]


class GitHubSource:
    """Reads the changes of one repository."""

    def __init__(self, name: str, feed: Feed, opening: Opening) -> None:
        self._name = name
        self._feed = feed
        self._opening = opening
        self._options = feed.options_as(GitHubFeed)
        self._repository = feed.expr.strip()
        self.warnings: list[str] = []

    def read(self, window: Window) -> Iterator[pa.RecordBatch]:
        """Yield the deployments that began or moved on in the window, and the releases published in it."""
        rows: list[Row] = []
        with self._connect() as client, speaking_of(self._name):
            if "deployments" in self._options.what:
                rows += self._deployments(client, window)
            if "releases" in self._options.what:
                rows += self._releases(client, window)
        if rows:
            rows.sort(key=lambda row: (row["updated_at"] or window.start, row["change_id"] or ""))
            yield pa.RecordBatch.from_pylist(rows, schema=CHANGE_EVENT.schema)

    def _connect(self) -> HttpClient:
        headers = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
        token = self._opening.who.token
        return self._opening.connect(headers={**headers, **({"Authorization": f"Bearer {token}"} if token else {})})

    def _deployments(self, client: HttpClient, window: Window) -> Iterator[Row]:
        path = f"/repos/{self._repository}/deployments"
        oldest = window.start - self._options.lookback
        for record in listed(client, path, {}, oldest):
            try:
                created = time(record["created_at"])
                wanted = not self._options.environments or record["environment"] in self._options.environments
                number = int(record["id"])
            except UNREADABLE:
                yield unread(CHANGE_EVENT.schema, record)
                continue
            if oldest <= created < window.end and wanted:
                statuses = listed(client, f"{path}/{number}/statuses", {}, None)
                row = self._deployment(record, statuses, window.end)
                if row["updated_at"] is None or row["updated_at"] in window:
                    yield row

    def _deployment(self, record: Any, statuses: list[Any], end: datetime) -> Row:
        """Return a deployment as it was just before `end`."""
        try:
            created = time(record["created_at"])
            known = sorted((moment, one["id"], one) for one in statuses if (moment := time(one["created_at"])) < end)
            moved = [(at, one) for at, _, one in known if one["state"] != _INACTIVE]
            latest = moved[-1] if moved else None
            began = next((at for at, one in moved if one["state"] == "in_progress"), created)
            state = latest[1]["state"] if latest else "pending"
            environment, ref = text(record["environment"]), text(record["ref"])
            labels = labels_of(
                {
                    "repository": self._repository,
                    "environment": environment,
                    "ref": ref,
                    "task": record.get("task"),
                    "state": state,
                    "creator": (record.get("creator") or {}).get("login"),
                }
            )
            links = latest[1] if latest else {}
            return {
                "change_id": f"{self._repository}/deployments/{record['id']}",
                "kind": "deployment",
                "service": self._service({**_payload(record), **labels}),
                "title": text_or_none(record.get("description")) or f"{ref} to {environment}",
                "version": text_or_none(record.get("sha")),
                "started_at": began,
                "ended_at": latest[0] if latest and state in _OVER else None,
                "labels": canonical_labels(labels),
                "url": next((said for key in ("log_url", "target_url") if (said := text_or_none(links.get(key)))), None)
                or text_or_none(record.get("url")),
                "updated_at": latest[0] if latest else created,
                "deleted": False,
                "raw": None,
            }
        except UNREADABLE:
            return unread(CHANGE_EVENT.schema, {"deployment": record, "statuses": statuses})

    def _releases(self, client: HttpClient, window: Window) -> Iterator[Row]:
        """Yield releases; `created_at` is the date of the commit, and a draft has not been published."""
        path, oldest = f"/repos/{self._repository}/releases", window.start - self._options.release_lookback
        for record in listed(client, path, {}, oldest):
            try:
                published = time_or_none(record["published_at"])
                if published is None or record.get("draft") or published not in window:
                    continue
                author = (record.get("author") or {}).get("login")
                kind = "true" if record.get("prerelease") else None
                labels = labels_of({"repository": self._repository, "creator": author, "prerelease": kind})
                tag = text(record["tag_name"])
                row: Row = {
                    "change_id": f"{self._repository}/releases/{int(record['id'])}",
                    "kind": "other",
                    "service": self._service(labels),
                    "title": text_or_none(record.get("name")) or f"Release {tag}",
                    "version": tag,
                    "started_at": published,
                    "ended_at": published,
                    "labels": canonical_labels(labels),
                    "url": text_or_none(record.get("html_url")),
                    "updated_at": published,
                    "deleted": False,
                    "raw": None,
                }
            except UNREADABLE:
                row = unread(CHANGE_EVENT.schema, record)
            yield row

    def _service(self, labels: dict[str, str]) -> str:
        """Return the first service label that is there, else the name of the repository."""
        found = next((labels[name] for name in self._feed.service_labels if labels.get(name)), None)
        return found or self._repository.partition("/")[2]


def open_github(opening: Opening) -> Source:
    """Return the changes of a repository.

    Raises `SourceRejected` where the feed's expr names none.
    """
    feed = opening.feed
    if feed.dataset != "change_event":
        raise cannot(opening)
    if not _REPOSITORY.fullmatch(feed.expr.strip()):
        raise SourceRejected(
            f"Source {opening.source.name!r}: feed {feed.name!r} names no repository. Set its expr to owner/name."
        )
    return GitHubSource(opening.source.name, feed, opening)


def _payload(record: Any) -> dict[str, str]:
    """Return the texts that the deployer gave with a deployment, such as the service."""
    given = record.get("payload")
    return {name: value for name, value in given.items() if isinstance(value, str)} if isinstance(given, dict) else {}
