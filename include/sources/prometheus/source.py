"""Reads metric points from Prometheus, and from whatever speaks its HTTP API (Thanos, Mimir, VictoriaMetrics)."""

from collections.abc import Callable, Iterator

import pyarrow as pa

from include.config.query import MetricQuery
from include.config.source import SourceConfig
from include.http import HttpClient
from include.sources.base import Source
from include.sources.opening import Opening, cannot
from include.sources.prometheus.firings import FiringsSource
from include.sources.prometheus.points import MAX_SERIES, to_points
from include.sources.prometheus.ranges import read_ranges
from include.window import Window


class PrometheusSource:
    """Reads one metric query of one Prometheus."""

    def __init__(
        self, source: SourceConfig, query: MetricQuery, connect: Callable[[], HttpClient], max_series: int = MAX_SERIES
    ) -> None:
        self._source = source
        self._query = query
        self._connect = connect
        self._max_series = max_series
        self.warnings: list[str] = []

    def read(self, window: Window) -> Iterator[pa.RecordBatch]:
        """Yield one batch per range query, in order of time; within it by series, then time.

        NaN and infinite values go out as they are. A value that is no number, a series whose labels cannot be stored,
        points of two series that share an identity, and the series beyond the cap go out as rows with `raw`.
        """
        self.warnings = []
        with self._connect() as client:
            for matrix in read_ranges(client, self._source, self._query.expr, self._query.step_seconds, window):
                self.warnings += [said for said in matrix.warnings if said not in self.warnings]
                yield to_points(matrix, self._query.identity_labels, self._max_series)


def open_prometheus(opening: Opening) -> Source:
    """Return a metric query, or the alerts that this Prometheus' own rules have fired."""
    if isinstance(opening.query, MetricQuery):
        return PrometheusSource(opening.source, opening.query, opening.connect, opening.max_series)
    if opening.query.dataset == "alert":
        return FiringsSource(opening.source, opening.query, opening.connect)
    raise cannot(opening)
