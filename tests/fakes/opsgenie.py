"""Opsgenie's and Jira Service Management's REST APIs as they are documented: lists by query, sort, offset and size.

https://docs.opsgenie.com/docs/alert-api (GenieKey, `paging.next`), https://docs.opsgenie.com/docs/incident-api (sorted
by creation at best), https://docs.opsgenie.com/docs/api-rate-limiting and
https://developer.atlassian.com/cloud/jira/service-desk-ops/rest/v2/api-group-alerts/ (basic or bearer, `links.next`;
"Sum of offset and size should be lower than 20K").
"""

import base64
import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import urlencode

from tests.fakes.api import Asked, FakeApi, Reply

KEY = "eb243592-faa2-4ba2-a551q-1afdf565c889"
CLOUD = "35273b54-3f06-40d2-880f-dd28cf8daafa"
LOGIN = ("email@example.com", "api_token")
CAP = 20_000
_SORTS = {
    "alerts": {"createdAt", "updatedAt", "tinyId", "alias", "message", "status", "lastOccurredAt", "source", "owner"},
    "incidents": {"createdAt", "tinyId", "message", "status", "isSeen", "owner"},
}
_TERM = re.compile(r"(updatedAt|createdAt) (>=|<) (\d+)|(status|priority):(\w+)")

# The documentation's own example of an alert in a list.
ALERT: dict[str, Any] = {
    "id": "70413a06-38d6-4c85-92b8-5ebc900d42e2",
    "tinyId": "1791",
    "alias": "event_573",
    "message": "Our servers are in danger",
    "status": "closed",
    "acknowledged": False,
    "isSeen": True,
    "tags": ["OverwriteQuietHours", "Critical"],
    "snoozed": True,
    "snoozedUntil": "2017-04-03T20:32:35.143Z",
    "count": 79,
    "lastOccurredAt": "2017-04-03T20:05:50.894Z",
    "createdAt": "2017-03-21T20:32:52.353Z",
    "updatedAt": "2017-04-03T20:32:57.301Z",
    "source": "Isengard",
    "owner": "morpheus@opsgenie.com",
    "priority": "P4",
    "responders": [{"id": "4513b7ea-3b91-438f-b7e4-e3e54af9147c", "type": "team"}],
    "integration": {"id": "4513b7ea-3b91-438f-b7e4-e3e54af9147c", "name": "Nebuchadnezzar", "type": "API"},
    "report": {
        "ackTime": 15702,
        "closeTime": 60503,
        "acknowledgedBy": "agent_smith@opsgenie.com",
        "closedBy": "neo@opsgenie.com",
    },
}
INCIDENT: dict[str, Any] = {
    "id": "652f14b3-019a-4d4c-8b83-e4da527a416c",
    "description": "summary",
    "impactedServices": ["daa0d66f-ad35-4396-b30d-70f0314c697a"],
    "tinyId": "3",
    "message": "OpenAI Incident",
    "status": "open",
    "tags": ["tags"],
    "createdAt": "2023-09-26T17:06:16.824Z",
    "updatedAt": "2023-09-26T17:49:10.17Z",
    "priority": "P3",
    "ownerTeam": "",
    "responders": [{"type": "team", "id": "63374eee-0b03-42d4-bb8c-50d1fa64827c"}],
    "extraProperties": {},
    "links": {
        "web": "https://mytestaccount.app.opsgenie.com/incident/detail/652f14b3-019a-4d4c-8b83-e4da527a416c",
        "api": "https://api.opsgenie.com/v1/incidents/652f14b3-019a-4d4c-8b83-e4da527a416c",
    },
    "impactStartDate": "2023-09-26T17:06:16.824Z",
    "impactEndDate": "2023-09-26T17:45:25.719Z",
    "actions": [],
}


class FakeOpsgenie(FakeApi):
    """Holds alerts and incidents, and gives them by both APIs; `before` may change them or answer by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.alerts: list[dict[str, Any]] = []
        self.incidents: list[dict[str, Any]] = []
        self.before: Callable[[Asked], Reply | None] = lambda _: None

    def answer(self, asked: Asked) -> Reply:
        jsm = asked.path == f"/jsm/ops/api/{CLOUD}/v1/alerts"
        if asked.headers.get("Authorization") not in (_JSM if jsm else {f"GenieKey {KEY}"}):
            return Reply({"message": "Could not authenticate", "took": 0.001, "requestId": "1"}, 401)
        ordered = self.before(asked)
        if ordered is not None:
            return ordered
        if jsm or asked.path == "/v2/alerts":
            return self._list(asked, "alerts", self.alerts, jsm=jsm)
        if asked.path == "/v1/incidents":
            return self._list(asked, "incidents", self.incidents, jsm=False)
        return Reply({"message": "No such address"}, 404)

    def _list(self, asked: Asked, kind: str, held: list[dict[str, Any]], *, jsm: bool) -> Reply:
        name = "size" if jsm else "limit"
        size, offset = min(int(asked.one(name, "20")), 100), int(asked.one("offset", "0"))
        sort = asked.one("sort", "createdAt")
        terms = asked.one("query").split(" AND ")
        understood = [_TERM.fullmatch(term.strip("()")) for term in terms]
        if offset + size >= CAP or sort not in _SORTS[kind] or not all(understood):
            return Reply({"message": "Request body is not processable", "took": 0.001, "requestId": "1"}, 422)
        for term in understood:
            held = _that_hold(term, held) if term else held
        held = sorted(held, key=lambda one: _milliseconds(one[sort]), reverse=asked.one("order", "desc") == "desc")
        page = held[offset : offset + size]
        following = None
        if offset + size < len(held):
            query = urlencode({name: size, "offset": offset + size, "sort": sort, "order": asked.one("order")})
            following = f"/v1/alerts?{query}" if jsm else f"https://api.opsgenie.com{asked.path}?{query}"
        links = {"next": following} if following else {}
        return Reply({"values": page, "links": links} if jsm else {"data": page, "paging": links, "took": 0.01})


def _basic(login: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{login}:{password}'.encode()).decode()}"


_JSM = {_basic(*LOGIN), f"Bearer {KEY}"}


def _that_hold(term: re.Match[str], held: list[dict[str, Any]]) -> list[dict[str, Any]]:
    name, relation, number, field, word = term.groups()
    if field:
        return [one for one in held if one[field] == word]
    bound = int(number)
    if relation == "<":
        return [one for one in held if _milliseconds(one[name]) < bound]
    return [one for one in held if _milliseconds(one[name]) >= bound]


@cache
def _milliseconds(text: str) -> int:
    moment = datetime.fromisoformat(text)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1_000 + 0.5)
