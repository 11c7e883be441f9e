"""Fills gaps: reads again what the ledger of loads says is missing, failed or short, and nothing else."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from include.orchestration.dimensions import sync_dimensions
from include.orchestration.ingest import LoadStopped, Piece
from include.orchestration.runtime import Runtime
from include.warehouse import LoadStatus, gaps, joined_gaps
from include.warehouse.schema import load_log
from include.window import Window

LONGEST = timedelta(days=1)
"""Windows that lie side by side are read together, at most so many at once, so that a source is asked less often."""
FILLED = ("missing", "failed", "provisional", "short")
"""What reading again may mend; a poorer answer that was refused needs a person."""


def last_days(rt: Runtime, days: int) -> Window:
    """Return the complete steps of the grid in the last days."""
    end = rt.grid.floor(rt.clock.now())
    return Window(rt.grid.floor(end - timedelta(days=days)), end)


def plan_fill(rt: Runtime, window: Window, sources: Sequence[str] | None) -> list[Piece]:
    """Return one piece per query and run of gaps in a window; of the named sources, or of all.

    Raises `LoadStopped` for a source that the configuration does not have.
    """
    if unknown := set(sources or ()) - set(rt.config.sources):
        raise LoadStopped(f"sources.yaml has no {', '.join(sorted(unknown))}. It has {', '.join(rt.config.sources)}.")
    sync_dimensions(rt)
    tasks = [
        (source.name, query, dataset)
        for source, query, dataset in rt.config.tasks()
        if not sources or source.name in sources
    ]
    found = gaps(rt.warehouse, window, tasks, rt.grid)
    found = found[found["reason"].isin(FILLED)]
    return [
        {"source": row["source"], "query": row["query"], "dataset": row["dataset"], "window": row["window"].key}
        for row in joined_gaps(found, LONGEST).to_dict("records")
    ]


def changed_since(rt: Runtime, datasets: Sequence[str]) -> datetime | None:
    """Return the start of the first window of these datasets whose content this run has changed, or None."""
    first = sa.select(sa.func.min(load_log.c.window_start).label("first")).where(
        load_log.c.run_id == rt.run_id,
        load_log.c.status == LoadStatus.LOADED.value,
        load_log.c.dataset.in_(list(datasets)),
    )
    found: datetime | None = rt.warehouse.read(first)["first"][0].as_py()
    return found
