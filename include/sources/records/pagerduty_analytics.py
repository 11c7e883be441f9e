"""What PagerDuty's analytics measured of incidents, as labels of their rows.

https://developer.pagerduty.com/api-reference/c2d493e995071-get-raw-data-multiple-incidents. Analytics is up to a day
behind: an incident that it does not know yet keeps its row as it is.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from include.datasets import canonical_labels
from include.http import AnswerInvalid, HttpClient, Rejected
from include.http.answer import read_json
from include.sources.records.said import UNREADABLE, labels_of
from include.window import Window

PATH = "/analytics/raw/incidents"
MEASURES = (
    "seconds_to_first_ack", "seconds_to_resolve", "seconds_to_engage", "seconds_to_mobilize", "engaged_seconds",
    "engaged_user_count", "assignment_count", "escalation_count", "business_hour_interruptions",
    "off_hour_interruptions", "sleep_hour_interruptions", "snoozed_seconds", "user_defined_effort_seconds", "major",
)  # fmt: skip
"""Each becomes a label of the same name."""
_LIMIT = 1_000

Measures = Mapping[str, Mapping[str, Any]]


def add_measures(client: HttpClient, rows: list[dict[str, Any]], window: Window, listed: Measures) -> None:
    """Add to the labels of incident rows what analytics knows: of those that opened in the window from `listed`.

    Older ones are asked for one by one.
    """
    for row in rows:
        if row["labels"] is None:
            continue
        identity = row["incident_id"]
        found = listed.get(identity) if row["opened_at"] in window else _one(client, identity)
        try:
            labels = labels_of({name: found.get(name) for name in MEASURES}) if found else {}
        except UNREADABLE:
            continue
        if labels:
            row["labels"] = canonical_labels({**json.loads(row["labels"]), **labels})


def measures_of(client: HttpClient, window: Window, teams: Sequence[str]) -> Measures:
    """Return what is measured of the incidents that opened in the window, by id.

    A cursor that PagerDuty does not take any more makes the list start again, once. Raises `AnswerInvalid` when a
    page repeats or there is no list.
    """
    filters = {
        # "greater than", so the first moment of the window needs a start before it.
        "created_at_start": (window.start - timedelta(seconds=1)).isoformat(),
        "created_at_end": window.end.isoformat(),
        **({"team_ids": list(teams)} if teams else {}),
    }
    asked = {"filters": filters, "limit": _LIMIT, "order": "asc", "order_by": "created_at", "time_zone": "Etc/UTC"}
    found: dict[str, Mapping[str, Any]] = {}
    after, again = None, False
    while True:
        try:
            answer = client.fetch("POST", PATH, read_json, json={**asked, "starting_after": after} if after else asked)
        except Rejected as error:
            if after is None or again or error.status != 400:
                raise
            after, again = None, True
            continue
        data = answer.get("data") if isinstance(answer, dict) else None
        if not isinstance(data, list):
            raise AnswerInvalid(PATH, "answered without data", "Check that the account has analytics")
        found.update((str(one["id"]), one) for one in data if isinstance(one, dict) and "id" in one)
        if not answer.get("more"):
            return found
        if answer.get("last") in {None, after}:
            raise AnswerInvalid(PATH, "says that there is more and gives the same page again", "Try again later")
        after = answer["last"]


def _one(client: HttpClient, identity: str) -> Mapping[str, Any] | None:
    """Return what is measured of one incident, None where analytics does not know it."""
    try:
        answer = client.get_json(f"{PATH}/{identity}", {"time_zone": "Etc/UTC"})
    except Rejected as error:
        if error.status == 404:
            return None
        raise
    found = answer.get("data", answer) if isinstance(answer, dict) else None
    return found if isinstance(found, dict) else None
