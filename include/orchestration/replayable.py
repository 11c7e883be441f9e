"""Which landed partitions count: of each scope the newest, but a poorer answer never takes the place of a good one."""

from collections.abc import Collection

import sqlalchemy as sa

from include.datasets import Scope
from include.landing import Landed, landed_partitions
from include.orchestration.runtime import Runtime
from include.warehouse import LoadStatus
from include.warehouse.schema import load_log
from include.window import Window

_WELL = (LoadStatus.LOADED, LoadStatus.UNCHANGED)


def replayable(
    rt: Runtime,
    *,
    source: str | None = None,
    dataset: str | None = None,
    query: str | None = None,
    window: Window | None = None,
    allow_shrink: bool = False,
) -> list[Landed]:
    """Return what a replay reads, in the order in which it landed; arguments as those of `landed_partitions`.

    Of each scope that is the newest partition that was not refused as too poor (or was, with `allow_shrink`), and the
    newest that could be loaded where the newest could not: what is in place may come from it.
    """
    found = landed_partitions(
        rt.settings.landing, source=source, dataset=dataset, query=query, window=window, newest=False
    )
    refused = set() if allow_shrink else _ended(rt, LoadStatus.REFUSED_SHRINK)
    failed = _ended(rt, LoadStatus.FAILED)
    newest = _newest(found, set()) | _newest(found, refused)
    good = _newest(found, refused | failed)
    return sorted({*newest.values(), *good.values()}, key=lambda landed: landed.load_id)


def _newest(found: list[Landed], without: Collection[str]) -> dict[Scope, Landed]:
    return {one.scope: one for one in found if one.load_id not in without}


def _ended(rt: Runtime, status: LoadStatus) -> set[str]:
    """Return the ids of loads that ended so and never well, though their partition may have been replayed."""
    well = sa.select(load_log.c.load_id).where(load_log.c.status.in_([one.value for one in _WELL]))
    ended = sa.select(load_log.c.load_id).where(load_log.c.status == status.value, load_log.c.load_id.not_in(well))
    return set(rt.warehouse.read(ended)["load_id"].to_pylist())
