"""A small fleet for the tests of detectors: seasons, noise, gaps, and anomalies where a test wants them."""

import numpy as np
import pandas as pd

START = pd.Timestamp("2026-10-05", tz="UTC")


def fleet(count: int = 6, days: int = 8, seed: int = 0, step: int = 60) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return minute points of `count` series with a daily season, and their dimension."""
    rng = np.random.default_rng(seed)
    size = days * 86_400 // step
    time = np.arange(size)
    season = 4 * np.sin(2 * np.pi * time * step / 86_400)
    values = season + rng.normal(size=(count, size)) + rng.uniform(20, 500, count)[:, None]
    ts = START + pd.to_timedelta(time * step, "s")
    ids = np.arange(count) * 7 - 3
    points = pd.DataFrame({"series_id": np.repeat(ids, size), "ts": np.tile(ts, count), "value": values.ravel()})
    series = pd.DataFrame(
        {
            "series_id": ids,
            "kind": "latency",
            "query": [f"q{at % 2}" for at in range(count)],
            "service": [f"s{at // 2}" for at in range(count)],
            "step_seconds": step,
            "time_zone": "Europe/Berlin",
            "holidays": "DE",
        }
    )
    return points, series


def raised(points: pd.DataFrame, series_id: int, first: pd.Timestamp, minutes: int, by: float) -> pd.DataFrame:
    """Return the points with one series raised for some minutes."""
    inside = (points["ts"] >= first) & (points["ts"] < first + pd.Timedelta(minutes=minutes))
    return points.assign(value=points["value"] + by * (inside & (points["series_id"] == series_id)))
