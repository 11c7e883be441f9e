"""The window of a run, read from Airflow's context: partition key, then data interval, then the form's params."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from include.clock import Clock, SystemClock
from include.window import Grid, Window, parse_time

PARTITION_FORMAT = "%Y-%m-%dT%H:%M:%S"
TRIAGE = "triage"
"""The DAG that webhooks start; its loads are provisional."""


@dataclass(frozen=True)
class RunWindow:
    """What one run works on.

    `partitioned` says whether Airflow chose the window by a partition key, so that the run announces partitions.
    """

    window: Window
    partitioned: bool
    run_id: str


def run_window(
    context: dict[str, Any], grid: Grid, span: timedelta | None = None, clock: Clock | None = None
) -> RunWindow:
    """Return the window of the run that `context` describes.

    `span` is the width of a partition that is wider than the grid (a day for daily DAGs). A run without partition key,
    data interval and `window` param works on the last complete step.
    """
    run = context["dag_run"]
    run_id = f"{run.dag_id}/{run.run_id}"
    width = span or grid.step
    params = context.get("params") or {}
    key = getattr(run, "partition_key", None)
    if key:
        start = grid.floor(parse_time(key))
        return RunWindow(Window(start, start + width), True, run_id)
    if params.get("window"):
        return RunWindow(Window.parse(str(params["window"]), grid), False, run_id)
    first, last = context.get("data_interval_start"), context.get("data_interval_end")
    if first is not None and last is not None and first < last:
        return RunWindow(Window(first, last), False, run_id)
    end = grid.floor((clock or SystemClock()).now())
    return RunWindow(Window(end - width, end), False, run_id)


def partition_key(start: datetime) -> str:
    """Return the partition key of the window that starts at `start`."""
    return start.strftime(PARTITION_FORMAT)
