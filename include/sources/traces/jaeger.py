"""Reads spans from Jaeger, by its stable API v3 (OTLP) or by the internal one of its user interface.

Neither pages: a search brings at most `limit` traces, so a window that has more is halved until each part is whole.
"Fields are matched against individual spans, not the trace level" (proto/api_v3/query_service.proto of jaeger-idl), so
asking for each service brings each span in the window, however old its trace is.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc

from include.config.options.jaeger import JaegerFeed
from include.http import AnswerInvalid, HttpClient, Rejected
from include.sources.base import Source, SourceAnswerInvalid, SourceRejected, speaking_of
from include.sources.files.facts import spans_once
from include.sources.opening import Opening, cannot
from include.sources.traces.documents import read_documents
from include.sources.traces.jaeger_spans import jaeger_rows
from include.sources.traces.otlp import otlp_rows
from include.sources.traces.search import CLOCK_SKEW, Part, TraceSearch, first_time, part_of, table_of
from include.sources.traces.spans import Row, batches, uncollected
from include.window import Window

_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NOTHING = ("no traces found", "trace not found")
_SERVICES = {"v3": "/api/v3/services", "internal": "/api/services"}
_TRACES = {"v3": "/api/v3/traces", "internal": "/api/traces"}
_ROWS: Mapping[str, Callable[[Any], Iterator[Row]]] = {"v3": otlp_rows, "internal": jaeger_rows}


class JaegerSource:
    """Reads the spans of one Jaeger."""

    def __init__(self, name: str, options: JaegerFeed, connect: Callable[[], HttpClient]) -> None:
        self._name = name
        self._options = options
        self._connect = connect
        self.warnings: list[str] = []

    def read(self, window: Window) -> Iterator[pa.RecordBatch]:
        """Yield the window's spans, service by service, and within one in order of time.

        A span of a service that Jaeger does not name is read with the traces in which it is found.
        """
        self.warnings = []
        options = self._options
        with self._connect() as client:
            services = list(dict.fromkeys(options.services)) or self._services(client)
            by_span = not options.longest_trace
            skew = timedelta(0) if by_span else CLOCK_SKEW
            whole = part_of(window, _MICROSECOND, options.longest_trace, skew)
            nameless: set[bytes] = set()
            for service in services:
                search = TraceSearch(
                    self._name, _MICROSECOND, options.limit, by_span, window,
                    partial(self._found, client, service), service, self.warnings,
                )  # fmt: skip
                for spans in search.read(whole):
                    yield from spans_once(self._of(spans, service, services, nameless)).to_batches()

    def get_trace(self, trace_id: str) -> pa.Table:
        """Return the spans of one trace, in order of time; none where Jaeger does not have it."""
        path = f"{_TRACES[self._options.api]}/{quote(trace_id, safe='')}"
        raw = {"raw_traces": "true"} if self._options.api == "v3" else {"raw": "true"}
        with self._connect() as client, speaking_of(self._name):
            return spans_once(self._spans(client, path, raw))

    def _services(self, client: HttpClient) -> list[str]:
        with speaking_of(self._name):
            answer = client.get_json(_SERVICES[self._options.api])
        name = "services" if self._options.api == "v3" else "data"
        found = answer.get(name) if isinstance(answer, dict) else None
        if found is None and isinstance(answer, dict):
            found = []
        if not isinstance(found, list):
            raise SourceAnswerInvalid(
                f"Source {self._name!r} did not answer with a list of services. Check its url, and api in the options."
            )
        if not found:
            self.warnings.append("Jaeger names no service, so there is nothing to search for.")
        return sorted({str(service) for service in found})

    def _found(self, client: HttpClient, service: str, part: Part) -> pa.Table:
        """Return all spans of the traces that a search finds; it may find some just outside the part.

        Some stores leave out both ends of a search and some keep nanoseconds, so it is a microsecond wider.
        """
        options = self._options
        if options.api == "v3":
            query = {
                "query.service_name": service,
                "query.start_time_min": _text(part.begin - 1),
                "query.start_time_max": _text(part.end),
                "query.search_depth": options.limit,
                "query.num_traces": options.limit,
                "query.raw_traces": "true",
            }
        else:
            query = {
                "service": service, "start": part.begin - 1, "end": part.end, "limit": options.limit, "raw": "true",
            }  # fmt: skip
        return self._spans(client, _TRACES[options.api], query)

    def _spans(self, client: HttpClient, path: str, query: dict[str, Any]) -> pa.Table:
        try:
            return client.fetch("GET", path, self._parsed, params=query)
        except Rejected as error:
            if error.status == 404 and any(said in error.body.lower() for said in _NOTHING):
                return table_of(iter(()))
            raise

    def _parsed(self, body: bytes, where: str) -> pa.Table:
        rows = _ROWS[self._options.api]
        with uncollected():
            answers = read_documents(body, where)
            for answer in answers:
                problem = answer.get("error") or answer.get("errors") if isinstance(answer, dict) else "no JSON object"
                if problem:
                    raise AnswerInvalid(where, f"answered with an error: {problem}", "See the log of Jaeger's queries")
            return table_of(batches(row for answer in answers for row in rows(answer)))

    def _of(self, spans: pa.Table, service: str, services: list[str], nameless: set[bytes]) -> pa.Table:
        """Return the spans of one service, and those of services without a name that have not come yet."""
        name = spans["service"].cast(pa.string())
        mine = pc.fill_null(pc.equal(name, service), False)
        others = spans["raw"].is_valid()
        if not self._options.services:
            others = pc.invert(pc.fill_null(pc.is_in(name, value_set=pa.array(services, pa.string())), False))
        if not pc.any(others).as_py():
            return spans.filter(mine)
        rest = spans.filter(others)
        known_by = rest.select(["trace_id", "span_id", "kind", "ts", "operation", "duration", "raw"]).to_pylist()
        fresh = [first_time(repr(tuple(row.values())), nameless) for row in known_by]
        return pa.concat_tables([spans.filter(mine), rest.filter(pa.array(fresh, pa.bool_()))]).unify_dictionaries()


def open_jaeger(opening: Opening) -> Source:
    """Return the spans of a Jaeger."""
    feed = opening.feed
    if feed.dataset != "span":
        raise cannot(opening)
    if feed.expr:
        raise SourceRejected(
            f"Source {opening.source.name!r}: a feed of jaeger has no expr. Name services in its options instead."
        )
    return JaegerSource(opening.source.name, feed.options_as(JaegerFeed), opening.connect)


def _text(micro: int) -> str:
    return (_EPOCH + timedelta(microseconds=micro)).isoformat(timespec="microseconds").replace("+00:00", "Z")
