"""Drift, daily: measure the champions against the world of their training, tell, and have them trained anew.

Training is asked for at most once a day: the run's id says the day, so Airflow takes it once; and not at all on a day
on which one was begun otherwise, which `lineage` tells.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import sqlalchemy as sa

from include.clock import Clock
from include.orchestration.lineage import record_lineage
from include.orchestration.meaning import business_hours, described_series
from include.orchestration.publish import publish
from include.orchestration.runtime import Runtime
from include.orchestration.train import judged_together, shelf
from include.report import Document, Edition
from include.report import drift as drift_report
from include.warehouse import Warehouse, points_of
from include.warehouse.schema import drift, lineage
from include.window import Window, shard_of
from models.base import ModelError, NotTrainedError, service_id
from models.drift import DRIFTED, UNKNOWN, measure, needed_points
from models.reference import fetch_reference
from models.registry import JOINT, TRAINED_BY

PRODUCER = "check_drift"
MOST_SERIES = 2_000
"""So many series are measured, of whole services drawn by their hash: more say nothing new of a distribution."""
SHOWN = timedelta(days=14)
DAY = timedelta(days=1)
_LOG = logging.getLogger(__name__)


def check_model(rt: Runtime, window: Window, model: str) -> dict[str, Any]:
    """Measure one model's champion over a window and keep the rows; return the version and how many are in which state.

    A model without a champion, and a version without a reference, have nothing to be measured against: `note` says so.
    """
    try:
        champion = shelf(rt).champion(model)
    except NotTrainedError as error:
        return {"model": model, "version": None, "note": str(error)}
    try:
        reference = fetch_reference(rt.settings.mlflow, champion.version.run_id)
    except ModelError as error:
        _LOG.warning("%s", error)
        return {"model": model, "version": champion.version.number, UNKNOWN: 1, "note": str(error)}
    series = _drawn(described_series(rt), window)
    reach = window.with_lookback(needed_points(champion.model, series))
    points = points_of(rt.warehouse, reach, series["series_id"].tolist()).to_pandas()
    if model == JOINT:
        series, points = judged_together(series, points)
    found = measure(reference, champion.model, points, series, since=window.start, hours=business_hours(rt))
    rows = found.assign(model=model, model_version=champion.version.number)
    with rt.warehouse.transaction() as tx:
        tx.replace_results(drift, f"{PRODUCER}/{model}", window, rows, run_id=rt.run_id)
        record_lineage(tx, rt, PRODUCER, window, f"{model}/{champion.version.number}")
    counts = {str(state): int(count) for state, count in found["status"].value_counts().items()}
    return {"model": model, "version": champion.version.number, "series": len(series), **counts}


def due_trainings(rt: Runtime, checked: Sequence[dict[str, Any]], busy: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Return the training runs to start, as `TriggerDagRunOperator` takes them: one per training DAG at most.

    None where `detectors.yaml` says `retrain_on_drift: false`, where the DAG is among those that are `busy`, or where a
    training of today is known.
    """
    if not rt.config.detection.retrain_on_drift:
        return []
    wanted = dict.fromkeys(TRAINED_BY[one["model"]] for one in checked if one.get(DRIFTED))
    day = today(rt.clock)
    return [
        {"trigger_run_id": f"drift__{day:%Y-%m-%d}", "conf": {}, "trigger_dag_id": dag}
        for dag in wanted
        if dag not in busy and not trained_since(rt.warehouse, dag, day)
    ]


def today(clock: Clock) -> datetime:
    """Return the start of the day, in UTC."""
    return clock.now().replace(hour=0, minute=0, second=0, microsecond=0)


def trained_since(warehouse: Warehouse, producer: str, moment: datetime) -> bool:
    """Return whether a training left its lineage at or after a moment."""
    mine = sa.select(lineage.c.run_id).where(lineage.c.producer == producer, lineage.c.recorded_at >= moment).limit(1)
    return warehouse.read(mine).num_rows > 0


def publish_drift(rt: Runtime, window: Window, checked: Sequence[dict[str, Any]]) -> list[str]:
    """Build the drift report of a window; return the ids of its documents."""
    since = window.start - SHOWN
    kept = rt.warehouse.frame(sa.select(drift).where(drift.c.window_start >= since, drift.c.window_end <= window.end))
    notes = [f"{one['model']}: {one['note']}" for one in checked if one.get("note")]

    def build(edition: Edition, previous: Document | None) -> Document:
        retrains = rt.config.detection.retrain_on_drift
        return drift_report.build(kept, window, edition, notes, retrains=retrains, previous=previous)

    return publish(rt, drift_report.NAME, window, build, (), window.end + DAY, mailed=False)


def _drawn(series: pd.DataFrame, window: Window) -> pd.DataFrame:
    """Return the series of the window, or of as many whole services as hold about `MOST_SERIES`."""
    there = series[(series["first_seen"] < window.end) & (series["last_seen"] >= window.start)].reset_index(drop=True)
    parts = -(-len(there) // MOST_SERIES)
    if parts < 2:
        return there
    names = there["service"].unique()
    taken = [name for name in names if shard_of(service_id(name), parts) == 0]
    return there[there["service"].isin(taken)].reset_index(drop=True)
