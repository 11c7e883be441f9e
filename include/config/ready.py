"""The queries that ship: `ready_queries.yaml`, and which of them fit the metrics that a Prometheus holds."""

import re
from collections.abc import Callable, Collection
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field

from include.config.document import Document
from include.config.limit import ResourceLimit
from include.config.problem import ConfigError, Problem
from include.config.query import MetricQuery
from include.config.reading import read_file, validate
from include.config.values import Model, Text

READY = Path(__file__).parent / "ready_queries.yaml"
_ENDING = re.compile(r"(_requests)?(_seconds|_milliseconds)?(_total|_bucket|_count)?$")


class ReadyQuery(Model):
    """One entry: a query for each of `metrics` that exists, if all of `needs` do."""

    metrics: tuple[Text, ...] = Field(min_length=1)
    needs: tuple[Text, ...] = ()
    status: tuple[Text, ...] = ()
    slo: Literal["total", "bad"] | None = None
    expr: Text
    kind: str
    unit: str
    service_label: str = "job"
    identity_labels: tuple[str, ...]
    minimum: float | None = 0.0
    maximum: float | None = None
    bad_direction: str = "both"
    description: str = ""


class Fitting(Model):
    """A ready query that fits, the metric by which it was chosen, and its part in an objective."""

    query: MetricQuery
    metric: str
    slo: Literal["total", "bad"] | None = None


@lru_cache(maxsize=1)
def ready() -> tuple[dict[str, ReadyQuery], dict[str, ResourceLimit]]:
    """Return the queries and limits that ship, by name; a `ConfigError` here is a fault of this package."""
    document, problems = read_file(READY.parent, READY.name, {"queries": True, "limits": True})
    queries = _entries(document, "queries", ReadyQuery, problems)
    limits = _entries(document, "limits", ResourceLimit, problems)
    if problems:
        raise ConfigError(str(READY.parent), problems)
    return queries, limits


def fitting(source: str, names: Collection[str], labels_of: Callable[[str], Collection[str]]) -> list[Fitting]:
    """Return the ready queries for a source that holds the metrics `names`; `labels_of` tells a metric's labels."""
    found: dict[str, Fitting] = {}
    held = frozenset(names)
    for template, entry in ready()[0].items():
        for metric in entry.metrics:
            if metric not in held or not held.issuperset(entry.needs):
                continue
            status = ""
            if entry.status:
                present = labels_of(metric)
                status = next((label for label in entry.status if label in present), "")
                if "$status" in entry.expr and not status:
                    continue
            fill = {
                "$metric": metric,
                "$stem": _ENDING.sub("", metric),
                "$status": status,
            }
            data = entry.model_dump(exclude={"metrics", "needs", "status", "slo"})
            data |= {"name": _filled(template, fill), "expr": _filled(entry.expr, fill), "sources": [source]}
            query = MetricQuery.model_validate(data)
            found.setdefault(query.name, Fitting(query=query, metric=metric, slo=entry.slo))
    return list(found.values())


def _filled(text: str, fill: dict[str, str]) -> str:
    for name, value in fill.items():
        text = text.replace(name, value)
    return text


def _entries(document: Document, section: str, model: type[Model], problems: list[Problem]) -> dict:
    found: dict[str, object] = {}
    data = document.data if isinstance(document.data, dict) else {}
    for name, entry in data.get(section, {}).items():
        given = {"name": name} if "name" in model.model_fields else None
        value, wrong = validate(model, entry, document, (section, name), given)
        problems += wrong
        if value is not None:
            found[name] = value
    return found
