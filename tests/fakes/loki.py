"""Loki's query API as it is documented: pages from a nanosecond on, caps, tenants, structured metadata.

https://grafana.com/docs/loki/latest/reference/loki-http-api/ (query_range, series; start inclusive, end exclusive) and
https://grafana.com/docs/loki/latest/operations/troubleshooting/ (the text of max_entries_limit_per_query and of the
longest range). The encoding flag `categorize-labels` is the header that Grafana itself sends.
"""

import json
import re
from collections.abc import Callable, Iterable
from typing import Any

from tests.fakes.api import Asked, FakeApi, Reply

# The documentation's own answer to `query={job="varlogs"}`, its statistics shortened.
DOCUMENTED: dict[str, Any] = {
    "status": "success",
    "data": {
        "resultType": "streams",
        "result": [
            {
                "stream": {"filename": "/var/log/myproject.log", "job": "varlogs", "level": "info"},
                "values": [["1569266497240578000", "foo"], ["1569266492548155000", "bar"]],
            }
        ],
        "stats": {"summary": {"execTime": 0, "totalLinesProcessed": 0}},
    },
}
LONGEST = 721 * 3600 * 10**9
_MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*("(?:[^"\\]|\\.)*")')

Entry = tuple[dict[str, str], int, str, dict[str, str]]


class FakeLoki(FakeApi):
    """Holds entries: labels, nanosecond, line, structured metadata. `cap` is max_entries_limit_per_query."""

    def __init__(self, cap: int = 5_000, tenant: str | None = None) -> None:
        super().__init__()
        self.entries: list[Entry] = []
        self.cap = cap
        self.tenant = tenant
        self.understands_flags = True
        self.warnings: list[str] = []

    def log(self, ns: int, line: str, metadata: dict[str, str] | None = None, **labels: str) -> None:
        """Keep one line."""
        self.entries.append((labels, ns, line, metadata or {}))

    @property
    def pages(self) -> int:
        """How many pages were asked for."""
        return sum(asked.path == "/loki/api/v1/query_range" for asked in self.asked)

    def answer(self, asked: Asked) -> Reply:
        if self.tenant and asked.headers.get("X-Scope-OrgID") != self.tenant:
            return Reply(b"no org id\n", 401, {"Content-Type": "text/plain"})
        start, end = int(asked.one("start")), int(asked.one("end"))
        if end <= start:
            return _bad("end timestamp must not be before or equal to start time")
        if end - start > LONGEST:
            return _bad("the query time range exceeds the limit (query length: 744h0m0s, limit: 30d1h)")
        return {"/loki/api/v1/series": self._series, "/loki/api/v1/query_range": self._page}[asked.path](
            asked, start, end
        )

    def _series(self, asked: Asked, start: int, end: int) -> Reply:
        streams = {json.dumps(labels): labels for labels, *_ in self._found(asked.one("match[]"), start, end)}
        return Reply({"status": "success", "data": list(streams.values())})

    def _page(self, asked: Asked, start: int, end: int) -> Reply:
        limit = int(asked.one("limit", "100"))
        if limit > self.cap:
            return _bad(
                f"max entries limit per query exceeded, limit > max_entries_limit_per_query ({limit} > {self.cap})"
            )
        backward = asked.one("direction", "backward") == "backward"
        found = sorted(self._found(asked.one("query"), start, end), key=lambda entry: entry[1], reverse=backward)
        flagged = self.understands_flags and "categorize-labels" in asked.headers.get(
            "X-Loki-Response-Encoding-Flags", ""
        )
        data: dict[str, Any] = {"resultType": "streams", "result": _streams(found[:limit], flagged), "stats": {}}
        if flagged:
            data["encodingFlags"] = ["categorize-labels"]
        return Reply({"status": "success", "data": data, **({"warnings": self.warnings} if self.warnings else {})})

    def _found(self, query: str, start: int, end: int) -> Iterable[Entry]:
        selector, _, filters = query.partition("}")
        matchers = [(name, how, json.loads(text)) for name, how, text in _MATCHER.findall(selector)]
        wanted = [json.loads(text) for text in re.findall(r'\|=\s*("(?:[^"\\]|\\.)*")', filters)]
        for entry in self.entries:
            labels, ns, line, _ = entry
            among = all(_MATCHES[how](labels.get(name, ""), text) for name, how, text in matchers)
            if among and start <= ns < end and all(text in line for text in wanted):
                yield entry


_MATCHES: dict[str, Callable[[str, str], bool]] = {
    "=": lambda value, text: value == text,
    "!=": lambda value, text: value != text,
    "=~": lambda value, text: re.fullmatch(text, value) is not None,
    "!~": lambda value, text: re.fullmatch(text, value) is None,
}


def _streams(entries: Iterable[Entry], flagged: bool) -> list[dict[str, Any]]:
    streams: dict[str, dict[str, Any]] = {}
    for labels, ns, line, metadata in entries:
        own = labels if flagged else {**labels, **metadata}
        stream = streams.setdefault(json.dumps(own), {"stream": own, "values": []})
        told = [{"structuredMetadata": metadata} if metadata else {}] if flagged else []
        stream["values"].append([str(ns), line, *told])
    return list(streams.values())


def _bad(text: str) -> Reply:
    return Reply(text.encode(), 400, {"Content-Type": "text/plain"})
