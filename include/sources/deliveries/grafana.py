"""Grafana's webhook (unified alerting): Alertmanager's form, with links to the panel and the dashboard.

https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/
"""

from collections.abc import Iterator, Mapping
from typing import Any

from include.config.source import Feed
from include.sources.deliveries.alertmanager import read_group
from include.sources.deliveries.version import Version, said

_LINKS = ("panelURL", "dashboardURL", "generatorURL")


def read_grafana(document: Any, feed: Feed) -> Iterator[Version]:
    """Yield the alerts of a group. Raises `NotUnderstood` for what is no group."""
    return read_group(document, feed, _link)


def _link(alert: Mapping[str, Any]) -> str | None:
    return next((text for name in _LINKS if (text := said(alert.get(name)))), None)
