"""Search with points in time, as Elasticsearch 8 and OpenSearch 2 document it.

https://www.elastic.co/guide/en/elasticsearch/reference/8.17/paginate-search-results.html (search_after, the tie-breaker
`_shard_doc`, 10,000 hits), …/point-in-time-api.html, …/sort-search-results.html (numeric_type: sort values of
`date_nanos` are nanoseconds), https://docs.opensearch.org/2.19/search-plugins/searching-data/point-in-time-api/, and
https://github.com/opensearch-project/OpenSearch/issues/17064 (no `_shard_doc` before 3.3).
"""

import copy
import re
from datetime import datetime
from typing import Any

from tests.fakes.api import Asked, FakeApi, Reply

WINDOW = 10_000
API_KEY = "VnVhQ2ZHY0JDZGJrUW0tZTVhT3g6dWkybHAyYXhUTm1zeWFrdzl0dk5udw"

# A hit in the documentation's form, with the fields of the Elastic Common Schema.
HIT: dict[str, Any] = {
    "_index": ".ds-logs-nginx.access-default-2026.10.01-000001",
    "_id": "DHtDfIwB5zHRqLhVzwYc",
    "_score": None,
    "_source": {
        "@timestamp": "2026-10-01T12:00:00.123+02:00",
        "message": "GET /cart 503",
        "service": {"name": "cart", "version": "1.4.2"},
        "host": {"name": "node-1", "ip": ["10.0.0.7"]},
        "log": {"level": "error", "logger": "access", "file": {"path": "/var/log/nginx/access.log"}},
        "trace": {"id": "4BF92F3577B34DA6A3CE929D0E0E4736"},
        "span.id": "00F067AA0BA902B7",
        "http": {"response": {"status_code": 503}},
    },
    "sort": [1790848800123000000, 4294967298],
}


class FakeElasticsearch(FakeApi):
    """Holds documents: index, id, nanosecond, source. Of a point in time it keeps a copy.

    `expire_after` searches a point in time is gone, once for each number in the list. `spoils` are merged into the
    next answers of a search, one each.
    """

    def __init__(self, flavour: str = "elasticsearch") -> None:
        super().__init__()
        self.flavour = flavour
        self.documents: list[dict[str, Any]] = []
        self.expire_after: list[int] = []
        self.spoils: list[dict[str, Any]] = []
        self.authorization: str | None = None
        self.views: dict[str, list[dict[str, Any]]] = {}
        self.opened = 0
        self._searches = 0

    def index(self, ns: int, identity: str, index: str = "logs-shop", **source: Any) -> None:
        """Keep one document."""
        self.documents.append({"_index": index, "_id": identity, "_ns": ns, "_source": source})

    @property
    def searches(self) -> list[Any]:
        """The bodies of all searches."""
        return [asked.json for asked in self.asked if asked.path == "/_search"]

    def answer(self, asked: Asked) -> Reply:
        if self.authorization and asked.headers.get("Authorization") != self.authorization:
            return _error(401, "security_exception", "unable to authenticate user")
        opened = "/_pit" if self.flavour == "elasticsearch" else "/_search/point_in_time"
        if asked.method == "DELETE" and asked.path == opened:
            given = asked.json["id"] if self.flavour == "elasticsearch" else asked.json["pit_id"][0]
            return Reply({"succeeded": self.views.pop(given, None) is not None, "num_freed": 1})
        if asked.method == "POST" and asked.path.endswith(opened):
            return self._open(asked.path.removesuffix(opened).strip("/"), asked.one("keep_alive"))
        if asked.method == "POST" and asked.path == "/_search":
            return self._search(asked.json)
        return _error(405, "illegal_argument_exception", f"no handler for {asked.method} {asked.path}")

    def _open(self, pattern: str, keep_alive: str) -> Reply:
        if not re.fullmatch(r"\d+s", keep_alive):
            return _error(400, "illegal_argument_exception", "[keep_alive] is not specified")
        names = {document["_index"] for document in self.documents}
        if "*" not in pattern and pattern not in names:
            return _error(404, "index_not_found_exception", f"no such index [{pattern}]")
        glob = re.compile(pattern.replace("*", ".*"))
        self.opened += 1
        self._searches = 0
        view = [copy.deepcopy(one) for one in self.documents if glob.fullmatch(one["_index"])]
        # Another point in time may use another copy of each shard: its order says nothing about the last one's.
        for number, one in enumerate(view if self.opened % 2 else reversed(view)):
            one["_shard_doc"] = number
        identity = f"46ToAwMDaWR5{self.opened}"
        self.views[identity] = view
        return Reply({"id" if self.flavour == "elasticsearch" else "pit_id": identity})

    def _search(self, body: dict[str, Any]) -> Reply:
        self._searches += 1
        if self.expire_after and self._searches > self.expire_after[0]:
            self.expire_after.pop(0)
            self.views.clear()
        view = self.views.get(body["pit"]["id"])
        if view is None:
            return _error(404, "search_context_missing_exception", "No search context found for id [462]")
        if body["size"] > WINDOW:
            return _error(400, "illegal_argument_exception", f"Result window is too large, size must be <= [{WINDOW}]")
        (by_time, tie) = (next(iter(one)) for one in body["sort"])
        allowed = {"elasticsearch": "_shard_doc", "opensearch": "_id"}[self.flavour]
        if tie.startswith("_") and tie != allowed:
            return _error(400, "illegal_argument_exception", f"No mapping found for [{tie}] in order to sort on")
        assert body["sort"][0][by_time] == {"order": "asc", "numeric_type": "date_nanos"}
        found = [
            one for one in view if all(_matches(one, wanted, by_time) for wanted in body["query"]["bool"]["filter"])
        ]
        total = {"value": len(found), "relation": "eq"}
        found.sort(key=lambda one: _sort(one, tie))
        if after := body.get("search_after"):
            found = [one for one in found if _sort(one, tie) > after]
        hits = [
            {**{name: one[name] for name in ("_index", "_id", "_source")}, "_score": None, "sort": _sort(one, tie)}
            for one in found[: body["size"]]
        ]
        shards = len({one["_index"] for one in view})
        answer = {
            "pit_id": body["pit"]["id"], "took": 17, "timed_out": False,
            "_shards": {"total": shards, "successful": shards, "skipped": 0, "failed": 0},
            "hits": {"max_score": None, "hits": hits, **({"total": total} if body["track_total_hits"] else {})},
        }  # fmt: skip
        return Reply({**answer, **(self.spoils.pop(0) if self.spoils else {})})


def _sort(one: dict[str, Any], tie: str) -> list[Any]:
    return [one["_ns"], one[tie] if tie.startswith("_") else one["_source"][tie]]


def _matches(one: dict[str, Any], wanted: dict[str, Any], time_field: str) -> bool:
    if "range" in wanted:
        asked = wanted["range"][time_field]
        assert asked["format"] == "strict_date_optional_time_nanos"
        return _ns(asked["gte"]) <= one["_ns"] < _ns(asked["lt"])
    name, _, text = wanted["query_string"]["query"].partition(":")
    value: Any = one["_source"]
    for step in name.split("."):
        value = value.get(step, {})
    return bool(value == text)


def _ns(text: str) -> int:
    seconds, _, fraction = text.removesuffix("Z").partition(".")
    return int(datetime.fromisoformat(seconds + "+00:00").timestamp()) * 10**9 + int(fraction.ljust(9, "0"))


def _error(status: int, kind: str, reason: str) -> Reply:
    root = {"type": kind, "reason": reason}
    if kind == "search_context_missing_exception":
        told: dict[str, Any] = {
            "root_cause": [root], "type": "search_phase_execution_exception", "reason": "all shards failed",
            "phase": "query", "grouped": True, "failed_shards": [{"shard": 0, "reason": root}],
        }  # fmt: skip
    else:
        told = {"root_cause": [root], **root}
    return Reply({"error": told, "status": status}, status)
