"""Zipkin's API v2, written from https://zipkin.io/zipkin-api/zipkin2-api.yaml and from `QueryRequest.java` of
https://github.com/openzipkin/zipkin: milliseconds, `lookback` above zero, both ends included. In memory a trace is
found by its root's time, or by its first span's without a root; in Elasticsearch by any span's `timestamp_millis`.
"""

from typing import Any

from tests.fakes.api import Asked, FakeApi, Reply


class FakeZipkin(FakeApi):
    """Holds spans; the newest traces come first. `strict`: trace ids of 64 and of 128 bits are never the same."""

    def __init__(self, spans: list[dict[str, Any]], store: str = "memory", strict: bool = True) -> None:
        super().__init__()
        self.spans = spans
        self.store = store
        self.strict = strict

    def answer(self, asked: Asked) -> Reply:
        if asked.path == "/api/v2/traces":
            end, lookback, limit = (int(asked.one(name, text)) for name, text in
                                    (("endTs", "0"), ("lookback", "86400000"), ("limit", "10")))  # fmt: skip
            for name, number in (("endTs", end), ("limit", limit), ("lookback", lookback)):
                if number <= 0:
                    return Reply(f"{name} <= 0".encode(), 400)
            found = [trace for trace in self.traces() if self._fits(trace, end - lookback, end)]
            found.sort(key=lambda trace: max(one.get("timestamp", 0) for one in trace), reverse=True)
            return Reply(found[:limit])
        if asked.path.startswith("/api/v2/trace/"):
            wanted = asked.path.rsplit("/", 1)[1].lower().rjust(16, "0")
            spans = [one for one in self.spans if one["traceId"].lower().rjust(16, "0")[-16:] == wanted[-16:]]
            return Reply(spans) if spans else Reply(f"{wanted} not found".encode(), 404)
        return Reply(b"not found", 404)

    def traces(self) -> list[list[dict[str, Any]]]:
        """Return the spans of each trace."""
        found: dict[str, list[dict[str, Any]]] = {}
        for one in self.spans:
            found.setdefault(one["traceId"] if self.strict else one["traceId"][-16:], []).append(one)
        return list(found.values())

    def _fits(self, trace: list[dict[str, Any]], begin: int, end: int) -> bool:
        times = [one["timestamp"] for one in trace if one.get("timestamp")]
        if self.store == "elasticsearch":
            return any(begin <= micro // 1000 <= end for micro in times)
        roots = [one["timestamp"] for one in trace if "parentId" not in one and one.get("timestamp")]
        return bool(times) and begin * 1000 <= (roots[0] if roots else min(times)) <= end * 1000
