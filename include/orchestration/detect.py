"""Detection: score a shard's series and services with their champions, and replace its results of the window."""

import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd

from include.orchestration.lineage import record_lineage
from include.orchestration.meaning import business_hours, described_series
from include.orchestration.runtime import Runtime
from include.orchestration.train import AT_LEAST, shelf
from include.warehouse import points_of
from include.warehouse.schema import anomaly, episode
from include.window import Grid, Window, shard_of
from models.base import Detector, NotTrainedError, service_id
from models.episodes import Found, detect, history
from models.maintenance import silenced
from models.registry import ANOMALY, JOINT
from models.shelf import Champion

PRODUCER = "detect_anomalies"
_LOG = logging.getLogger(__name__)
POINTS_AT_ONCE = 2_000_000
Batch = tuple[pd.DataFrame, pd.DataFrame]  # points, and the series that they belong to


def score_shard(rt: Runtime, window: Window, shard: int) -> dict[str, Any]:
    """Score one shard over a window; return how many points, anomalies and episodes there were, and by which models.

    A shard's series and its services are different sets: each by its own hash. Memory is that of a batch, however many
    the shard has. Nothing is locked while scores are computed. While MLflow is down the champion on this machine's disk
    scores, and `notes` says so. Raises `NotTrainedError` where no model of single series was ever trained.
    """
    champions = {ANOMALY: shelf(rt).champion(ANOMALY)}
    if rt.config.detection.together:
        try:
            champions[JOINT] = shelf(rt).champion(JOINT)
        except NotTrainedError:
            _LOG.info("%s has no champion yet, so services are judged by their single series alone.", JOINT)
    notes = [champion.note for champion in champions.values() if champion.note]
    for note in notes:
        _LOG.warning(note)
    everything = described_series(rt)
    found: list[Found] = []
    scored = 0
    for points, series in _series_batches(rt, window, shard, everything, champions[ANOMALY].model):
        scored += int((points["ts"] >= pd.Timestamp(window.start)).sum())
        found.append(_found(rt, champions[ANOMALY], points, series, window))
    if JOINT in champions:
        for points, series in _service_batches(rt, window, shard, everything, champions[JOINT].model):
            found.append(_found(rt, champions[JOINT], points, series, window))
    models = ", ".join(f"{name}/{champion.version.number}" for name, champion in champions.items())
    anomalies = [one.anomaly for one in found if len(one.anomaly)]
    episodes = [silenced(one.episode, rt.config.maintenance) for one in found if len(one.episode)]
    with rt.warehouse.transaction() as tx:
        for table, frames in ((anomaly, anomalies), (episode, episodes)):
            rows = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(table.c.keys()))
            tx.replace_results(
                table,
                PRODUCER,
                window,
                stamped(rows, window, rt.grid),
                run_id=rt.run_id,
                shard=(shard, rt.settings.shards),
            )
        record_lineage(tx, rt, PRODUCER, window, models)
    return {
        "shard": shard,
        "points": scored,
        "anomalies": sum(map(len, anomalies)),
        "episodes": sum(map(len, episodes)),
        "model": models,
        "notes": notes,
    }


def _found(rt: Runtime, champion: Champion, points: pd.DataFrame, series: pd.DataFrame, window: Window) -> Found:
    version = champion.version.number
    return detect(champion.model, points, series, window, model_version=version, hours=business_hours(rt))


def _series_batches(
    rt: Runtime, window: Window, shard: int, everything: pd.DataFrame, detector: Detector
) -> Iterator[Batch]:
    """Yield the shard's series, each step with as much history as the detector wants of it."""
    mine = np.abs(np.fmod(everything["series_id"].to_numpy(np.int64), rt.settings.shards)) == shard
    for step, of_step in everything[mine].groupby("step_seconds"):
        reach = _reach(detector, window, float(step))
        own = of_step[(of_step["first_seen"] < reach.end) & (of_step["last_seen"] >= reach.start)]
        at_once = _series_at_once(reach, float(step))
        ids = own["series_id"].to_numpy()
        for start in range(0, len(ids), at_once):
            points = points_of(rt.warehouse, reach, ids[start : start + at_once].tolist()).to_pandas()
            if len(points):
                yield points, own[own["series_id"].isin(points["series_id"].unique())]


def _service_batches(
    rt: Runtime, window: Window, shard: int, everything: pd.DataFrame, detector: Detector
) -> Iterator[Batch]:
    """Yield the shard's services that have enough series, whole services at a time."""
    sizes = everything.groupby("service").size()
    mine = [name for name in sizes.index if shard_of(service_id(name), rt.settings.shards) == shard]
    sizes = sizes.loc[mine]
    sizes = sizes[sizes >= AT_LEAST]
    steps = everything[everything["service"].isin(sizes.index)]["step_seconds"]
    if steps.empty:
        return
    reach = _reach(detector, window, float(steps.max()))
    batch = np.cumsum(sizes.to_numpy()) // _series_at_once(reach, float(steps.min()))
    for number in np.unique(batch):
        own = everything[everything["service"].isin(sizes.index[batch == number])]
        points = points_of(rt.warehouse, reach, own["series_id"].tolist()).to_pandas()
        there = own[own["series_id"].isin(points["series_id"].unique())]
        left = there.groupby("service")["series_id"].transform("size") >= AT_LEAST
        there = there[left]
        points = points[points["series_id"].isin(there["series_id"])].reset_index(drop=True)
        if len(points):
            yield points, there


def _reach(detector: Detector, window: Window, step: float) -> Window:
    return window.with_lookback(history(detector, timedelta(seconds=step)))


def stamped(rows: pd.DataFrame, window: Window, grid: Grid) -> pd.DataFrame:
    """Return the results of a wide window, each placed in the regular window in which it was last seen.

    So a later run of one regular window replaces its own part of them and nothing else.
    """
    if window.duration <= grid.step or rows.empty:
        return rows
    seen = rows["last_ts" if "last_ts" in rows else "ts"]
    last = pd.Timestamp(window.end) - pd.Timedelta("1us")
    start = seen.where(seen < last, last).dt.floor(f"{grid.value}min")
    return rows.assign(window_start=start, window_end=start + grid.step)


def total(scored: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the sums over all shards, and each note once."""
    sums: dict[str, Any] = {name: sum(part[name] for part in scored) for name in ("points", "anomalies", "episodes")}
    return sums | {"notes": list(dict.fromkeys(note for part in scored for note in part["notes"]))}


def _series_at_once(reach: Window, step: float) -> int:
    return max(1, int(POINTS_AT_ONCE * step // reach.duration.total_seconds()))
