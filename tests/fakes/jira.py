"""A fake Jira Cloud: the enhanced search and changelogs of its REST API v3.

https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-search/#api-rest-api-3-search-jql-post (page
tokens, unbounded JQL is refused, a page may hold fewer than asked) and …/api-group-issues/ (changelog, 100 a page).
Times in JQL have minutes and are in the user's zone:
https://support.atlassian.com/jira-software-cloud/docs/jql-fields/#Updated.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from typing import Any

from tests.fakes.api import Asked, FakeApi, Reply

LOGIN = "Basic bWlhQGV4YW1wbGUuY29tOnRva2Vu"  # mia@example.com:token
PAGE = 100
SHOWN = 20
"""Entries of a changelog that a search shows."""
# An issue of the documentation's example, with the fields that are read here.
ISSUE: dict[str, Any] = {
    "id": "10002",
    "key": "ED-1",
    "self": "https://your-domain.atlassian.net/rest/api/3/issue/10002",
    "fields": {
        "summary": "Main order flow broken",
        "created": "2026-10-01T09:00:00.000+0000",
        "updated": "2026-10-01T10:30:00.123+0000",
        "resolutiondate": None,
        "resolution": None,
        "statuscategorychangedate": "2026-10-01T09:10:00.000+0000",
        "status": {
            "name": "In Progress",
            "statusCategory": {"id": 4, "key": "indeterminate", "colorName": "yellow", "name": "In Progress"},
        },
        "priority": {"id": "1", "name": "Highest"},
        "project": {"id": "10000", "key": "ED", "name": "Example"},
        "issuetype": {"id": "3", "name": "Incident"},
        "components": [{"id": "10000", "name": "Cart"}],
        "labels": ["shop", "outage"],
        "fixVersions": [],
        "environment": None,
    },
}


class FakeJira(FakeApi):
    """`zone_hours` is the user's zone, in which JQL is read; `forget` names searches whose token is refused."""

    def __init__(self) -> None:
        super().__init__()
        self.issues: list[dict[str, Any]] = []
        self.changes: dict[str, list[dict[str, Any]]] = {}
        self.zone_hours = 0
        self.page = PAGE
        self.searches = 0
        self.forget: set[int] = set()
        self.before_page: Callable[[int], None] = lambda _: None

    def answer(self, asked: Asked) -> Reply:
        if asked.headers.get("Authorization") != LOGIN:
            return Reply({"errorMessages": ["Client must be authenticated to access this resource."]}, 401)
        if asked.method == "POST" and asked.path == "/rest/api/3/search/jql":
            return self._search(asked.json)
        match = re.fullmatch(r"/rest/api/3/issue/(\w+)/changelog", asked.path)
        if match and match[1] in self.changes:
            return self._changelog(
                self.changes[match[1]], int(asked.one("startAt", "0")), asked.one("maxResults", "100")
            )
        return Reply({"errorMessages": ["Issue does not exist or you do not have permission to see it."]}, 404)

    def _search(self, wanted: dict[str, Any]) -> Reply:
        self.searches += 1
        self.before_page(self.searches)
        jql, token = wanted["jql"], wanted.get("nextPageToken")
        bounds = re.findall(r'updated (>=|<=) "(\d{4}-\d\d-\d\d \d\d:\d\d)"', jql)
        if not bounds:
            return Reply({"errorMessages": ["Unbounded JQL queries are not allowed here."]}, 400)
        if token and self.searches in self.forget:
            return Reply({"errorMessages": ["The nextPageToken is invalid or has expired."]}, 400)
        zone = timezone(timedelta(hours=self.zone_hours))
        found = list(self.issues)
        for operator, text in bounds:
            moment = datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=zone)
            found = [one for one in found if (_updated(one) >= moment if operator == ">=" else _updated(one) <= moment)]
        if match := re.match(r"\(project = (\w+)\)", jql):
            found = [one for one in found if one["key"].startswith(f"{match[1]}-")]
        found.sort(key=lambda one: (_updated(one), one["key"]))
        start, size = int(token or 0), min(wanted.get("maxResults", 50), self.page)
        issues = [self._shown(one, wanted) for one in found[start : start + size]]
        if start + size < len(found):
            return Reply({"issues": issues, "nextPageToken": str(start + size), "isLast": False})
        return Reply({"issues": issues, "isLast": True})

    def _shown(self, issue: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
        fields = {name: value for name, value in issue["fields"].items() if name in wanted["fields"]}
        shown = {**issue, "fields": fields}
        if "changelog" in wanted.get("expand", ""):
            entries = self.changes.get(issue["id"], [])[::-1][:SHOWN]
            shown["changelog"] = {"startAt": 0, "maxResults": len(entries), "total": len(entries), "histories": entries}
        return shown

    def _changelog(self, entries: list[dict[str, Any]], start: int, size: str) -> Reply:
        if int(size) > PAGE:
            return Reply({"errorMessages": ["maxResults"]}, 400)
        page = entries[start : start + int(size)]
        last = start + len(page) >= len(entries)
        listed = {"maxResults": int(size), "startAt": start, "total": len(entries), "isLast": last, "values": page}
        return Reply(listed)


def issue(number: int, updated: datetime, **fields: Any) -> dict[str, Any]:
    """Return an issue with an identity of its own."""
    return {
        "id": str(10_000 + number),
        "key": f"ED-{number}",
        "fields": {**ISSUE["fields"], "updated": text(updated), **fields},
    }


def entry(
    number: int, created: datetime, field: str = "status", before: str = "New", after: str = "Done"
) -> dict[str, Any]:
    """Return an entry of a changelog, as documented."""
    item = {"field": field, "fieldtype": "jira", "fieldId": field, "from": "1", "fromString": before, "to": "2"}
    author = {"accountId": "5b10a2844c20165700ede21g", "displayName": "Mia Krystof", "active": True}
    return {"id": str(number), "author": author, "created": text(created), "items": [{**item, "toString": after}]}


def text(moment: datetime) -> str:
    """Return a time as Jira writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}+0000"


def _updated(one: dict[str, Any]) -> datetime:
    return _moment(one["fields"]["updated"])


@cache
def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
