"""A fake Datadog: timeseries and log search of its API v2.

Formats: https://docs.datadoghq.com/api/latest/metrics/#query-timeseries-data-across-multiple-products and
https://docs.datadoghq.com/api/latest/logs/#search-logs-post. It enforces what is documented there: both keys (403),
`interval` overruled where a range would bring more than 1,500 points, at most 1,000 lines a page (400), a cursor that
goes on where the last page ended and is refused (400) once it is no longer known.
"""

import base64
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from tests.fakes.api import Asked, FakeApi, Reply

API_KEY, APP_KEY = "api-key", "app-key"
MOST_POINTS = 1_500
PAGE = 1_000


class FakeDatadog(FakeApi):
    """`series` is tags → ms → value; `logs` are the lines, ordered by time when they are asked for.

    `page_number` counts the pages of logs given; `before_page` is called with it, so that a test can change what is
    there; `forget` names pages whose cursor is refused.
    """

    def __init__(self) -> None:
        super().__init__()
        self.series: dict[tuple[str, ...], Mapping[int, float]] = {}
        self.unit: Any = None
        self.roll_up_to: int | None = None
        self.logs: list[dict[str, Any]] = []
        self.meta: dict[str, Any] = {"status": "done", "elapsed": 12}
        self.page_number = 0
        self.before_page: Callable[[int], None] = lambda _: None
        self.forget: set[int] = set()

    def answer(self, asked: Asked) -> Reply:
        keys = {name.lower(): value for name, value in asked.headers.items()}
        if (keys.get("dd-api-key"), keys.get("dd-application-key")) != (API_KEY, APP_KEY):
            return Reply({"errors": ["Forbidden"]}, 403)
        if asked.method == "POST" and asked.path == "/api/v2/query/timeseries":
            return self._timeseries(asked.json["data"]["attributes"])
        if asked.method == "POST" and asked.path == "/api/v2/logs/events/search":
            return self._search(asked.json)
        return Reply({"errors": ["Not found"]}, 404)

    def _timeseries(self, wanted: dict[str, Any]) -> Reply:
        if "{" not in wanted["queries"][0]["query"]:
            return Reply({"errors": ["Error parsing query: unable to parse"]}, 400)
        first, last, interval = wanted["from"], wanted["to"], wanted["interval"]
        while (last - first) / interval > MOST_POINTS or interval < (self.roll_up_to or 0):
            interval *= 5
        buckets: dict[tuple[str, ...], dict[int, list[float]]] = {}
        for tags, points in self.series.items():
            for at, value in points.items():
                if first <= at < last:
                    buckets.setdefault(tags, {}).setdefault(at // interval * interval, []).append(value)
        times = sorted({at for points in buckets.values() for at in points})
        attributes = {
            "series": [{"group_tags": list(tags), "query_index": 0, "unit": self.unit} for tags in buckets],
            "times": times,
            "values": [
                [sum(points[at]) / len(points[at]) if at in points else None for at in times]
                for points in buckets.values()
            ],
        }
        return Reply({"data": {"id": "0", "type": "timeseries_response", "attributes": attributes}})

    def _search(self, wanted: dict[str, Any]) -> Reply:
        limit = wanted["page"].get("limit", 10)
        if not 1 <= limit <= PAGE:
            return Reply({"errors": ["input_validation_error(Field 'page.limit' is invalid: between 1 and 1000)"]}, 400)
        self.page_number += 1
        self.before_page(self.page_number)
        cursor = wanted["page"].get("cursor")
        if cursor and self.page_number in self.forget:
            return Reply({"errors": ["input_validation_error(Field 'page.cursor' is invalid: cursor expired)"]}, 400)
        first, last = _ms(wanted["filter"]["from"]), _ms(wanted["filter"]["to"])
        found = sorted(
            (line for line in self.logs if first <= _at(line) <= last), key=lambda one: (_at(one), one["id"])
        )
        if cursor:
            after = tuple(json.loads(base64.b64decode(cursor))["after"])
            found = [line for line in found if (_at(line), line["id"]) > after]
        page = found[:limit]
        document: dict[str, Any] = {"data": page, "meta": dict(self.meta)}
        if page:
            token = json.dumps({"after": [_at(page[-1]), page[-1]["id"]]})
            document["meta"]["page"] = {"after": base64.b64encode(token.encode()).decode()}
        return Reply(document)


def line(number: int, at: datetime, **attributes: Any) -> dict[str, Any]:
    """Return a log line of the documented form."""
    said = {"service": "cart", "host": "i-0123", "status": "info", "message": f"line {number}", "tags": ["env:prod"]}
    timestamp = at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"id": f"AQ{number:08}", "type": "log", "attributes": {**said, "timestamp": timestamp, **attributes}}


def _at(entry: dict[str, Any]) -> int:
    return _ms(entry["attributes"]["timestamp"])


def _ms(text: str) -> int:
    return int(text) if text.isdecimal() else round(datetime.fromisoformat(text).timestamp() * 1000)
