"""The configuration, written into the warehouse's dimensions so that SQL and reports can join to it."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from include.config.calendar import PlannedTime
from include.orchestration.runtime import Runtime
from include.warehouse.schema import (
    alert,
    change_event,
    incident,
    log_event,
    log_summary,
    maintenance_window,
    resource_limit,
    series,
    service,
    service_alias,
    slo,
    span,
)
from include.warehouse.write import Transaction

NAMED = (series, alert, incident, change_event)
SEEN = (log_event, log_summary, span)
"""Facts that carry the service: too many to look through for names, so `service_alias` remembers which there are."""


def sync_dimensions(rt: Runtime) -> int:
    """Make services, objectives, limits and planned times in the warehouse those of the configuration.

    A name that came before the configuration knew it gets its service now, on series and records alike. Returns how
    many rows were added, changed or removed.
    """
    config = rt.config
    services = [
        {
            "name": one.name,
            "owner": one.owner,
            "tier": one.tier,
            "time_zone": one.time_zone,
            "holidays": one.holidays,
            "dependencies": list(one.dependencies),
            "labels": dict(one.labels),
            "aliases": {source: list(names) for source, names in one.aliases.items()},
        }
        for one in config.services.values()
    ]
    slos = [
        {
            "name": one.name,
            "service": one.service,
            "display_name": one.display_name,
            "spec": one.model_dump(mode="json"),
        }
        for one in config.slos
    ]
    limits = [
        {
            "name": one.name,
            "query": one.query,
            "service": one.service,
            "labels": dict(one.match),
            "limit_value": one.value,
            "limit_query": one.limit_query,
            "unit": one.unit,
        }
        for one in config.limits
    ]
    planned = [
        *(_planned("maintenance", one) for one in config.maintenance),
        *(_planned("freeze", one) for one in config.freezes),
    ]
    with rt.warehouse.transaction() as tx:
        return (
            tx.replace_dimension(service, services)
            + tx.replace_dimension(slo, slos)
            + tx.replace_dimension(resource_limit, limits)
            + tx.replace_dimension(maintenance_window, planned)
            + sum(_resolve_again(rt, tx, table, table.c.service_alias, [table]) for table in NAMED)
            + _resolve_again(rt, tx, service_alias, service_alias.c.alias, [service_alias, *SEEN])
        )


def _resolve_again(
    rt: Runtime, tx: Transaction, known_by: sa.Table, alias: sa.Column[str], tables: Sequence[sa.Table]
) -> int:
    """Resolve the aliases that `known_by` holds by today's configuration, in all `tables`; return the rows changed."""
    names = tx.frame(sa.select(known_by.c.source, alias.label("alias"), known_by.c.service).distinct())
    changed = 0
    for source, known in names.groupby("source"):
        if source not in rt.config.sources:
            continue
        resolve = rt.config.resolver(str(source)).resolve
        now = known.assign(now=known["alias"].map(resolve))
        moved = now[now["now"] != now["service"]]
        services = dict(zip(moved["alias"], moved["now"], strict=True))
        changed += sum(tx.resolve_again(table, str(source), services) for table in tables)
    return changed


def _planned(kind: str, one: PlannedTime) -> dict[str, Any]:
    return {
        "name": one.name,
        "kind": kind,
        "services": list(one.services),
        "starts_at": one.start,
        "ends_at": one.end,
        "reason": one.reason,
    }
