"""Which module reads which type of source."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from include.config.query import MetricQuery
from include.config.source import EventQuery, FileLayout, SourceConfig
from include.http import Credentials, HttpClient
from include.sources.alertmanager import AlertmanagerSource
from include.sources.base import Source, SourceRejected
from include.sources.files import FilesSource
from include.sources.firings import FiringsSource
from include.sources.fleet import FleetSource
from include.sources.points import MAX_SERIES
from include.sources.prometheus import PrometheusSource
from include.sources.redacted import RedactedSource

Query = MetricQuery | EventQuery


@dataclass(frozen=True)
class Opening:
    """Everything that a module may need to open a source; `history` is where its past is read, if elsewhere."""

    source: SourceConfig
    query: Query
    credentials: Credentials | None
    home: Path
    history: tuple[SourceConfig, Credentials | None] | None
    max_series: int

    def connect(self) -> HttpClient:
        """Return an HTTP client of the source's address."""
        return _client(self.source, self.credentials)

    def connect_history(self) -> tuple[SourceConfig, Callable[[], HttpClient]] | None:
        """Return the Prometheus that knows the past, and a client of it."""
        if self.history is None:
            return None
        source, credentials = self.history
        return source, lambda: _client(source, credentials)


def open_source(
    source: SourceConfig,
    query: Query,
    credentials: Credentials | None = None,
    *,
    home: Path = Path(),
    history: tuple[SourceConfig, Credentials | None] | None = None,
    max_series: int = MAX_SERIES,
) -> RedactedSource:
    """Return the source that reads `query`; nothing is read yet.

    A relative `path` lies below `home`. `history` is the source that `history_from` names, with its credentials.
    Series of one query beyond `max_series` are reported and not read.
    Raises `SourceRejected` when this type of source cannot answer this query.
    """
    opener = _OPENERS.get(source.type)
    if opener is None:
        raise SourceRejected(
            f"Source {source.name!r} has the unknown type {source.type!r}. Use one of {', '.join(sorted(_OPENERS))}."
        )
    return RedactedSource(opener(Opening(source, query, credentials, home, history, max_series)))


def _prometheus(opening: Opening) -> Source:
    if isinstance(opening.query, MetricQuery):
        return PrometheusSource(opening.source, opening.query, opening.connect, opening.max_series)
    if opening.query.dataset == "alert":
        return FiringsSource(opening.source, opening.query, opening.connect)
    raise _cannot(opening)


def _alertmanager(opening: Opening) -> Source:
    if isinstance(opening.query, EventQuery) and opening.query.dataset == "alert":
        return AlertmanagerSource(opening.source, opening.query, opening.connect, opening.connect_history())
    raise _cannot(opening)


def _files(opening: Opening) -> Source:
    feed = opening.query.layout if isinstance(opening.query, EventQuery) else None
    layout = feed or opening.source.layout or FileLayout()
    return FilesSource(opening.source.name, opening.source.location(opening.home), layout, opening.query)


def _fleet(opening: Opening) -> Source:
    return FleetSource(opening.source.name, opening.source.location(opening.home), opening.query)


def _cannot(opening: Opening) -> SourceRejected:
    wanted = opening.query.dataset if isinstance(opening.query, EventQuery) else "metric_point"
    return SourceRejected(
        f"Source {opening.source.name!r} of type {opening.source.type} has no {wanted}. Ask another source for it."
    )


def _client(source: SourceConfig, credentials: Credentials | None) -> HttpClient:
    who = credentials or Credentials()
    who = replace(who, extra={**source.headers, **who.extra})
    return HttpClient(source.url or "", who, timeout_seconds=source.timeout_seconds)


_OPENERS: Mapping[str, Callable[[Opening], Source]] = {
    "prometheus": _prometheus,
    "alertmanager": _alertmanager,
    "files": _files,
    "fleet": _fleet,
}
