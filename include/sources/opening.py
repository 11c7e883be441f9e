"""Everything that a connector may need to open a source: its configuration, its query, a way to connect."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from include.config.query import MetricQuery
from include.config.source import Feed, SourceConfig
from include.http import Credentials, HttpClient, Tally
from include.http.client import MEBIBYTE
from include.sources.base import SourceRejected

Query = MetricQuery | Feed


@dataclass(frozen=True)
class Opening:
    """Everything that a module may need to open a source; `history` is where its past is read, if elsewhere."""

    source: SourceConfig
    query: Query
    credentials: Credentials | None
    home: Path
    history: tuple[SourceConfig, Credentials | None] | None
    max_series: int
    state: str | None = None
    """Folder or URL where this feed may keep what it must remember between reads, such as offsets of a window."""
    inbox: str | None = None
    """Where deliveries are kept that webhooks have brought: folder or URL."""
    tally: Tally | None = None
    """Counts what is asked over HTTP and answered, for who wants to know."""

    @property
    def who(self) -> Credentials:
        """The credentials, empty where there are none."""
        return self.credentials or Credentials()

    @property
    def feed(self) -> Feed:
        """The query, which must be a feed; raises `SourceRejected` for a metric query."""
        if isinstance(self.query, Feed):
            return self.query
        raise cannot(self)

    def connect(self, *, scheme: str = "Bearer", headers: Mapping[str, str] | None = None) -> HttpClient:
        """Return an HTTP client of the source's address; `scheme` and `headers` as `HttpClient` takes them."""
        return _client(self.source, self.credentials, self.tally, scheme, headers)

    def connect_history(self) -> tuple[SourceConfig, Callable[[], HttpClient]] | None:
        """Return the Prometheus that knows the past, and a client of it."""
        if self.history is None:
            return None
        source, credentials = self.history
        return source, lambda: _client(source, credentials, self.tally)


def cannot(opening: Opening) -> SourceRejected:
    """Return the error for a query that a type of source cannot answer."""
    wanted = opening.query.dataset if isinstance(opening.query, Feed) else "metric_point"
    return SourceRejected(
        f"Source {opening.source.name!r} of type {opening.source.type} has no {wanted}. Ask another source for it."
    )


def _client(
    source: SourceConfig,
    credentials: Credentials | None,
    tally: Tally | None,
    scheme: str = "Bearer",
    headers: Mapping[str, str] | None = None,
) -> HttpClient:
    who = credentials or Credentials()
    who = replace(who, extra={**source.headers, **who.extra})
    return HttpClient(
        source.url or "",
        who,
        timeout_seconds=source.timeout_seconds,
        max_bytes=source.max_answer_mebibytes * MEBIBYTE,
        requests_per_second=source.requests_per_second,
        scheme=scheme,
        headers=headers,
        tally=tally,
    )
