"""Schedules, assets, forms and defaults of Almanac's DAGs.

The only place that knows how Airflow names partitions: `%Y-%m-%dT%H:%M:%S`, the start of a window of the grid.
Imported while DAG files are parsed, so nothing heavy may be imported here.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from airflow.sdk import (
    Asset,
    CronPartitionTimetable,
    ExceptionRetryPolicy,
    Param,
    PartitionedAssetTimetable,
    RetryAction,
    RetryRule,
)
from airflow.sdk.definitions.callback import AsyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference

from include.errors import PermanentError
from include.settings import settings
from include.window import Grid

METRICS = Asset("metrics", uri="almanac://warehouse/metric_point")
LOGS = Asset("logs", uri="almanac://warehouse/log_event")
TRACES = Asset("traces", uri="almanac://warehouse/span")
EVENTS = Asset("events", uri="almanac://warehouse/incident")
ANOMALIES = Asset("anomalies", uri="almanac://warehouse/anomaly")
MODELS = Asset("models", uri="almanac://registry/anomaly-detector")
SLO_STATUS = Asset("slo_status", uri="almanac://warehouse/slo_status")
REPORTS = Asset("reports", uri="almanac://documents/reports")

SOURCE_POOL = "almanac_sources"

WINDOW_PARAM = Param(
    None,
    type=["null", "string"],
    title="Window",
    description=(
        "Which time to work on, in UTC: `2026-11-05T07` is one step of the grid, `2026-11-05/2026-11-12` a wide "
        "window. Leave it empty for the run's own partition, or for the last complete step."
    ),
)


def each_step() -> CronPartitionTimetable:
    """Return the schedule of a regular window: a minute or two after each step of the grid, for the step that ended."""
    grid = Grid.of(settings().grid_minutes)
    if grid is Grid.DAY:
        return CronPartitionTimetable("5 0 * * *", timezone="UTC", run_offset=-1, key_format="%Y-%m-%dT00:00:00")
    if grid is Grid.HOUR:
        return CronPartitionTimetable("2 * * * *", timezone="UTC", run_offset=-1, key_format="%Y-%m-%dT%H:00:00")
    return CronPartitionTimetable(f"1-59/{grid.value} * * * *", timezone="UTC", run_offset=-1)


def daily(at: str) -> CronPartitionTimetable:
    """Return a daily schedule at `HH:MM` UTC, for the day that ended then."""
    hour, minute = at.split(":")
    return CronPartitionTimetable(f"{int(minute)} {int(hour)} * * *", timezone="UTC", run_offset=-1)


def weekly(weekday: int, at: str) -> CronPartitionTimetable:
    """Return a weekly schedule at `HH:MM` UTC on a weekday (0 is Sunday), for the week that ended then."""
    hour, minute = at.split(":")
    return CronPartitionTimetable(f"{int(minute)} {int(hour)} * * {weekday}", timezone="UTC", run_offset=-1)


def behind(asset: Asset) -> PartitionedAssetTimetable:
    """Return the schedule of a DAG that runs for each partition of `asset`, again when it is announced again."""
    return PartitionedAssetTimetable(assets=asset)


def retry_by_kind() -> ExceptionRetryPolicy:
    """Retry what may pass (a source that is down, a held lock); fail at once where trying again cannot help."""
    return ExceptionRetryPolicy(
        rules=[RetryRule(exception=PermanentError, action=RetryAction.FAIL, reason="trying again cannot help")]
    )


def dag_defaults(
    *tags: str,
    owner: str = "almanac",
    within: timedelta = timedelta(minutes=45),
    params: Mapping[str, Param] | None = None,
    active_runs: int = 1,
    windowed: bool = True,
) -> dict[str, Any]:
    """Return what every DAG shares: owner, tags, form, retries by kind of error, a deadline that tells people.

    A DAG that is not `windowed` works on the present, so its form asks for no window.
    """
    return {
        "catchup": False,
        "max_active_runs": active_runs,
        "tags": ["almanac", *tags],
        "params": {**({"window": WINDOW_PARAM} if windowed else {}), **(params or {})},
        "default_args": {
            "owner": owner,
            "retries": 2,
            "retry_delay": timedelta(seconds=20),
            "retry_exponential_backoff": True,
            "max_retry_delay": timedelta(minutes=10),
            "retry_policy": retry_by_kind(),
            "execution_timeout": within,
        },
        "deadline": DeadlineAlert(
            reference=DeadlineReference.DAGRUN_QUEUED_AT,
            interval=within,
            callback=AsyncCallback("include.orchestration.deadlines.tell_missed"),
        ),
        "render_template_as_native_obj": True,
    }


def shards() -> Sequence[int]:
    """Return the numbers of the shards into which work over many series is split."""
    return range(settings().shards)
