"""Reads spans from Zipkin (API v2).

Zipkin does not page: a search brings at most `limit` traces, so a window that has more is halved, down to a
millisecond, the unit of its search. It finds a trace by its beginning, so a search begins `longest_trace` before the
window. https://zipkin.io/zipkin-api/zipkin2-api.yaml
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from urllib.parse import quote

import pyarrow as pa

from include.config.options.zipkin import ZipkinFeed
from include.http import AnswerInvalid, HttpClient, Rejected
from include.sources.base import Source, SourceRejected, speaking_of
from include.sources.files.facts import spans_once
from include.sources.opening import Opening, cannot
from include.sources.traces.documents import read_documents
from include.sources.traces.search import CLOCK_SKEW, Part, TraceSearch, part_of, table_of
from include.sources.traces.spans import batches, uncollected
from include.sources.traces.zipkin_spans import zipkin_rows
from include.window import Window

_MILLISECOND = timedelta(milliseconds=1)


class ZipkinSource:
    """Reads the spans of one Zipkin."""

    def __init__(self, name: str, options: ZipkinFeed, connect: Callable[[], HttpClient]) -> None:
        self._name = name
        self._options = options
        self._connect = connect
        self.warnings: list[str] = []

    def read(self, window: Window) -> Iterator[pa.RecordBatch]:
        """Yield the window's spans, part by part as their traces begin, and within a part in order of time."""
        self.warnings = []
        options = self._options
        with self._connect() as client:
            search = TraceSearch(
                self._name,
                _MILLISECOND,
                options.limit,
                False,
                window,
                partial(self._found, client),
                None,
                self.warnings,
            )
            for spans in search.read(part_of(window, _MILLISECOND, options.longest_trace, CLOCK_SKEW)):
                yield from spans_once(spans).to_batches()
        if search.longest > options.longest_trace:
            self.warnings.append(
                f"A trace went on for {search.longest}, longer than longest_trace ({options.longest_trace}) in the "
                "feed's options: spans of others that began even earlier may be missing. Raise it."
            )

    def get_trace(self, trace_id: str) -> pa.Table:
        """Return the spans of one trace, in order of time; none where Zipkin does not have it."""
        with self._connect() as client, speaking_of(self._name):
            try:
                return spans_once(client.fetch("GET", f"/api/v2/trace/{quote(trace_id, safe='')}", _parsed))
            except Rejected as error:
                if error.status == 404 and trace_id.lower().lstrip("0") in error.body.lower():
                    return table_of(iter(()))
                raise

    def _found(self, client: HttpClient, part: Part) -> pa.Table:
        query = {"endTs": part.end, "lookback": part.end - part.begin, "limit": self._options.limit}
        return client.fetch("GET", "/api/v2/traces", _parsed, params=query)


def open_zipkin(opening: Opening) -> Source:
    """Return the spans of a Zipkin."""
    feed = opening.feed
    if feed.dataset != "span":
        raise cannot(opening)
    if feed.expr:
        raise SourceRejected(f"Source {opening.source.name!r}: a feed of zipkin has no expr. Leave it out.")
    return ZipkinSource(opening.source.name, feed.options_as(ZipkinFeed), opening.connect)


def _parsed(body: bytes, where: str) -> pa.Table:
    with uncollected():
        answers = read_documents(body, where)
        if not all(isinstance(answer, list) for answer in answers):
            raise AnswerInvalid(
                where, "did not answer with a list", "Check that the address is that of Zipkin's API v2"
            )
        return table_of(batches(row for answer in answers for row in zipkin_rows(answer)))
