"""The whole configuration as one frozen value, checked against itself."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from pydantic import BaseModel

from include.config.aliases import AliasResolver
from include.config.calendar import BusinessHours, PlannedTime
from include.config.detection import Detection
from include.config.limit import ResourceLimit
from include.config.logs import LogRules
from include.config.mail import Mail
from include.config.problem import one_of
from include.config.publish import Publish
from include.config.query import MetricQuery
from include.config.service import Service
from include.config.slo import Slo
from include.config.source import Feed, SourceConfig
from include.datasets import METRIC_POINT
from include.errors import PermanentError


class UnknownNameError(PermanentError):
    """A source or query that the configuration does not have."""


@dataclass(frozen=True)
class Config:
    """Everything that the YAML files say. Build it with `load_config`, which refuses what does not fit together."""

    services: Mapping[str, Service] = field(default_factory=dict)
    sources: Mapping[str, SourceConfig] = field(default_factory=dict)
    queries: Mapping[str, MetricQuery] = field(default_factory=dict)
    limits: tuple[ResourceLimit, ...] = ()
    slos: tuple[Slo, ...] = ()
    maintenance: tuple[PlannedTime, ...] = ()
    freezes: tuple[PlannedTime, ...] = ()
    business_hours: BusinessHours = field(default_factory=BusinessHours)
    detection: Detection = field(default_factory=Detection)
    logs: LogRules = field(default_factory=LogRules)
    mail: Mail = field(default_factory=Mail)
    publish: Publish | None = None
    folder: Path = field(default_factory=Path)
    notes: tuple[str, ...] = ()

    @property
    def feeds(self) -> dict[str, Feed]:
        """The feeds of all sources, as `source/name`."""
        return {
            f"{source.name}/{feed.name}": feed for source in self.sources.values() for feed in source.feeds.values()
        }

    @property
    def owners(self) -> tuple[str, ...]:
        """The teams that own a service, sorted."""
        return tuple(sorted({service.owner for service in self.services.values() if service.owner}))

    def tasks(self) -> list[tuple[SourceConfig, str, str]]:
        """Return everything that ingest reads, as (source, query, dataset); disabled sources are left out."""
        return [
            (source, name, dataset)
            for source in self.sources.values()
            if source.enabled
            for name, dataset in (
                *((query.name, METRIC_POINT.name) for query in self.queries.values() if source.name in query.sources),
                *((feed.name, feed.dataset) for feed in source.feeds.values()),
            )
        ]

    def query_of(self, source: str, name: str) -> MetricQuery | Feed:
        """Return the metric query or feed of that name on that source, or raise `UnknownNameError`."""
        known = self.sources.get(source)
        if known is None:
            raise UnknownNameError(f"No source is called {source!r}; there is {one_of(source, list(self.sources))}.")
        query = self.queries.get(name)
        if query is not None and source in query.sources:
            return query
        if name in known.feeds:
            return known.feeds[name]
        names = [task[1] for task in self.tasks() if task[0].name == source]
        raise UnknownNameError(f"Source {source!r} has no query {name!r}; it has {one_of(name, names)}.")

    def resolver(self, source: str) -> AliasResolver:
        """Return what resolves the names that one source uses."""
        return self._resolvers.setdefault(source, AliasResolver.of(source, self.services.values()))

    def resolve_service(self, source: str, alias: str) -> str:
        """Return the service that `source` calls `alias`, or `unresolved:<alias>`."""
        return self.resolver(source).resolve(alias)

    @cached_property
    def _resolvers(self) -> dict[str, AliasResolver]:
        return {}

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the effective configuration: comments, order of keys and the folder do not change it."""
        parts = {
            "services": _plain(self.services),
            "sources": _plain(self.sources),
            "queries": _plain(self.queries),
            "limits": _plain({limit.name: limit for limit in self.limits}),
            "slos": _plain({slo.name: slo for slo in self.slos}),
            "maintenance": _plain({window.name: window for window in self.maintenance}),
            "freezes": _plain({window.name: window for window in self.freezes}),
            "business_hours": self.business_hours.model_dump(mode="json"),
            "detection": self.detection.model_dump(mode="json"),
            "logs": self.logs.model_dump(mode="json"),
            "mail": self.mail.model_dump(mode="json"),
            "publish": self.publish.model_dump(mode="json") if self.publish else None,
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _plain(values: Mapping[str, BaseModel]) -> dict[str, object]:
    return {name: value.model_dump(mode="json") for name, value in values.items()}
