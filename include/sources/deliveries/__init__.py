"""Deliveries: what each provider's webhook says, as rows of alerts, incidents, changes and feedback.

In: one JSON document and the feed that asks. Out: versions of records, pure functions without input or output.
One module per provider; read `version.py` first.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from include.config.options.webhook import Provider
from include.config.source import Feed
from include.sources.deliveries.alertmanager import read_alertmanager
from include.sources.deliveries.datadog import read_datadog
from include.sources.deliveries.generic import read_generic
from include.sources.deliveries.grafana import read_grafana
from include.sources.deliveries.pagerduty import read_pagerduty
from include.sources.deliveries.version import NotUnderstood, Version

Reader = Callable[[Any, Feed], Iterable[Version]]
READERS: Mapping[Provider, tuple[Reader, frozenset[str]]] = {
    "alertmanager": (read_alertmanager, frozenset({"alert"})),
    "grafana": (read_grafana, frozenset({"alert"})),
    "pagerduty": (read_pagerduty, frozenset({"incident", "change_event"})),
    "datadog": (read_datadog, frozenset({"alert"})),
    "generic": (read_generic, frozenset({"alert", "incident", "change_event", "feedback"})),
}
"""Provider → how its documents are read, and the datasets that they hold."""

__all__ = ["READERS", "NotUnderstood", "Reader", "Version"]
