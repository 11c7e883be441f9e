"""Jaeger's query service: API v3 (OTLP JSON) and the internal API of its user interface.

Written from https://www.jaegertracing.io/docs/1.76/architecture/apis/ and from
https://github.com/jaegertracing/jaeger: `internal/apiv3/query_parser.go` (names of parameters, both times required,
RFC 3339 with nanoseconds), `http_gateway.go` (404 "No traces found", `{"result": …}`), `query_parser.go` (service
required, microseconds, limit 100), `storage/v2/memory/tenant.go` (newest first, both ends included, found by any span
of the service) and `storage/v1/cassandra/spanstore/reader.go` (both ends left out, three rows of the index per trace).
"""

from datetime import datetime
from typing import Any

from tests.fakes.api import Asked, FakeApi, Reply

FOUND = {
    "result": {"resourceSpans": [{"resource": {}, "scopeSpans": [{"scope": {}, "spans": [{
        "endTimeUnixNano": "11651379494838206464", "kind": 2, "name": "foobar", "parentSpanId": "",
        "spanId": "00000000000000b4", "startTimeUnixNano": "11651379494838206464", "status": {"code": 2},
        "traceId": "000000000000009600000000000000a0"}]}]}]}
}  # fmt: skip
"""Recorded: cmd/query/app/apiv3/snapshots/FindTraces.json of jaegertracing/jaeger."""

KINDS = {"internal": 1, "server": 2, "client": 3, "producer": 4, "consumer": 5}


def span(trace: str, identity: str, service: str, micro: int, **more: Any) -> dict[str, Any]:
    """Return a span of the internal API, with its process inside as Jaeger's stores keep it."""
    return {"traceID": trace, "spanID": identity, "operationName": "GET /", "references": [], "startTime": micro,
            "duration": 1000, "tags": [], "logs": [], "warnings": None,
            "process": {"serviceName": service, "tags": []}, **more}  # fmt: skip


def spans_of(trace: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the spans of a trace as a file holds it, each with its process inside."""
    return [{**one, "process": trace["processes"][one["processID"]]} for one in trace["spans"]]


class FakeJaeger(FakeApi):
    """Holds spans. `store` is memory, cassandra, or by_start: one that finds a trace by its root only."""

    def __init__(self, spans: list[dict[str, Any]], store: str = "memory", most: int = 100_000) -> None:
        super().__init__()
        self.spans = spans
        self.store = store
        self.most = most
        self.stream = False

    def answer(self, asked: Asked) -> Reply:
        path = asked.path
        if path in {"/api/v3/services", "/api/services"}:
            names = sorted({name for one in self.spans if (name := one["process"]["serviceName"])})
            return Reply({"services": names} if "v3" in path else {"data": names, "total": len(names), "errors": None})
        if path.startswith(("/api/v3/traces/", "/api/traces/")):
            wanted = path.rsplit("/", 1)[1].lower().lstrip("0")
            return self._reply(
                [one for one in self.spans if one["traceID"].lower().lstrip("0") == wanted], "v3" in path
            )
        if path == "/api/v3/traces":
            return self._v3(asked)
        if path == "/api/traces":
            if not asked.one("service"):
                return Reply({"data": None, "errors": [{"code": 400, "msg": "parameter 'service' is required"}]}, 400)
            first, last, limit = (int(asked.one(name, text)) for name, text in
                                  (("start", "0"), ("end", "0"), ("limit", "100")))  # fmt: skip
            return self._search(asked.one("service"), first, last, limit, False)
        return Reply(b"404 page not found", 404)

    def _v3(self, asked: Asked) -> Reply:
        first, last = asked.one("query.start_time_min"), asked.one("query.start_time_max")
        if not first or not last:
            return refusal(400, "query.start_time_min and query.start_time_max are required")
        depth = int(asked.one("query.search_depth", asked.one("query.num_traces", "100")))
        return self._search(asked.one("query.service_name"), _micro(first), _micro(last), depth, True)

    def _search(self, service: str, first: int, last: int, limit: int, v3: bool) -> Reply:
        if limit <= 0 or limit > self.most:
            return refusal(500, "search depth must be greater than 0 and less than max traces")
        traces: dict[str, list[dict[str, Any]]] = {}
        for one in self.spans:
            traces.setdefault(one["traceID"], []).append(one)
        inner = range(first + 1, last) if self.store == "cassandra" else range(first, last + 1)
        if self.store == "by_start":
            starts = {trace: min((bool(one["references"]), one["startTime"]) for one in spans)[1]
                      for trace, spans in traces.items()}  # fmt: skip
            hits = [
                (starts[one["traceID"]], one["traceID"])
                for one in self.spans
                if one["process"]["serviceName"] == service
            ]
        else:
            hits = [
                (one["startTime"], one["traceID"]) for one in self.spans if one["process"]["serviceName"] == service
            ]
        hits = sorted((hit for hit in hits if hit[0] in inner), reverse=True)
        if self.store == "cassandra":
            hits = hits[: 3 * limit]
        found = list(dict.fromkeys(trace for _, trace in hits))[:limit]
        return self._reply([one for trace in found for one in traces[trace]], v3)

    def _reply(self, spans: list[dict[str, Any]], v3: bool) -> Reply:
        if v3 and not spans:
            return refusal(404, "No traces found")
        traces: dict[str, list[dict[str, Any]]] = {}
        for one in spans:
            traces.setdefault(one["traceID"], []).append(one)
        if v3 and self.stream:
            lines = [
                Reply({"result": {"resourceSpans": [otlp(one) for one in trace]}}).body for trace in traces.values()
            ]
            return Reply(b"\n".join(lines) + b"\n")
        if v3:
            return Reply({"result": {"resourceSpans": [otlp(one) for one in spans]}})
        return Reply({"data": [_internal(trace, found) for trace, found in traces.items()],
                      "total": 0, "limit": 0, "offset": 0, "errors": None})  # fmt: skip


def refusal(status: int, message: str) -> Reply:
    """Return an error as API v3 sends it."""
    return Reply({"error": {"httpCode": status, "message": message}}, status)


def otlp(one: dict[str, Any]) -> dict[str, Any]:
    """Return a span as API v3 sends it: its resource, its scope, itself."""
    tags = {tag["key"]: tag["value"] for tag in one.get("tags", [])}
    parent = next((ref["spanID"] for ref in one["references"] if ref["refType"] == "CHILD_OF"), "")
    began = one["startTime"] * 1000 + one.get("nanoseconds", 0)
    service = {"key": "service.name", "value": {"stringValue": one["process"]["serviceName"]}}
    return {"resource": {"attributes": [service]}, "scopeSpans": [{"scope": {}, "spans": [{
        "traceId": one["traceID"].rjust(32, "0"), "spanId": one["spanID"].rjust(16, "0"), "parentSpanId": parent,
        "name": one["operationName"], "kind": KINDS[tags.pop("span.kind", "internal")],
        "startTimeUnixNano": str(began), "endTimeUnixNano": str(began + one["duration"] * 1000),
        "attributes": [{"key": key, "value": {"stringValue": str(value)}} for key, value in tags.items()],
        "status": {"code": 2} if str(tags.get("error")).lower() == "true" else {}}]}]}  # fmt: skip


def _internal(trace: str, spans: list[dict[str, Any]]) -> dict[str, Any]:
    processes = {f"p{number}": one["process"] for number, one in enumerate(spans)}
    plain = [{**one, "processID": f"p{number}", "process": None} for number, one in enumerate(spans)]
    return {"traceID": trace, "spans": plain, "processes": processes, "warnings": None}


def _micro(text: str) -> int:
    moment = datetime.fromisoformat(text)
    return int(moment.replace(microsecond=0).timestamp()) * 1_000_000 + moment.microsecond
