"""Grafana Tempo's HTTP API, written from https://grafana.com/docs/tempo/latest/api_docs/: search takes the first N
traces in seconds of time (20 by default), and a trace comes whole by its id, by v1 as `batches`, by v2 below `trace`.
"""

from typing import Any

from tests.fakes.api import Asked, FakeApi, Reply


class FakeTempo(FakeApi):
    """Holds the resourceSpans of each trace by its id; `partial` are ids of which v2 gives only a part."""

    def __init__(self, traces: dict[str, list[dict[str, Any]]]) -> None:
        super().__init__()
        self.traces = traces
        self.partial: set[str] = set()

    def answer(self, asked: Asked) -> Reply:
        if asked.path == "/api/search":
            begin, end = int(asked.one("start")), int(asked.one("end"))
            fits = [one for one in self.traces if any(begin * 10**9 <= at < end * 10**9 for at in self.starts(one))]
            found = [{"traceID": one, "startTimeUnixNano": str(self.starts(one)[0]), "durationMs": 1} for one in fits]
            return Reply({"traces": found[: int(asked.one("limit", "20"))], "metrics": {"totalBlocks": 13}})
        identity = asked.path.rsplit("/", 1)[1].lower()
        if identity not in self.traces:
            return Reply(b"trace not found", 404)
        if asked.path.startswith("/api/v2/traces/"):
            cut = {"status": "PARTIAL", "message": "trace exceeds max size"} if identity in self.partial else {}
            return Reply({"trace": {"resourceSpans": self.traces[identity]}, "metrics": {}, **cut})
        return Reply({"batches": self.traces[identity]})

    def starts(self, identity: str) -> list[int]:
        """Return when the spans of a trace begin, in nanoseconds."""
        return [int(one["startTimeUnixNano"]) for group in self.traces[identity] for scope in group["scopeSpans"]
                for one in scope["spans"]]  # fmt: skip
