"""Reads Datadog: metric points for metric queries, log lines for feeds of log_event.

It wants two keys in headers of their own: the API key (`token` of the connection) and the application key (its
password).
"""

from include.config.query import MetricQuery
from include.http import HttpClient
from include.sources.base import Source, SourceRejected
from include.sources.datadog.logs import DatadogLogs
from include.sources.datadog.metrics import DatadogMetrics
from include.sources.opening import Opening, cannot


def open_datadog(opening: Opening) -> Source:
    """Return a metric query, or the log lines of a feed.

    Raises `SourceRejected` where the connection lacks a key.
    """
    who = opening.who
    if not who.token or not who.password:
        raise SourceRejected(
            f"Source {opening.source.name!r} needs two keys: give its connection the API key as token in the extra,"
            " and the application key as password."
        )
    headers = {"DD-API-KEY": who.token, "DD-APPLICATION-KEY": who.password}

    def connect() -> HttpClient:
        return opening.connect(headers=headers)

    if isinstance(opening.query, MetricQuery):
        return DatadogMetrics(opening.source.name, opening.query, connect, opening.max_series)
    if opening.query.dataset == "log_event":
        return DatadogLogs(opening.source.name, opening.query, connect)
    raise cannot(opening)
