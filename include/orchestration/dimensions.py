"""The configuration, written into the warehouse's dimensions so that SQL and reports can join to it."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from include.config.calendar import PlannedTime
from include.orchestration.runtime import Runtime
from include.warehouse.schema import (
    alert,
    change_event,
    feedback,
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

PLANNED_AHEAD = timedelta(days=28)
"""So far ahead the times of a weekly plan stand in `maintenance_window`."""
LONG_AGO, FAR_AHEAD = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 12, 1, tzinfo=UTC)
NAMED = (series, alert, incident, change_event, feedback)
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
        row
        for kind, entries in (("maintenance", config.maintenance), ("freeze", config.freezes))
        for one in entries
        for row in _planned(rt, kind, one)
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


def _planned(rt: Runtime, kind: str, one: PlannedTime) -> Iterator[dict[str, Any]]:
    """Yield a row for a planned time; for a weekly one, a row for each time that it comes in the time that is kept."""
    covered = [name for name in rt.config.services if one.services and one.covers(name)]
    now = rt.clock.now()
    since, until = now - timedelta(days=rt.settings.retention_days), now + PLANNED_AHEAD
    stretches = one.within(since, until) if one.weekly else one.within(LONG_AGO, FAR_AHEAD)
    for stretch in stretches:
        yield {
            "name": f"{one.name}@{stretch.start:%Y-%m-%dT%H:%MZ}" if one.weekly else one.name,
            "kind": kind,
            "services": covered,
            "starts_at": stretch.start,
            "ends_at": stretch.end,
            "reason": one.reason,
            "owner": one.owner,
        }
