"""Detection: score a shard's series with the champion, and replace the shard's anomalies and episodes of the window."""

from datetime import timedelta
from typing import Any

import pandas as pd

from include.orchestration.lineage import record_lineage
from include.orchestration.meaning import business_hours, described_series
from include.orchestration.runtime import Runtime
from include.warehouse import points_in_batches
from include.warehouse.schema import anomaly, episode
from include.window import Grid, Window
from models.episodes import detect, history
from models.registry import load_champion

PRODUCER = "detect_anomalies"
POINTS_AT_ONCE = 2_000_000


def score_shard(rt: Runtime, window: Window, shard: int) -> dict[str, Any]:
    """Score one shard of the series over a window; return how many points, anomalies and episodes there were.

    Memory is that of a batch of series, however many the shard has. Nothing is locked while scores are computed.
    """
    detector, version = load_champion(rt.settings.mlflow)
    hours = business_hours(rt)
    shards = rt.settings.shards
    series = described_series(rt, shard)
    steps = [timedelta(seconds=float(step)) for step in series["step_seconds"].unique()]
    reach = window.with_lookback(max((history(detector, step) for step in steps), default=timedelta()))
    found = []
    scored = 0
    for batch in points_in_batches(rt.warehouse, reach, _series_at_once(reach), shard=shard, shards=shards):
        points = batch.to_pandas()
        scored += int((points["ts"] >= pd.Timestamp(window.start)).sum())
        mine = series[series["series_id"].isin(points["series_id"].unique())]
        found.append(detect(detector, points, mine, window, model_version=version.number, hours=hours))
    anomalies = [one.anomaly for one in found if len(one.anomaly)]
    episodes = [one.episode for one in found if len(one.episode)]
    with rt.warehouse.transaction() as tx:
        for table, frames in ((anomaly, anomalies), (episode, episodes)):
            rows = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(table.c.keys()))
            tx.replace_results(
                table, PRODUCER, window, stamped(rows, window, rt.grid), run_id=rt.run_id, shard=(shard, shards)
            )
        record_lineage(tx, rt, PRODUCER, reach, version.number)
    return {
        "shard": shard,
        "points": scored,
        "anomalies": sum(map(len, anomalies)),
        "episodes": sum(map(len, episodes)),
        "model": version.number,
    }


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
    """Return the sums over all shards."""
    return {name: sum(part[name] for part in scored) for name in ("points", "anomalies", "episodes")}


def _series_at_once(reach: Window) -> int:
    return max(1, POINTS_AT_ONCE // max(1, reach.duration // timedelta(minutes=1)))
