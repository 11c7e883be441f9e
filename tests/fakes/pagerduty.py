"""PagerDuty's REST API v2 as it is documented: incidents, their log, analytics; with its caps, zones and refusals.

https://developer.pagerduty.com/api-reference/9d0b4b12e36f9-list-incidents, …/c661e065403b5-list-log-entries,
https://developer.pagerduty.com/docs/pagination (offset + limit ≤ 10,000), …/docs/rest-api-rate-limits and
…/c2d493e995071-get-raw-data-multiple-incidents (cursors).
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from tests.fakes.api import Asked, FakeApi, Reply

KEY = "y_NbAkKc66ryYTWUXYEu"
CAP = 10_000
_ACCOUNT_ZONE = timezone(timedelta(hours=-5))

# The documentation's own examples of an incident and of an entry of its log.
INCIDENT: dict[str, Any] = {
    "id": "PT4KHLK",
    "type": "incident",
    "summary": "[#1234] The server is on fire.",
    "self": "https://api.pagerduty.com/incidents/PT4KHLK",
    "html_url": "https://subdomain.pagerduty.com/incidents/PT4KHLK",
    "incident_number": 1234,
    "title": "The server is on fire.",
    "created_at": "2015-10-06T21:30:42Z",
    "updated_at": "2015-10-06T21:40:23Z",
    "status": "resolved",
    "incident_key": "baf7cf21b1da41b4b0221008339ff357",
    "service": {"id": "PIJ90N7", "type": "service_reference", "summary": "My Mail Service"},
    "assignments": [],
    "last_status_change_at": "2015-10-06T21:38:23Z",
    "resolved_at": "2015-10-06T21:38:23Z",
    "escalation_policy": {
        "id": "PT20YPA",
        "type": "escalation_policy_reference",
        "summary": "Another Escalation Policy",
    },
    "teams": [{"id": "PQ9K7I8", "type": "team_reference", "summary": "Engineering"}],
    "priority": {"id": "P53ZZH5", "type": "priority_reference", "summary": "P2"},
    "urgency": "high",
    "resolve_reason": None,
    "acknowledgements": [],
}
ENTRY: dict[str, Any] = {
    "id": "Q02JTSNZWHSEKV",
    "type": "trigger_log_entry",
    "summary": "Triggered through the API",
    "self": "https://api.pagerduty.com/log_entries/Q02JTSNZWHSEKV?incident_id=PT4KHLK",
    "html_url": "https://subdomain.pagerduty.com/incidents/PT4KHLK/log_entries/Q02JTSNZWHSEKV",
    "created_at": "2015-11-07T00:14:20Z",
    "agent": {"id": "PIJ90N7", "type": "service_reference", "summary": "My Mail Service"},
    "channel": {"type": "api"},
    "incident": {"id": "PT4KHLK", "type": "incident_reference", "summary": "[#1234] The server is on fire."},
    "teams": [{"id": "PQ9K7I8", "type": "team_reference", "summary": "Engineering"}],
    "contexts": [],
    "event_details": {"description": "Tasks::SFDCValidator - PD_Data__c - duplicates"},
}
MEASURED: dict[str, Any] = {
    "assignment_count": 4, "business_hour_interruptions": 5, "created_at": "2020-05-31T10:05:00",
    "description": "The server is on fire!", "engaged_seconds": 3510, "engaged_user_count": 10, "escalation_count": 1,
    "id": "PYC0H08", "incident_number": 928, "major": False, "off_hour_interruptions": 4, "priority_id": None,
    "priority_name": None, "resolved_at": "2020-05-31T10:15:00", "seconds_to_engage": 70, "seconds_to_first_ack": 5,
    "seconds_to_mobilize": 19, "seconds_to_resolve": 3305, "service_id": "PPSCXAN", "service_name": "Engineering",
    "sleep_hour_interruptions": 3, "snoozed_seconds": 604, "team_id": None, "team_name": None, "urgency": "low",
    "user_defined_effort_seconds": None,
}  # fmt: skip


class FakePagerDuty(FakeApi):
    """Holds incidents, entries of their log, and measures; times may carry any zone.

    `ends` says which end of a range belongs to it, "[)" or "(]": the documentation does not. `before` is called with
    each request and may change what the account holds, or answer by itself. `page` is the most that analytics gives.
    """

    def __init__(self, ends: str = "[)") -> None:
        super().__init__()
        self.incidents: list[dict[str, Any]] = []
        self.entries: list[dict[str, Any]] = []
        self.measures: list[dict[str, Any]] = []
        self.before: Callable[[Asked], Reply | None] = lambda _: None
        self.page = 1_000
        self._ends = ends

    def answer(self, asked: Asked) -> Reply:
        if asked.headers.get("Authorization") != f"Token token={KEY}":
            return _error(401, 2006, "Requires authentication")
        if "version=2" not in asked.headers.get("Accept", ""):
            return _error(400, 2001, "Ask for application/vnd.pagerduty+json;version=2")
        return self.before(asked) or self._found(asked)

    def _found(self, asked: Asked) -> Reply:
        reply = _error(404, 2100, "Not Found")
        match asked.path.strip("/").split("/"):
            case ["incidents"]:
                newest_first = asked.one("sort_by").endswith("desc")
                reply = self._list(asked, "incidents", self.incidents, newest_first=newest_first)
            case ["incidents", identity]:
                for one in (one for one in self.incidents if one["id"] == identity):
                    reply = Reply({"incident": _zoned(one, asked)})
            case ["log_entries"]:
                reply = self._list(asked, "log_entries", self.entries)
            case ["incidents", identity, "log_entries"]:
                own = [entry for entry in self.entries if entry["incident"]["id"] == identity]
                reply = self._list(asked, "log_entries", own, ranged=False)
            case ["analytics", "raw", "incidents"]:
                reply = self._analytics(asked)
            case ["analytics", "raw", "incidents", identity]:
                for one in (one for one in self.measures if one["id"] == identity):
                    reply = Reply({"time_zone": "Etc/UTC", "data": one})
        return reply

    def _list(
        self, asked: Asked, key: str, held: list[dict[str, Any]], *, ranged: bool = True, newest_first: bool = True
    ) -> Reply:
        limit, offset = min(int(asked.one("limit", "25")), 100), int(asked.one("offset", "0"))
        if offset + limit > CAP:
            return _error(400, 2001, "Offset plus limit must be at most 10000")
        if ranged:
            since, until = _time(asked.one("since")), _time(asked.one("until"))
            if until - since > timedelta(days=184):
                return _error(400, 2001, "The date range may not be longer than 6 months")
            held = [one for one in held if self._within(_time(one["created_at"]), since, until)]
        teams = set(asked.query.get("team_ids[]", []))
        held = [one for one in held if not teams or teams & {team["id"] for team in one["teams"]}]
        held = sorted(held, key=lambda one: _time(one["created_at"]), reverse=newest_first)
        page = [_zoned(one, asked) for one in held[offset : offset + limit]]
        total = len(held) if asked.one("total") == "true" else None
        return Reply({key: page, "limit": limit, "offset": offset, "more": offset + limit < len(held), "total": total})

    def _within(self, at: datetime, since: datetime, until: datetime) -> bool:
        return since <= at < until if self._ends == "[)" else since < at <= until

    def _analytics(self, asked: Asked) -> Reply:
        said = asked.json
        start, end = (_time(said["filters"][name]) for name in ("created_at_start", "created_at_end"))
        if not 1 <= said["limit"] <= 1_000:
            return _error(400, 2001, "limit")
        held = [one for one in self.measures if start < _time(one["created_at"]) < end]
        held.sort(key=lambda one: (one["created_at"], one["id"]))
        after = said.get("starting_after")
        names = [one["id"] for one in held]
        if after is not None and after not in names:
            return _error(400, 2001, "starting_after is not a cursor")
        first = names.index(after) + 1 if after else 0
        page = held[first : first + min(said["limit"], self.page)]
        more = first + len(page) < len(held)
        last = page[-1]["id"] if page else None
        return Reply(
            {"data": page, "first": page and page[0]["id"], "last": last, "limit": said["limit"], "more": more}
        )


def _error(status: int, code: int, message: str) -> Reply:
    return Reply({"error": {"message": message, "code": code, "errors": [message]}}, status)


def _time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _zoned(one: dict[str, Any], asked: Asked) -> dict[str, Any]:
    """Return a record with its creation in the account's own time zone, unless UTC was asked for."""
    if asked.one("time_zone") == "UTC":
        return one
    return {**one, "created_at": _time(one["created_at"]).astimezone(_ACCOUNT_ZONE).replace(tzinfo=None).isoformat()}
