"""Words of people from the pages, merged from the inbox into `feedback`.

The pages are a webhook of their own, without an entry in `sources.yaml`: what they deliver lands, is judged and is
loaded as any webhook's is. A step of the grid is loaded for good once it is over; the present one provisionally.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from include.config import SourceConfig
from include.config.source import PAGES as NAME
from include.datasets import FEEDBACK, Scope
from include.inbox import Inbox, inbox_beside
from include.orchestration.ingest import Access, LoadStopped, load_landed, read_source
from include.orchestration.runtime import Runtime
from include.orchestration.triage import OWN_RUN_AFTER
from include.warehouse.schema import load_log
from include.window import Grid, Window

PAGES = SourceConfig.model_validate(
    {
        "name": NAME,
        "type": "webhook",
        "connection": "none",
        "lateness": timedelta(0),
        "options": {"provider": "generic"},
        "feeds": {"pages": {"name": "pages", "source": NAME, "dataset": FEEDBACK.name}},
    }
)
FEED = "pages"


def merge_feedback(rt: Runtime) -> dict[str, int]:
    """Load every step in which the pages delivered something and that was not loaded for good; return rows and steps.

    However long nothing ran, nothing is lost: what is due is told by the inbox and by `load_log`, not by the clock.
    """
    known = replace(rt, config=replace(rt.config, sources={**rt.config.sources, NAME: PAGES}))
    inbox, now = Inbox(inbox_beside(rt.settings.landing)), rt.clock.now()
    done = _loaded_for_good(rt)
    rows = steps = 0
    for window in _steps(inbox.hours(NAME), rt.grid):
        if window.start in done or window.start > now:
            continue
        provisional = now < window.end + OWN_RUN_AFTER
        reading = read_source(known, Scope(NAME, FEEDBACK.name, FEED, window), Access())
        outcome = load_landed(known, reading, provisional=provisional)
        if outcome.message:
            raise LoadStopped(outcome.message)
        rows += outcome.rows
        steps += 1
    return {"rows": rows, "steps": steps}


def _steps(hours: list[datetime], grid: Grid) -> list[Window]:
    """Return the steps of the grid that touch hours in which something came, in order."""
    found = {
        Window.containing(hour + minute * grid.step, grid)
        for hour in hours
        for minute in range(max(1, Grid.HOUR.step // grid.step))
    }
    return sorted(found)


def _loaded_for_good(rt: Runtime) -> set[datetime]:
    """Return the starts of the steps that were loaded after they were over."""
    mine: sa.Select[Any] = sa.select(load_log.c.window_start, load_log.c.window_end, load_log.c.started_at).where(
        load_log.c.source == NAME, load_log.c.status.in_(["loaded", "unchanged"])
    )
    loads = rt.warehouse.frame(mine)
    whole = loads[loads["started_at"] >= loads["window_end"] + OWN_RUN_AFTER]
    return {moment.to_pydatetime() for moment in whole["window_start"]}
