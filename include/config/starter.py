"""A starter configuration for one Prometheus: the YAML files that `discover` writes."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from include.config.discovery import DiscoveryError, Prometheus
from include.config.document import core_scalar
from include.config.query import MetricQuery
from include.config.ready import Fitting, fitting, ready

MAX_GAUGES = 200
_NOT_GAUGES = ("_total", "_bucket", "_count", "_sum", "_created", "_info")
_INNER = ("go_", "process_", "promhttp_", "prometheus_", "net_conntrack_", "scrape_", "node_", "kube_", "container_")
_UNITS = {"bytes": "bytes", "seconds": "seconds", "ratio": "ratio", "celsius": "celsius", "percent": "percent"}


@dataclass(frozen=True)
class Starter:
    """File name → text, and how many gauges the cap left out."""

    files: Mapping[str, str]
    gauges_left_out: int


@dataclass(frozen=True)
class Wanted:
    """What the person asked for; `max_gauges` is how many queries for plain gauges there may be."""

    url: str
    source: str = "prometheus"
    step: str = "1m"
    connection: str | None = None
    max_gauges: int = 0


class _Dumper(yaml.SafeDumper):
    """Quotes text that our reader would take for a number or a word of YAML."""

    def represent_text(self, text: str) -> yaml.ScalarNode:
        style = None if core_scalar(text) == text else '"'
        return self.represent_scalar("tag:yaml.org,2002:str", text, style=style)

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002
        return True


_Dumper.add_representer(str, _Dumper.represent_text)


def build_starter(prometheus: Prometheus, wanted: Wanted) -> Starter:
    """Ask a Prometheus what it holds and return the configuration that reads it."""
    names = prometheus.metric_names()
    if not names:
        raise DiscoveryError(f"{wanted.url} holds no metric yet. Wait for its first scrape and run this again.")
    chosen = fitting(wanted.source, names, prometheus.label_names)
    gauges, left_out = _gauges(prometheus, wanted, names, chosen) if wanted.max_gauges else ([], 0)
    queries = {item.query.name: item.query for item in (*chosen, *gauges)}
    if not queries:
        held = f"None of the {len(names)} metrics at {wanted.url} has a ready query."
        raise DiscoveryError(f"{held} Run again with --all-gauges.")
    services = _services(prometheus, [*chosen, *gauges])
    limits = {
        name: limit.model_dump(exclude={"name"}, exclude_defaults=True)
        for name, limit in ready()[1].items()
        if {limit.query, limit.limit_query or limit.query} <= queries.keys()
    }
    slos = _slos(prometheus, chosen, services)
    source: dict[str, Any] = {"type": "prometheus", "url": wanted.url}
    if wanted.connection:
        source["connection"] = wanted.connection
    defaults = {"sources": wanted.source, "step": wanted.step}
    files = {
        "services.yaml": _services_text(services, wanted.source),
        "sources.yaml": _text(
            "Where metrics come from. A login, if one is needed, lives in an Airflow connection: connection: <its id>.",
            {"sources": {wanted.source: source}},
        ),
        "queries.yaml": _text(
            "What to ask. Delete what you do not want; docs/add-prometheus.md explains the keys.",
            {"defaults": defaults, "queries": {name: _written(query) for name, query in queries.items()}},
        ),
        "limits.yaml": _text(
            "What runs out, and where it ends: a fixed value, or a metric that holds it.", {"limits": limits}
        ),
        "slos/availability.yaml": _text(
            "Service level objectives in OpenSLO v1; the targets are a start. See docs/add-an-slo.md.", slos
        ),
        "mail.yaml": _text("Nothing is mailed while enabled is false.", {"enabled": False, "audiences": {}}),
    }
    return Starter(files, left_out)


def write_starter(starter: Starter, folder: Path, force: bool) -> None:
    """Write the files; without `force` a folder that has one of them already is left as it is."""
    there = [name for name in starter.files if (folder / name).exists()]
    if there and not force:
        raise DiscoveryError(f"{folder} already has {', '.join(there)}. Name another --out, or overwrite with --force.")
    try:
        for name, text in starter.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise DiscoveryError(f"{folder} cannot be written ({error.strerror}). Name another --out.") from error


def service_names(aliases: Collection[str]) -> dict[str, str]:
    """Return a service name for each alias: the same text where it can be a name, else a cleaned and unique one.

    >>> service_names(["shop/cart", "node"])
    {'node': 'node', 'shop/cart': 'shop-cart'}
    """
    given: dict[str, str] = {}
    taken = {alias for alias in aliases if _clean(alias) == alias}
    for alias in sorted(aliases):
        name = _clean(alias)
        count = 1
        while name != alias and name in taken:
            count += 1
            name = f"{_clean(alias)}-{count}"
        taken.add(name)
        given[alias] = name
    return given


def _clean(alias: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", alias).strip("-.")[:100] or "service"


def _services(prometheus: Prometheus, chosen: list[Fitting]) -> dict[str, str]:
    labels = {(item.query.service_label, item.metric) for item in chosen}
    values = {value for label, metric in labels for value in prometheus.label_values(label, metric) if value}
    return service_names(values)


def _gauges(
    prometheus: Prometheus, wanted: Wanted, names: Collection[str], chosen: list[Fitting]
) -> tuple[list[Fitting], int]:
    """Return one query for each gauge (or metric of unknown type) that no ready query reads, up to the cap.

    What exporters tell of themselves comes last, so that the cap spares a person's own metrics.
    """
    types = prometheus.metric_types()
    read = " ".join(item.query.expr for item in chosen)
    known = set(re.findall(r"[A-Za-z_:][A-Za-z0-9_:]*", read))
    plain = [
        name
        for name in sorted(names, key=lambda name: (name.startswith(_INNER), name))
        if name not in known and types.get(name, "unknown") in {"gauge", "unknown"} and not name.endswith(_NOT_GAUGES)
    ]
    taken = {item.query.name for item in chosen}
    found: list[Fitting] = []
    for metric in plain[: wanted.max_gauges]:
        name = _unique(_clean(metric.replace(":", "_")), taken)
        unit = _UNITS.get(metric.rsplit("_", 1)[-1], "count")
        query = MetricQuery(name=name, sources=(wanted.source,), expr=metric, kind="other", unit=unit, minimum=None)
        found.append(Fitting(query=query, metric=metric))
    return found, max(0, len(plain) - wanted.max_gauges)


def _unique(name: str, taken: set[str]) -> str:
    candidate, count = name, 1
    while candidate in taken:
        count += 1
        candidate = f"{name}_{count}"
    taken.add(candidate)
    return candidate


def _written(query: MetricQuery) -> dict[str, Any]:
    """Return what a person would write: no key that has its default."""
    return query.model_dump(mode="json", exclude={"name", "sources", "step"}, exclude_defaults=True)


def _services_text(services: Mapping[str, str], source: str) -> str:
    entries: dict[str, dict[str, Any]] = {}
    for alias, name in services.items():
        exact = f"/{re.escape(alias)}/" if alias.startswith("/") and alias.endswith("/") else alias
        entries[name] = {"owner": None, "tier": 3} | ({} if name == alias else {"aliases": {source: [exact]}})
    header = "Services. Give each an owner (a team), its tier (1 to 4) and the services that it depends on."
    return _text(header, {"services": entries})


def _slos(prometheus: Prometheus, chosen: list[Fitting], services: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return one availability objective per service: from its failed requests, else from `up`."""
    found: dict[str, dict[str, Any]] = {}
    bad_of = {item.metric: item.query for item in chosen if item.slo == "bad"}
    for item in chosen:
        if item.slo != "total" or item.metric not in bad_of:
            continue
        ratio = {"bad": _metric(bad_of[item.metric].name), "total": _metric(item.query.name)}
        for alias in sorted(prometheus.label_values(item.query.service_label, item.metric) & services.keys()):
            indicator = {"ratioMetric": {"counter": False, **ratio}}
            found.setdefault(services[alias], _slo(services[alias], indicator, "Occurrences", {"target": 0.999}))
    if any(item.query.name == "up" for item in chosen):
        for alias in sorted(prometheus.label_values("job", "up") & services.keys()):
            objective = {"op": "gte", "value": 1, "target": 0.99, "timeSliceTarget": 1.0, "timeSliceWindow": "1m"}
            indicator = {"thresholdMetric": _metric("up")}
            found.setdefault(services[alias], _slo(services[alias], indicator, "Timeslices", objective))
    return list(found.values())


def _metric(query: str) -> dict[str, Any]:
    return {"metricSource": {"type": "Almanac", "spec": {"query": query}}}


def _slo(service: str, indicator: dict[str, Any], method: str, objective: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "openslo/v1",
        "kind": "SLO",
        "metadata": {"name": f"{service}-availability"},
        "spec": {
            "service": service,
            "indicator": {"metadata": {"name": f"{service}-indicator"}, "spec": indicator},
            "timeWindow": [{"duration": "28d", "isRolling": True}],
            "budgetingMethod": method,
            "objectives": [objective],
        },
    }


def _text(header: str, data: object) -> str:
    body = yaml.dump(data, Dumper=_Dumper, sort_keys=False, default_flow_style=None, width=110, allow_unicode=True)
    return f"# {header}\n\n{body}"
