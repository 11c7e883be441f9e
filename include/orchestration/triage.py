"""Triage: what a webhook has delivered, loaded at once, ahead of the window's own run.

Its rows are provisional. The window's own run of `ingest_events` reads the same deliveries again, with what came after
them, and makes the rows final.
"""

from datetime import timedelta
from typing import Any

from include.datasets import Scope
from include.orchestration.ingest import Access, LoadStopped, load_landed, read_source
from include.orchestration.runtime import Runtime
from include.window import Window

OWN_RUN_AFTER = timedelta(minutes=1)
"""The window's own run starts no sooner after its end, on any grid. Later, rows are its business alone."""


def triage_window(rt: Runtime, asked: str | None) -> Window:
    """Return the window that was asked for, or the one that contains the present."""
    return Window.parse(asked, rt.grid) if asked else Window.containing(rt.clock.now(), rt.grid)


def load_provisionally(rt: Runtime, source_name: str, window: Window) -> dict[str, Any]:
    """Load every feed of a webhook source for a window that is not over, provisionally; return the rows of each.

    A window whose own run may have begun is left to that run. Raises `LoadStopped` for a source that is no webhook.
    """
    source = rt.config.sources.get(source_name)
    if source is None or source.type != "webhook":
        raise LoadStopped(f"sources.yaml has no webhook {source_name!r}, so nothing of it can be triaged.")
    rows: dict[str, Any] = {"window": window.key}
    for feed in source.feeds.values():
        if rt.clock.now() >= window.end + OWN_RUN_AFTER:
            return {**rows, "left_to": "ingest_events"}
        reading = read_source(rt, Scope(source.name, feed.dataset, feed.name, window), Access())
        outcome = load_landed(rt, reading, provisional=True)
        if outcome.message:
            raise LoadStopped(outcome.message)
        rows[feed.name] = outcome.rows
    return rows
