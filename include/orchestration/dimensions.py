"""The configuration, written into the warehouse's dimensions so that SQL and reports can join to it."""

from typing import Any

from include.config.calendar import PlannedTime
from include.orchestration.runtime import Runtime
from include.warehouse.schema import maintenance_window, resource_limit, service, slo


def sync_dimensions(rt: Runtime) -> int:
    """Make services, objectives, limits and planned times in the warehouse those of the configuration.

    Returns how many rows were added, changed or removed.
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
        )


def _planned(kind: str, one: PlannedTime) -> dict[str, Any]:
    return {
        "name": one.name,
        "kind": kind,
        "services": list(one.services),
        "starts_at": one.start,
        "ends_at": one.end,
        "reason": one.reason,
    }
