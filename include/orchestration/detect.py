"""Detection: score a shard's series with the champion, and replace the shard's anomalies and episodes of the window."""

from datetime import timedelta
from typing import Any

import pandas as pd

from include.orchestration.lineage import record_lineage
from include.orchestration.runtime import Runtime
from include.warehouse import points_in_batches, series_frame
from include.warehouse.schema import anomaly, episode
from include.window import Window
from models.episodes import detect, history
from models.registry import load_champion

PRODUCER = "detect_anomalies"
POINTS_AT_ONCE = 2_000_000


def score_shard(rt: Runtime, window: Window, shard: int) -> dict[str, Any]:
    """Score one shard of the series over a window; return how many points, anomalies and episodes there were.

    Memory is that of a batch of series, however many the shard has. Nothing is locked while scores are computed.
    """
    champion = load_champion(rt.settings.mlflow)
    shards = rt.settings.shards
    reach = window.with_lookback(history(champion.detector))
    series = described_series(rt, shard)
    found = []
    scored = 0
    for batch in points_in_batches(rt.warehouse, reach, _series_at_once(reach), shard, shards):
        points = batch.to_pandas()
        scored += int((points["ts"] >= pd.Timestamp(window.start)).sum())
        mine = series[series["series_id"].isin(points["series_id"].unique())]
        found.append(detect(champion.detector, points, mine, window, champion.version, rt.config.business_hours))
    anomalies = [one.anomaly for one in found if len(one.anomaly)]
    episodes = [one.episode for one in found if len(one.episode)]
    with rt.warehouse.transaction() as tx:
        for table, frames in ((anomaly, anomalies), (episode, episodes)):
            rows = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(table.c.keys()))
            tx.replace_results(table, PRODUCER, window, rows, rt.run_id, shard=(shard, shards))
        record_lineage(tx, rt, PRODUCER, reach, champion.version)
    return {
        "shard": shard,
        "points": scored,
        "anomalies": sum(map(len, anomalies)),
        "episodes": sum(map(len, episodes)),
        "model": champion.version,
    }


def described_series(rt: Runtime, shard: int | None = None) -> pd.DataFrame:
    """Return the series of a shard (or all) with what the configuration says of their query."""
    series = series_frame(rt.warehouse, shard, rt.settings.shards if shard is not None else None)
    directions = {name: query.bad_direction for name, query in rt.config.queries.items()}
    return series.assign(bad_direction=series["query"].map(directions).fillna("both"))


def total(scored: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the sums over all shards."""
    return {name: sum(part[name] for part in scored) for name in ("points", "anomalies", "episodes")}


def _series_at_once(reach: Window) -> int:
    return max(1, POINTS_AT_ONCE // max(1, reach.duration // timedelta(minutes=1)))
