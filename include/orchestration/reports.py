"""Reports: compute the results of a window, build one document per audience, store it, list it, and mark it due.

Computation and publication are separate steps; a document that is built again for the same window replaces itself, and
its delivery stays what it was, so nobody is told twice.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import sqlalchemy as sa

from include.notify.delivery import announce
from include.orchestration.lineage import record_lineage
from include.orchestration.runtime import Runtime
from include.report import EVERYONE, Document, Edition, Store
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
    report,
    slo_status,
)
from include.window import Grid, Window

Build = Callable[[Edition, Document | None], Document]


def compute_slo(rt: Runtime, window: Window) -> dict[str, Any]:
    """Write what every objective has used of its budget as of the window's end; return how many are in which state."""
    last = Window(window.end - rt.grid.step, window.end)
    counts = read_counts(rt.warehouse, configured(rt.config), rt.config.queries, last.end)
    status = assess(counts, last.end, rt.config.maintenance).status
    with rt.warehouse.transaction() as tx:
        tx.replace_results(slo_status, "report_slo", last, status, run_id=rt.run_id)
        record_lineage(tx, rt, "report_slo", last)
    return {str(state): int(count) for state, count in status["status"].value_counts().items()}


def publish_slo(rt: Runtime, window: Window) -> list[str]:
    """Build the error-budget report of every audience as of the window's end; return the ids of the documents."""
    last = Window(window.end - rt.grid.step, window.end)
    status = rt.warehouse.frame(sa.select(slo_status).where(slo_status.c.window_end == last.end))
    hourly = hourly_counts(rt, last.end)

    def build(edition: Edition, previous: Document | None) -> Document:
        return slo_report.build(status, hourly, last, edition, previous)

    return publish(rt, "slo", last, build, status["owner"].dropna().unique(), mail_once_a_day=True)


def hourly_counts(rt: Runtime, as_of: datetime) -> pd.DataFrame:
    """Return [slo, objective, ts, good, total] by hour over every objective's period so far."""
    frames = [
        counts.dropna()
        .groupby(counts["ts"].dt.floor("h"))[["good", "total"]]
        .sum()
        .reset_index()
        .assign(slo=objective.slo, objective=objective.name)
        for objective, counts in read_counts(rt.warehouse, configured(rt.config), rt.config.queries, as_of)
    ]
    columns = ["slo", "objective", "ts", "good", "total"]
    return pd.concat(frames, ignore_index=True)[columns] if frames else pd.DataFrame(columns=columns)
