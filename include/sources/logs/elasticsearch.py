"""Reads log lines from Elasticsearch or OpenSearch; how it pages stands in `elasticsearch_pages.py`."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from include.config.options.elasticsearch import ElasticsearchFeed, ElasticsearchOptions
from include.config.source import Feed, SourceConfig
from include.datasets import UTC_TIME
from include.http import HttpClient
from include.sources.base import Source, speaking_of
from include.sources.logs.elasticsearch_pages import Hits, Pages, Search
from include.sources.logs.point_in_time import PointInTime
from include.sources.logs.rows import LogFields, log_batch, rows_of
from include.sources.opening import Opening, cannot
from include.window import Window

_TIEBREAKER = {"elasticsearch": "_shard_doc", "opensearch": "_id"}
_OWN_ID = "_id"
"""Where a document's index and id are kept among its fields; a field of its own cannot be called so."""


class ElasticsearchSource:
    """Reads one feed of log lines of one cluster."""

    def __init__(self, source: SourceConfig, query: Feed, connect: Callable[[], HttpClient]) -> None:
        self._source = source
        self._connect = connect
        self._options = source.options_as(ElasticsearchOptions)
        self._feed = query.options_as(ElasticsearchFeed)
        tiebreaker = self._feed.tiebreaker or _TIEBREAKER[self._options.flavour]
        self._search = Search(query.expr, self._feed.time_field, tiebreaker)
        self._fields = _fields(query, self._feed)
        self.warnings: list[str] = []

    def read(self, window: Window) -> Iterator[pa.RecordBatch]:
        """Yield one batch for each page, in order of time; hits that are no document go out with `raw`, last.

        Raises `SourceUnavailable` for a result that is not whole: a shard, a cluster or a page that is missing.
        """
        self.warnings = []
        unread: dict[str, None] = {}
        with self._connect() as client, speaking_of(self._source.name):
            pit = PointInTime(client, self._options.flavour, self._feed.index, self._options.keep_alive)
            try:
                for hits in Pages(pit, self._search, window, self._options.page):
                    unread |= dict.fromkeys(hits.unread)
                    if hits.ns:
                        yield self._batch(hits)
            finally:
                pit.close()
                self.warnings += pit.warnings
        if unread:
            yield rows_of({"ts": pa.nulls(len(unread)), "raw": pa.array(list(unread), pa.string())})

    def _batch(self, hits: Hits) -> pa.RecordBatch:
        documents: list[Any] = []
        for hit in hits.hits:
            document = hit["_source"]
            document[_OWN_ID] = f"{hit.get('_index')}/{hit.get('_id')}"
            documents.append(document)
        ts = pa.array(np.array(hits.ns, np.int64) // 1_000).cast(UTC_TIME)
        return log_batch(documents, ts, self._fields)


def open_elasticsearch(opening: Opening) -> Source:
    """Return the log lines of an Elasticsearch or OpenSearch."""
    if not isinstance(opening.query, Feed) or opening.query.dataset != "log_event":
        raise cannot(opening)
    scheme = opening.source.options_as(ElasticsearchOptions).token
    return ElasticsearchSource(opening.source, opening.query, lambda: opening.connect(scheme=scheme))


def _fields(query: Feed, where: ElasticsearchFeed) -> LogFields:
    return LogFields(
        message=where.message,
        service=(*where.service, *query.service_labels),
        host=where.host,
        level=where.level,
        logger=where.logger,
        trace_id=where.trace_id,
        span_id=where.span_id,
        event_id=(_OWN_ID,),
        dropped=(where.time_field,),
    )
