"""Speed of the sixteen rolling features and of isolation-forest scoring, beside pandas and scikit-learn."""

import time
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from benchmarks.result import Options, Row, run
from include.features import FEATURES, Calendar, Panel, rolling_features
from models.forest import Forest

SERIES, POINTS, SEED = 500, 10_000, 7
GOAL_FEATURES, GOAL_FOREST = 5_000_000, 1.5
THREADS = 2


def best_of(times: int, work: Callable[[], object], clock: Callable[[], float]) -> float:
    """Return the least seconds that `work` took."""
    took = []
    for _ in range(times):
        begin = clock()
        work()
        took.append(clock() - begin)
    return min(took)


def fleet(series: int, points: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return random points of regular minutes, and the dimension of their series."""
    ts = pd.date_range("2026-10-01", periods=points, freq="min", tz="UTC").as_unit("us")
    values = np.random.default_rng(SEED).normal(100, 5, series * points)
    ids = np.arange(series)
    frame = pd.DataFrame({"series_id": np.repeat(ids, points), "ts": np.tile(ts, series), "value": values})
    zones = np.where(ids % 2, "Europe/Berlin", "America/New_York")
    known = {"series_id": ids, "step_seconds": 60, "time_zone": zones, "holidays": np.where(ids % 2, "DE", "US")}
    return frame, pd.DataFrame(known)


def pandas_rolling(points: pd.DataFrame) -> pd.DataFrame:
    """Return the same sixteen features of one series with `rolling.apply`: the way that one would write first."""
    value = points["value"].reset_index(drop=True)
    local = points["ts"].dt.tz_convert("Europe/Berlin").reset_index(drop=True)
    before = value.shift(1)
    out = {"value": value}
    for size in (5, 15):
        out[f"mean_{size}"] = value.rolling(size, min_periods=1).apply(np.mean, raw=True)
        out[f"std_{size}"] = value.rolling(size, min_periods=1).apply(np.std, raw=True)
        mean = before.rolling(size, min_periods=3).apply(np.mean, raw=True)
        out[f"z_{size}"] = ((value - mean) / before.rolling(size, min_periods=3).apply(np.std, raw=True)).fillna(0.0)
    out["mean_60"] = value.rolling(60, min_periods=1).apply(np.mean, raw=True)
    out["rate_of_change"] = value.diff().fillna(0.0)
    out["acceleration"] = out["rate_of_change"].diff().fillna(0.0)
    out["hour"], out["weekday"] = local.dt.hour, local.dt.day_of_week
    out["business_hours"] = (local.dt.day_of_week < 5) & local.dt.hour.between(9, 16)
    out["weekend"] = local.dt.day_of_week >= 5
    squared = (value.diff() ** 2).rolling(14, min_periods=1).apply(np.mean, raw=True)
    out["volatility"] = np.sqrt(squared).fillna(0.0)
    out["percentile_rank"] = value.rolling(60, min_periods=1).apply(
        lambda window: ((window < window[-1]).sum() + 0.5 * (window == window[-1]).sum()) / len(window), raw=True
    )
    return pd.DataFrame(out)[list(FEATURES)].astype(float)


def measure(options: Options) -> Iterator[Row]:
    """Yield the rows that were asked for."""
    if options.wants("features"):
        yield features(options.quick)
    if options.wants("forest"):
        yield from forest(options.quick)


def features(quick: bool) -> Row:
    """Measure points per second, wall clock, on two threads, and check the numbers against pandas."""
    points, series = fleet(SERIES // 10 if quick else SERIES, POINTS)
    panel = Panel.of(points, series)
    calendar = Calendar.of(panel, series)
    rolling_features(panel, calendar, rows=np.arange(10))  # compiled before the clock starts

    def work() -> object:
        panel = Panel.of(points, series)
        return rolling_features(panel, Calendar.of(panel, series), threads=THREADS)

    seconds = best_of(3, work, time.perf_counter)
    one = points[points["series_id"] == 1].head(2_000)
    begin = time.perf_counter()
    slow = pandas_rolling(one)
    naive = len(one) / (time.perf_counter() - begin)
    small = Panel.of(one, series)
    fast = rolling_features(small, Calendar.of(small, series.assign(holidays=None)))
    apart = float(np.abs(fast - slow.to_numpy())[60:].max())  # beyond the first, partial windows
    return Row(
        "features", "points/s, 16 features, 2 threads", len(points) / seconds, GOAL_FEATURES,
        {"pandas rolling.apply": naive}, len(points), seconds, note=f"largest difference from pandas {apart:.1e}",
    )  # fmt: skip


def forest(quick: bool) -> Iterator[Row]:
    """Measure rows per CPU-second of 200 trees on the sixteen features, and the difference from scikit-learn."""
    from sklearn.ensemble import IsolationForest

    points, series = fleet(20 if quick else 100, 1_000)
    panel = Panel.of(points, series)
    x = rolling_features(panel, Calendar.of(panel, series), dtype=np.float32).astype(np.float32)
    fitted = IsolationForest(n_estimators=200, max_samples=256, random_state=SEED).fit(x[:20_000])
    ours = Forest.of(fitted)
    apart = float(np.abs(ours.score(x[:5_000]) + fitted.score_samples(x[:5_000])).max())
    theirs = best_of(2, lambda: fitted.score_samples(x), time.process_time)
    seconds = best_of(2, lambda: ours.score(x), time.process_time)
    yield Row(
        "forest", "rows per CPU-second over scikit-learn's", theirs / seconds, GOAL_FOREST,
        {"scikit-learn rows/CPU-s": len(x) / theirs}, len(x), seconds,
        note=f"{len(x) / seconds:,.0f} rows/CPU-s; largest difference {apart:.1e}",
    )  # fmt: skip


if __name__ == "__main__":
    run("features", __doc__ or "", measure)
