"""Which module reads which type of source."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from include.config.query import MetricQuery
from include.config.source import EventQuery, FileLayout, SourceConfig
from include.http import Credentials, HttpClient
from include.sources.base import Source, SourceRejected
from include.sources.files import FilesSource
from include.sources.fleet import FleetSource
from include.sources.prometheus import PrometheusSource

Query = MetricQuery | EventQuery


@dataclass(frozen=True)
class Opening:
    """Everything that a module may need to open a source."""

    source: SourceConfig
    query: Query
    credentials: Credentials | None
    home: Path

    def client(self) -> HttpClient:
        """Return an HTTP client of the source's address."""
        who = self.credentials or Credentials()
        who = replace(who, extra={**self.source.headers, **who.extra})
        return HttpClient(self.source.url or "", who, timeout_seconds=self.source.timeout_seconds)


def _prometheus(opening: Opening) -> Source:
    if isinstance(opening.query, MetricQuery):
        return PrometheusSource(opening.source, opening.query, opening.client)
    raise _cannot(opening)


def _fleet(opening: Opening) -> Source:
    return FleetSource(opening.source.name, opening.source.location(opening.home), opening.query)


def _files(opening: Opening) -> Source:
    feed = opening.query.layout if isinstance(opening.query, EventQuery) else None
    layout = feed or opening.source.layout or FileLayout()
    return FilesSource(opening.source.name, opening.source.location(opening.home), layout, opening.query)


_OPENERS: Mapping[str, Callable[[Opening], Source]] = {
    "prometheus": _prometheus,
    "files": _files,
    "fleet": _fleet,
}


def open_source(
    source: SourceConfig, query: Query, credentials: Credentials | None = None, *, home: Path = Path()
) -> Source:
    """Return the source that reads `query`; nothing is read yet.

    A relative `path` of the source lies below `home`. Raises `SourceRejected` when this type cannot answer this query.
    """
    opener = _OPENERS.get(source.type)
    if opener is None:
        raise SourceRejected(
            f"Source {source.name!r} has the unknown type {source.type!r}. Use one of {', '.join(sorted(_OPENERS))}."
        )
    return opener(Opening(source, query, credentials, home))


def _cannot(opening: Opening) -> SourceRejected:
    wanted = opening.query.dataset if isinstance(opening.query, EventQuery) else "metric_point"
    return SourceRejected(
        f"Source {opening.source.name!r} of type {opening.source.type} has no {wanted}. Ask another source for it."
    )
