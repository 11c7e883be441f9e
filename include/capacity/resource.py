"""Which series are resources, and where their limits come from."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from include.capacity.naming import distinguished
from include.config import MetricQuery, Service
from include.config.limit import ResourceLimit

RESOURCE_COLUMNS = (
    "series_id", "service", "query", "resource", "owner", "unit", "by_peak", "limit_value", "limit_source",
    "limit_series_id",
)  # fmt: skip


def resources(
    series: pd.DataFrame,
    limits: Iterable[ResourceLimit],
    queries: Mapping[str, MetricQuery],
    services: Mapping[str, Service],
) -> pd.DataFrame:
    """Return `RESOURCE_COLUMNS`: one row per series that a limit covers, by the most specific limit.

    `series` is [series_id, query, service, labels (a dict)]. A limit from a metric names the series that holds it,
    which has the same service and the same labels `on` which they are matched; `limit_value` is then NaN. `by_peak`
    tells saturation (peaks count) from usage (the last value counts). Where a service has several resources of one kind
    (disks, instances), `resource` also says which.
    """
    by_query: dict[str, list[ResourceLimit]] = {}
    for limit in sorted(limits, key=lambda item: (-item.specificity, item.name)):
        by_query.setdefault(limit.query, []).append(limit)
    rows = list(zip(series["series_id"], series["query"], series["service"], series["labels"], strict=True))
    holders = {
        (limit.limit_query, on): _index(rows, limit.limit_query, on)
        for found in by_query.values()
        for limit in found
        if limit.limit_query is not None
        for on in [_on(limit, queries)]
    }
    covered = [
        (*row, covering)
        for row in rows
        if (covering := next((one for one in by_query.get(row[1], ()) if _covers(one, row[2], row[3])), None))
    ]
    names = _names([(service, limit.resource, labels) for _, _, service, labels, limit in covered])
    result = []
    for name, (identity, query, service, labels, covering) in zip(names, covered, strict=True):
        owner = services[service].owner if service in services else None
        kind = queries[query]
        holder, origin = None, f"fixed, limit {covering.name}"
        if covering.limit_query is not None:
            on = _on(covering, queries)
            holder = holders[covering.limit_query, on].get(_place(service, labels, on))
            origin = covering.limit_query if holder is not None else f"{covering.limit_query}: no such series"
        result.append(
            (identity, service, query, name, owner, covering.unit or kind.unit, kind.kind == "saturation",
             covering.value, origin, holder)
        )  # fmt: skip
    frame = pd.DataFrame(result, columns=list(RESOURCE_COLUMNS), dtype=object)  # a float would round 64-bit ids
    return frame.astype({"limit_value": float, "limit_series_id": "Int64", "series_id": "int64", "by_peak": bool})


def _names(resources: list[tuple[str, str, Mapping[str, str]]]) -> list[str]:
    """Return what to call each of `(service, resource, labels)`, so that a service has no name twice."""
    names = [""] * len(resources)
    for service in {service for service, _, _ in resources}:
        members = [place for place, one in enumerate(resources) if one[0] == service]
        named = distinguished([resources[place][1] for place in members], [resources[place][2] for place in members])
        for place, name in zip(members, named, strict=True):
            names[place] = name
    return names


def _covers(limit: ResourceLimit, service: str, labels: Mapping[str, str]) -> bool:
    own = limit.service is None or limit.service == service
    return own and all(labels.get(name) == value for name, value in limit.match.items())


def _on(limit: ResourceLimit, queries: Mapping[str, MetricQuery]) -> tuple[str, ...] | None:
    return limit.on if limit.on is not None else queries[limit.query].identity_labels


def _place(service: str, labels: Mapping[str, str], on: tuple[str, ...] | None) -> tuple[Any, ...]:
    names = sorted(labels) if on is None else on
    return (service, *((name, labels.get(name)) for name in names))


def _index(
    rows: list[tuple[int, str, str, dict[str, str]]], query: str | None, on: tuple[str, ...] | None
) -> dict[tuple[Any, ...], int]:
    return {_place(service, labels, on): identity for identity, name, service, labels in rows if name == query}
