"""Reports: compute the results of a window, and build the documents that show them.

Computing and publishing are separate steps, so that a document can be built again without computing anything.
"""

from datetime import timedelta
from typing import Any

import pandas as pd
import sqlalchemy as sa

from include import capacity
from include.capacity.read import read_hours
from include.orchestration.lineage import record_lineage
from include.orchestration.publish import publish
from include.orchestration.runtime import Runtime
from include.orchestration.train_capacity import running_capacity_model
from include.report import Document, Edition
from include.report import capacity as capacity_report
from include.report import data as data_report
from include.report import slo as slo_report
from include.slo.assess import assess
from include.slo.configured import configured
from include.slo.read import read_counts
from include.warehouse import gaps
from include.warehouse.schema import (
    capacity_status,
    forecast_point,
    load_log,
    quality_result,
    quarantine_row,
    slo_status,
)
from include.window import Window

DAY = timedelta(days=1)
DATA_LOOKBACK = timedelta(days=2)


def compute_slo(rt: Runtime, window: Window) -> dict[str, int]:
    """Write what every objective has used of its budget as of the window's end; return how many are in which state."""
    last = _last_step(rt, window)
    counts = read_counts(rt.warehouse, configured(rt.config), rt.config.queries, last.end)
    status = assess(counts, last.end, rt.config.maintenance).status
    with rt.warehouse.transaction() as tx:
        tx.replace_results(slo_status, "report_slo", last, status, run_id=rt.run_id)
        record_lineage(tx, rt, "report_slo", last)
    return {str(state): int(count) for state, count in status["status"].value_counts().items()}


def publish_slo(rt: Runtime, window: Window) -> list[str]:
    """Build the error-budget report of every audience as of the window's end; return the ids of the documents."""
    last = _last_step(rt, window)
    status = rt.warehouse.frame(sa.select(slo_status).where(slo_status.c.window_end == last.end))
    hourly = _hourly_counts(rt, last)

    def build(edition: Edition, previous: Document | None) -> Document:
        return slo_report.build(status, hourly, last, edition, previous)

    return publish(rt, slo_report.NAME, last, build, _owners(status), last.end + rt.grid.step)


def forecast_capacity(rt: Runtime, window: Window) -> dict[str, int]:
    """Forecast every resource that has a limit, as of the window's end; return how many are in which state."""
    model, version = running_capacity_model(rt)
    found = capacity.assess_configured(rt.warehouse, rt.config, window.end, model=model)
    with rt.warehouse.transaction() as tx:
        tx.replace_results(capacity_status, "report_capacity", window, found.status, run_id=rt.run_id)
        tx.replace_results(forecast_point, "report_capacity", window, found.forecast, run_id=rt.run_id)
        record_lineage(tx, rt, "report_capacity", window, version)
    return {str(state): int(count) for state, count in found.status["status"].value_counts().items()}


def publish_capacity(rt: Runtime, window: Window) -> list[str]:
    """Build the capacity report of every audience as of the window's end; return the ids of the documents."""
    mine = (capacity_status.c.window_start == window.start, capacity_status.c.window_end == window.end)
    status = rt.warehouse.frame(sa.select(capacity_status).where(*mine))
    ahead = rt.warehouse.frame(
        sa.select(forecast_point).where(
            forecast_point.c.window_start == window.start, forecast_point.c.window_end == window.end
        )
    )
    hours = read_hours(rt.warehouse, status["series_id"].tolist(), window.end)

    def build(edition: Edition, previous: Document | None) -> Document:
        return capacity_report.build(status, ahead, hours, window, edition, previous)

    return publish(rt, capacity_report.NAME, window, build, _owners(status), window.end + DAY)


def publish_data(rt: Runtime, window: Window) -> list[str]:
    """Build the Data page: sources, gaps, quarantine and quality over the last two days."""
    last = _last_step(rt, window)
    since = last.end - DATA_LOOKBACK
    loads = rt.warehouse.frame(sa.select(load_log).where(load_log.c.window_end > since))
    quality = rt.warehouse.frame(sa.select(quality_result).where(quality_result.c.window_end > since))
    quarantine = rt.warehouse.frame(sa.select(quarantine_row).where(quarantine_row.c.window_end > since))
    tasks = [(source.name, query, dataset) for source, query, dataset in rt.config.tasks()]
    first = max(since, rt.grid.floor(loads["window_start"].min().to_pydatetime())) if len(loads) else last.start
    holes = gaps(rt.warehouse, Window(rt.grid.floor(first), last.end), tasks, rt.grid)

    def build(edition: Edition, previous: Document | None) -> Document:
        return data_report.build(loads, holes, quality, quarantine, last, edition, rt.clock.now(), previous)

    return publish(rt, data_report.NAME, last, build, (), last.end + rt.grid.step, mailed=False)


def _last_step(rt: Runtime, window: Window) -> Window:
    """Return the last regular window of a window: reports are as of its end."""
    return Window(window.end - rt.grid.step, window.end)


def _owners(status: pd.DataFrame) -> list[Any]:
    return list(status["owner"].dropna().unique())


def _hourly_counts(rt: Runtime, last: Window) -> pd.DataFrame:
    """Return [slo, objective, ts, good, total] by hour over every objective's period so far."""
    counts = read_counts(rt.warehouse, configured(rt.config), rt.config.queries, last.end)
    frames = [
        found.dropna()
        .groupby(found["ts"].dt.floor("h"))[["good", "total"]]
        .sum()
        .reset_index()
        .assign(slo=objective.slo, objective=objective.name)
        for objective, found in counts
    ]
    columns = ["slo", "objective", "ts", "good", "total"]
    return pd.concat(frames, ignore_index=True)[columns] if frames else pd.DataFrame(columns=columns)
