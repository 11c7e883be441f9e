"""Seconds to train and score 25,000 points per series, each detector beside a PCA on lagged windows (Sub-PCA).

Times are of the processor, one thread, kernels compiled before the clock starts: half of the points for training, all
of them scored. Ten times the series may take eleven times as long at most. The LSTM is not among them.
"""

import time
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.result import Options, Row, run
from models.base import Detector
from models.store import kind

DETECTORS = ("robust_z", "isolation_forest", "seasonal", "forecast_pool")
POINTS, SERIES, MORE = 25_000, 2, 10
GOAL_SECONDS, GOAL_GROWTH = 1.0, 11.0
WINDOW = 100  # samples, of the PCA that stands beside
STEP = 300  # seconds
START = pd.Timestamp("2026-01-05", tz="UTC")

Floats = npt.NDArray[np.float64]


def measure(options: Options) -> Iterator[Row]:
    """Yield seconds and growth of every detector."""
    size = POINTS // 5 if options.quick else POINTS
    few, many = _fleet(SERIES, size), _fleet(SERIES * MORE, size)
    naive = _sub_pca(few[0]["value"].to_numpy()[:size])
    for name in DETECTORS:
        if not options.wants(name):
            continue
        _once(name, *_fleet(1, 2_000))
        least = min(_once(name, *few) for _ in range(2))
        most = _once(name, *many)
        note = "training on half, scoring of all"
        yield Row(
            name, f"CPU seconds per {size:,} points", least / SERIES, GOAL_SECONDS, {"Sub-PCA": naive}, SERIES * size,
            least, False, note,
        )  # fmt: skip
        yield Row(
            name, "times as long for ten times the series", most / least, GOAL_GROWTH, {}, MORE * SERIES, most, False
        )


def _once(name: str, points: pd.DataFrame, series: pd.DataFrame) -> float:
    """Return the processor's seconds to train on the first half of every series and to score all."""
    made = kind(name)()
    assert isinstance(made, Detector)
    middle = points["ts"].min() + (points["ts"].max() - points["ts"].min()) / 2
    early = points[points["ts"] < middle].reset_index(drop=True)
    begin = time.process_time()
    made.fit(early, series).score(points, series)
    return time.process_time() - begin


def _sub_pca(values: Floats) -> float:
    """Return the processor's seconds for the same with scikit-learn's PCA on windows, as TSB-AD runs it."""
    from sklearn.decomposition import PCA
    from sklearn.preprocessing import StandardScaler

    begin = time.process_time()
    windows = np.lib.stride_tricks.sliding_window_view(values, WINDOW)
    scaled = StandardScaler().fit_transform(windows)
    fitted = PCA().fit(scaled)
    apart = (fitted.transform(scaled) ** 2 / np.maximum(fitted.explained_variance_, 1e-12)).sum(axis=1)
    assert np.isfinite(apart).all()
    return time.process_time() - begin


def _fleet(count: int, size: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return points and series: a daily season, autocorrelated noise, some bursts."""
    rng = np.random.default_rng(7)
    time_of_day = np.arange(size) * STEP / 86_400
    noise = rng.normal(size=(count, size))
    for before, now in pairwise(range(size)):
        noise[:, now] += 0.5 * noise[:, before]
    values = 100 + 8 * np.sin(2 * np.pi * time_of_day) + noise + 15 * (rng.random((count, size)) < 0.001)
    ts = START + pd.to_timedelta(np.arange(size) * STEP, "s")
    ids = np.arange(count)
    points = pd.DataFrame({"series_id": np.repeat(ids, size), "ts": np.tile(ts, count), "value": values.ravel()})
    series = pd.DataFrame({"series_id": ids, "kind": "load", "query": "load", "service": [f"s{at}" for at in ids]})
    return points, series.assign(step_seconds=STEP, time_zone="UTC", holidays=None)


if __name__ == "__main__":
    run("scoring", __doc__, measure)
