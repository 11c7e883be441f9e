"""Reads log lines from Grafana Loki by LogQL, page after page forwards in time.

Loki has no cursor: a page is the first so many lines from a nanosecond on. The lines of a full page's last nanosecond
may be cut, so they are left to the next page, which begins there; nothing has to be compared to find what came twice.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from include.config.options.loki import LokiFeed, LokiOptions
from include.config.source import Feed, SourceConfig
from include.http import AnswerTooLarge, HttpClient, Rejected
from include.sources.base import Source, SourceAnswerInvalid, SourceRejected, speaking_of
from include.sources.logs.loki_lines import Lines, NoStreamsError, lines_of
from include.sources.logs.loki_selector import halves, narrowed, selector_of
from include.sources.logs.records import read_log_json
from include.sources.logs.rows import LogFields, ns_of, ns_text, rows_of
from include.sources.opening import Opening, cannot
from include.window import Window

QUERY_PATH = "/loki/api/v1/query_range"
SERIES_PATH = "/loki/api/v1/series"
FLAGS = {"X-Loki-Response-Encoding-Flags": "categorize-labels"}
"""Keeps structured metadata with its line, where Loki can; otherwise each trace id makes a stream of its own."""
_PIECE = timedelta(days=1)
"""The longest range of one query; Loki refuses ranges beyond max_query_length (30 days)."""
_CAP = re.compile(r"max_entries_limit\w* \(\d+ > (\d+)\)")


class LokiSource:
    """Reads one log query of one Loki."""

    def __init__(self, source: SourceConfig, query: Feed, connect: Callable[[], HttpClient]) -> None:
        self._source = source
        self._query = query
        self._connect = connect
        self._page = source.options_as(LokiOptions).page
        self._limit = self._page
        self._fields = _fields(query)
        self.warnings: list[str] = []

    def read(self, window: Window) -> Iterator[pa.RecordBatch]:
        """Yield one batch for each page, in order of time; values that are no line go out with `raw`, last.

        Raises `SourceAnswerInvalid` where one stream has more lines at one nanosecond than Loki gives at once.
        """
        self.warnings = []
        self._limit = self._page
        unread: dict[str, None] = {}
        with self._connect() as client, speaking_of(self._source.name):
            at = window.start
            while at < window.end:
                end = min(at + _PIECE, window.end)
                for lines in self._pages(client, ns_of(at), ns_of(end)):
                    unread |= dict.fromkeys(lines.unread)
                    if lines.rows.num_rows:
                        yield lines.rows
                at = end
        if unread:
            yield rows_of({"ts": pa.nulls(len(unread)), "raw": pa.array(list(unread), pa.string())})

    def _pages(self, client: HttpClient, start: int, end: int) -> Iterator[Lines]:
        """Yield the lines of [start, end), in nanoseconds; all lines of one nanosecond come together."""
        while start < end:
            lines, limit = self._ask(client, self._query.expr, start, end)
            if lines.count < limit:
                yield lines
                return
            if not len(lines.ns):
                raise self._invalid(f"gave {lines.count:,} values of which none is a log line. Check that it is Loki")
            last = int(lines.ns[-1])
            if last > start:
                whole = int(np.searchsorted(lines.ns, last))
                yield Lines(lines.ns[:whole], lines.rows.slice(0, whole), lines.unread)
            else:
                yield from self._split(client, (), start)
                last += 1
            start = last

    def _split(self, client: HttpClient, matchers: tuple[str, ...], at: int) -> Iterator[Lines]:
        """Yield the lines of one nanosecond at which a page is full, by ever fewer streams."""
        lines, limit = self._ask(client, narrowed(self._query.expr, matchers), at, at + 1)
        if lines.count < limit:
            yield lines
            return
        match = narrowed(selector_of(self._query.expr), matchers)
        answer = client.fetch("GET", SERIES_PATH, read_log_json, params={"match[]": match, "start": at, "end": at + 1})
        streams = answer.get("data") if isinstance(answer, dict) else None
        known = [one for one in streams if isinstance(one, dict)] if isinstance(streams, list) else []
        both = halves(known)
        if both is None:
            raise self._invalid(
                f"has more than {limit - 1:,} lines of {match} at {ns_text(at)}, and gives no more at once. Raise "
                "max_entries_limit_per_query in Loki and page in the source's options, or split the feed in two by "
                "line filters in expr"
            )
        for matcher in both:
            yield from self._split(client, (*matchers, matcher), at)

    def _ask(self, client: HttpClient, expr: str, start: int, end: int) -> tuple[Lines, int]:
        """Return the first lines of a range, and how many were asked for: fewer where Loki or an answer's size caps."""
        while True:
            limit = self._limit
            asked = {"query": expr, "start": start, "end": end, "limit": limit, "direction": "forward"}
            try:
                document = client.fetch("GET", QUERY_PATH, read_log_json, params=asked)
            except AnswerTooLarge:
                if limit == 1:
                    raise
                self._limit = limit // 2
                continue
            except Rejected as error:
                cap = _CAP.search(error.body)
                if cap is None or not 1 <= int(cap[1]) < limit:
                    raise
                self._limit = self._page = int(cap[1])
                continue
            self._limit = min(self._page, limit + max(1, limit // 8))
            self._note(document)
            return self._checked(document, start, end), limit

    def _checked(self, document: Any, start: int, end: int) -> Lines:
        try:
            lines = lines_of(document, self._fields)
        except NoStreamsError as error:
            raise self._invalid(f"answered with {error}") from None
        if len(lines.ns) and not start <= int(lines.ns[0]) <= int(lines.ns[-1]) < end:
            raise self._invalid(
                f"sent lines of {ns_text(int(lines.ns[0]))} to {ns_text(int(lines.ns[-1]))}, but {ns_text(start)} to "
                f"{ns_text(end)} was asked. Look for a proxy or cache that repeats answers"
            )
        return lines

    def _note(self, document: Any) -> None:
        said = document.get("warnings") if isinstance(document, dict) else None
        for one in said if isinstance(said, list) else []:
            if str(one) not in self.warnings:
                self.warnings.append(str(one))

    def _invalid(self, problem: str) -> SourceAnswerInvalid:
        return SourceAnswerInvalid(f"Source {self._source.name!r}: Loki {problem}.")


def open_loki(opening: Opening) -> Source:
    """Return the log lines of a Loki."""
    if not isinstance(opening.query, Feed) or opening.query.dataset != "log_event":
        raise cannot(opening)
    try:
        selector_of(opening.query.expr)
    except ValueError as error:
        raise SourceRejected(
            f"Source {opening.source.name!r}, feed {opening.query.name!r}: expr {error}. Write a log query."
        ) from None
    flagged = replace(opening, credentials=replace(opening.who, extra={**FLAGS, **opening.who.extra}))
    return LokiSource(opening.source, opening.query, flagged.connect)


def _fields(query: Feed) -> LogFields:
    where = query.options_as(LokiFeed)
    return LogFields(
        message=(),
        service=(*where.service, *query.service_labels),
        host=where.host,
        level=where.level,
        logger=where.logger,
        trace_id=where.trace_id,
        span_id=where.span_id,
    )
