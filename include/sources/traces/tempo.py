"""Reads traces from Grafana Tempo: one by its id, whole; and a window by its search, which is not whole.

Tempo searches in parallel and "takes the first N results. Even identical searches differs due to things like machine
load and network latency", so a window is read by search only where the feed's options accept that, and each such read
says so. https://grafana.com/docs/tempo/latest/api_docs/
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any
from urllib.parse import quote

import pyarrow as pa

from include.config.options.tempo import TempoFeed
from include.http import AnswerInvalid, HttpClient, Rejected
from include.sources.base import Source, SourceAnswerInvalid, SourceRejected, speaking_of
from include.sources.files.facts import spans_once
from include.sources.opening import Opening, cannot
from include.sources.traces.documents import read_documents
from include.sources.traces.otlp import otlp_rows
from include.sources.traces.search import Part, in_parts, part_of, placed, table_of
from include.sources.traces.spans import batches
from include.window import Window

INCOMPLETE = (
    "Tempo's search takes the first traces that it finds and may leave others out: what this read brings is a sample."
)
_SECOND = timedelta(seconds=1)
_TRACES = {"v2": "/api/v2/traces", "v1": "/api/traces"}


class TempoSource:
    """Reads the traces of one Tempo."""

    def __init__(self, name: str, expr: str, options: TempoFeed, connect: Callable[[], HttpClient]) -> None:
        self._name = name
        self._expr = expr or "{}"
        self._options = options
        self._connect = connect
        self.warnings: list[str] = []

    def read(self, window: Window) -> Iterator[pa.RecordBatch]:
        """Yield the window's spans of the traces that Tempo's search finds, part by part, each in order of time.

        Raises `SourceRejected` unless the options accept an incomplete search.
        """
        self.warnings = []
        if not self._options.accept_incomplete_search:
            raise SourceRejected(
                f"Source {self._name!r}: Tempo's search is not whole, so a window cannot be read from it. Read spans "
                "from files or from where they are collected, or set accept_incomplete_search: true in the feed's "
                "options to take what it finds."
            )
        self.warnings.append(INCOMPLETE)
        seen: set[str] = set()
        with self._connect() as client, speaking_of(self._name):
            day = timedelta(days=1) // _SECOND
            for _, ids in in_parts(part_of(window, _SECOND), day, partial(self._search, client)):
                fresh = [one for one in ids if one not in seen]
                seen.update(fresh)
                for one in fresh:
                    yield from spans_once(placed(self._trace(client, one), window)).to_batches()

    def get_trace(self, trace_id: str) -> pa.Table:
        """Return the spans of one trace, in order of time; none where Tempo does not have it."""
        self.warnings = []
        with self._connect() as client, speaking_of(self._name):
            return spans_once(self._trace(client, trace_id))

    def _search(self, client: HttpClient, part: Part) -> tuple[list[str], float] | None:
        """Return the ids of the traces of a part and how full that is, or None where it must be halved."""
        limit = self._options.limit
        query = {"q": self._expr, "start": part.begin, "end": part.end, "limit": limit}
        answer = client.get_json("/api/search", query)
        found = answer.get("traces", []) if isinstance(answer, dict) else None
        if not isinstance(found, list) or not all(isinstance(one, dict) and one.get("traceID") for one in found):
            raise SourceAnswerInvalid(
                f"Source {self._name!r} did not answer its search with a list of traces. Check that url is Tempo's own."
            )
        if len(found) >= limit:
            if part.end - part.begin > 1:
                return None
            self.warnings.append(f"There are {limit:,} traces or more within one second; the rest is not read.")
        return [str(one["traceID"]) for one in found], len(found) / limit

    def _trace(self, client: HttpClient, trace_id: str) -> pa.Table:
        try:
            return client.fetch("GET", f"{_TRACES[self._options.api]}/{quote(trace_id, safe='')}", self._parsed)
        except Rejected as error:
            if error.status == 404 and not any(said in error.body.lower() for said in ("page not found", "<html")):
                return table_of(iter(()))
            raise

    def _parsed(self, body: bytes, where: str) -> pa.Table:
        answers: list[Any] = read_documents(body, where)
        for answer in answers:
            if not isinstance(answer, dict):
                raise AnswerInvalid(where, "did not answer with a trace", "Check that the address is that of Tempo")
            if answer.get("status") == "PARTIAL":
                self.warnings.append(
                    f"Tempo gave only a part of a trace: {answer.get('message') or 'no reason given'}."
                )
        return table_of(batches(row for answer in answers for row in otlp_rows(answer)))


def open_tempo(opening: Opening) -> Source:
    """Return the spans of a Tempo."""
    feed = opening.feed
    if feed.dataset != "span":
        raise cannot(opening)
    return TempoSource(opening.source.name, feed.expr, feed.options_as(TempoFeed), opening.connect)
