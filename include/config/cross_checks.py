"""What must fit together over all files: every name that is used is declared, every alias means one service."""

import fnmatch
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from include.config.calendar import PlannedTime, is_glob
from include.config.document import KeyPath
from include.config.limit import ResourceLimit
from include.config.mail import EVERYONE
from include.config.problem import Problem, one_of
from include.config.query import MetricQuery
from include.config.reading import Found
from include.config.service import Service, is_pattern
from include.config.slo import Slo
from include.config.source import PAGES, SourceConfig


@dataclass(frozen=True)
class Declared:
    """Every name that a file declares, also of entries that are wrong in themselves: a reference to it is right."""

    services: Collection[str]
    sources: Collection[str]
    queries: Collection[str]


def check_services(services: Mapping[str, Found[Service]], declared: Declared) -> Iterator[Problem]:
    """Dependencies and sources of aliases exist; one exact alias of one source means one service."""
    owner_of: dict[tuple[str, str], str] = {}
    for name, found in services.items():
        yield from _missing(found, ("dependencies",), found.value.dependencies, declared.services, "services")
        for source, aliases in found.value.aliases.items():
            if source not in declared.sources:
                yield found.problem(("aliases", source), repr(source), _choose(source, declared.sources, "sources"))
            for index, alias in enumerate(aliases):
                at = ("aliases", source, index)
                taken = owner_of.setdefault((source, alias), name)
                if alias in services and alias != name:
                    taken = alias
                if taken != name:
                    yield found.problem(at, repr(alias), f"a name that does not already mean {taken!r}")
                if is_pattern(alias) and len(alias) > 500:
                    yield found.problem(at, "a pattern of over 500 characters", "a shorter one")


def check_sources(sources: Mapping[str, Found[SourceConfig]], queries: Collection[str]) -> Iterator[Problem]:
    """Histories come from a Prometheus; no feed is called like a metric query; the name of the pages is taken."""
    for found in sources.values():
        if found.value.name == PAGES:
            yield found.problem((), repr(PAGES), "another name: this one is of Almanac's own pages")
        origin = found.value.history_from
        prometheus = [name for name, other in sources.items() if other.value.type == "prometheus"]
        if origin is not None and origin not in prometheus:
            yield found.problem(("history_from",), repr(origin), _choose(origin, prometheus, "prometheus sources"))
        for feed in found.value.feeds:
            if feed in queries:
                yield found.problem(("feeds", feed), repr(feed), "a name that no metric query has")


def check_queries(
    queries: Mapping[str, Found[MetricQuery]], sources: Mapping[str, Found[SourceConfig]], declared: Declared
) -> Iterator[Problem]:
    """Every query is asked of sources that exist and hold metrics."""
    for found in queries.values():
        yield from _missing(found, ("sources",), found.value.sources, declared.sources, "sources")
        for name in found.value.sources:
            source = sources.get(name)
            if source is not None and source.value.type == "alertmanager":
                yield found.problem(("sources",), f"{name!r}, an alertmanager", "a source that holds metrics")


def check_limits(
    limits: Mapping[str, Found[ResourceLimit]], queries: Mapping[str, Found[MetricQuery]], declared: Declared
) -> Iterator[Problem]:
    """Check that queries and services of limits exist, and that a limit is in the unit of what it limits."""
    for found in limits.values():
        limit = found.value
        yield from _missing(found, ("query",), (limit.query,), declared.queries, "queries")
        if limit.limit_query is not None:
            yield from _missing(found, ("limit_query",), (limit.limit_query,), declared.queries, "queries")
        if limit.service is not None:
            yield from _missing(found, ("service",), (limit.service,), declared.services, "services")
        query, other = queries.get(limit.query), queries.get(limit.limit_query or "")
        if query is None:
            continue
        if limit.unit and limit.unit != query.value.unit:
            yield found.problem(("unit",), repr(limit.unit), f"{query.value.unit}, the unit of {limit.query}")
        if other is not None and other.value.unit != query.value.unit:
            what = f"{other.value.unit}, the unit of {limit.limit_query}"
            yield found.problem(("limit_query",), what, f"{query.value.unit}, the unit of {limit.query}")


def check_slos(slos: Mapping[str, Found[Slo]], declared: Declared) -> Iterator[Problem]:
    """Services and queries of objectives exist."""
    for found in slos.values():
        slo = found.value
        yield from _missing(found, ("spec", "service"), (slo.service,), declared.services, "services")
        yield from _missing(found, ("spec", "indicator"), slo.queries, declared.queries, "queries")


def check_calendar(planned: Mapping[str, Found[PlannedTime]], declared: Declared) -> Iterator[Problem]:
    """Services of maintenance windows and freezes exist; a pattern fits one at least."""
    for found in planned.values():
        names = [
            next(iter(fnmatch.filter(declared.services, one)), one) if is_glob(one) else one
            for one in found.value.services
        ]
        yield from _missing(found, ("services",), names, declared.services, "services")


def unknown_audiences(audiences: Sequence[str], services: Mapping[str, Found[Service]]) -> Iterator[tuple[str, str]]:
    """Yield each audience that is no owner, with what is allowed."""
    owners = sorted({found.value.owner for found in services.values() if found.value.owner} | {EVERYONE})
    for name in audiences:
        if name not in owners:
            yield name, one_of(name, owners)


def _missing(
    found: Found, key: tuple[str, ...], names: Sequence[str], known: Collection[str], what: str
) -> Iterator[Problem]:
    for index, name in enumerate(names):
        if name not in known:
            at: KeyPath = (*key, index) if (*found.path, *key, index) in found.document.places else key
            yield found.problem(at, repr(name), _choose(name, known, what))


def _choose(name: str, known: Collection[str], what: str) -> str:
    return f"the {what} that are declared: {one_of(name, sorted(known))}"
