"""Training of the capacity model, and the one that runs."""

from datetime import timedelta
from typing import Any

import numpy as np

from include.capacity import CapacityForecast
from include.capacity.hours import Hours
from include.capacity.read import read_hours, read_resources
from include.capacity.train import train_capacity
from include.orchestration.lineage import loads_of, record_lineage
from include.orchestration.runtime import Runtime, code_version
from include.orchestration.train import settle, shelf
from include.window import Window
from models.base import NotTrainedError
from models.registry import CAPACITY
from models.tracking import Training
from models.training import fingerprint_of

PRODUCER = "train_capacity_models"
LEAST_DAYS = 28  # three weeks to learn from, and the one that the gate judges


def train_capacity_model(rt: Runtime, window: Window, days: int) -> dict[str, Any]:
    """Train on the hours of every resource with so many days of history; return as `train_model` does."""
    span = Window(window.end - timedelta(days=days), window.end)
    resources = read_resources(rt.warehouse, rt.config, span.end)
    hours = Hours.of(
        read_hours(rt.warehouse, resources["series_id"].tolist(), span.end),
        resources["series_id"].to_numpy(np.int64),
        span.end,
    )
    whole = int(np.max(hours.length, initial=0)) // 24
    taken = min(days, whole)
    rows = np.flatnonzero((hours.length >= taken * 24) & (hours.coverage >= 0.5))
    if taken < LEAST_DAYS or not len(rows):
        why = f"no resource has {LEAST_DAYS} days of hours"
        return {"model": CAPACITY, "next": "left out", "verdict": f"Nothing to train on: {why}."}
    y = hours.whole_days(rows, taken)
    chosen = resources.iloc[rows]
    outcome = train_capacity(
        rt.settings.mlflow,
        y,
        chosen["series_id"].to_numpy(np.int64),
        chosen["query"].to_numpy(object),
        hours.end,
        Training(
            span, tuple(loads_of(rt.warehouse, span)), fingerprint_of(y), rt.config.fingerprint, code_version(), 0, 0
        ),
    )
    done = settle(rt, CAPACITY, outcome.challenger.number, outcome.comparison)
    with rt.warehouse.transaction() as tx:
        record_lineage(tx, rt, PRODUCER, span, f"{CAPACITY}/{outcome.challenger.number}")
    return done | {"points": int(y.size)}


def running_capacity_model(rt: Runtime) -> tuple[CapacityForecast, str]:
    """Return the champion and its name and version; where none was ever trained, the default pool."""
    try:
        champion = shelf(rt).champion(CAPACITY)
    except NotTrainedError:
        return CapacityForecast(), "default pool"
    return champion.model, f"{CAPACITY}/{champion.version.number}"
