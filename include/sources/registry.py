"""Which module reads which type of source: one line for each."""

from collections.abc import Callable, Mapping
from pathlib import Path

from include.config.redaction import Redaction
from include.config.source import SourceConfig
from include.http import Credentials, Tally
from include.redact import EVERYTHING
from include.sources.base import Source, SourceRejected
from include.sources.datadog.source import open_datadog
from include.sources.deliveries.source import open_webhook
from include.sources.files.source import open_files
from include.sources.fleet import open_fleet
from include.sources.kafka.source import open_kafka
from include.sources.logs.elasticsearch import open_elasticsearch
from include.sources.logs.loki import open_loki
from include.sources.logs.splunk import open_splunk
from include.sources.opening import Opening, Query
from include.sources.prometheus.points import MAX_SERIES
from include.sources.prometheus.source import open_prometheus
from include.sources.records.alertmanager import open_alertmanager
from include.sources.records.github import open_github
from include.sources.records.jira import open_jira
from include.sources.records.kubernetes import open_kubernetes
from include.sources.records.opsgenie import open_opsgenie
from include.sources.records.pagerduty import open_pagerduty
from include.sources.records.servicenow import open_servicenow
from include.sources.redacted import RedactedSource
from include.sources.traces.jaeger import open_jaeger
from include.sources.traces.tempo import open_tempo
from include.sources.traces.zipkin import open_zipkin


def open_source(
    source: SourceConfig,
    query: Query,
    credentials: Credentials | None = None,
    *,
    home: Path = Path(),
    history: tuple[SourceConfig, Credentials | None] | None = None,
    max_series: int = MAX_SERIES,
    state: str | None = None,
    inbox: str | None = None,
    redaction: Redaction = EVERYTHING,
    tally: Tally | None = None,
) -> RedactedSource:
    """Return the source that reads `query`; nothing is read yet.

    A relative `path` lies below `home`. `history` is the source that `history_from` names, with its credentials.
    Series of one query beyond `max_series` are reported and not read. What must be remembered between reads is kept
    below `state`. What webhooks have delivered is in `inbox`. `redaction` says what is hidden in the
    texts, `tally` counts requests and answers.
    Raises `SourceRejected` when this type of source cannot answer this query.
    """
    opener = _OPENERS.get(source.type)
    if opener is None:
        raise SourceRejected(
            f"Source {source.name!r} has the unknown type {source.type!r}. Use one of {', '.join(sorted(_OPENERS))}."
        )
    opened = opener(Opening(source, query, credentials, home, history, max_series, state, inbox, tally))
    return RedactedSource(opened, redaction)


_OPENERS: Mapping[str, Callable[[Opening], Source]] = {
    "prometheus": open_prometheus,
    "alertmanager": open_alertmanager,
    "datadog": open_datadog,
    "github": open_github,
    "jira": open_jira,
    "servicenow": open_servicenow,
    "kubernetes": open_kubernetes,
    "elasticsearch": open_elasticsearch,
    "files": open_files,
    "fleet": open_fleet,
    "loki": open_loki,
    "kafka": open_kafka,
    "opsgenie": open_opsgenie,
    "pagerduty": open_pagerduty,
    "splunk": open_splunk,
    "webhook": open_webhook,
    "jaeger": open_jaeger,
    "zipkin": open_zipkin,
    "tempo": open_tempo,
}
