"""On real servers with labelled anomalies the forest is ahead of the robust z, and of chance."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models.base import Detector
from models.isolation_forest import IsolationForestDetector
from models.robust import RobustZ
from models.vus import vus_pr

STEP, WINDOW, DAY = 300, 20, 288


def scored(model: Detector, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and scores (mean of the top fifth of the metrics) of a server's test part."""
    table = pd.read_parquet(path)
    metrics = [name for name in table if name.startswith("m")]
    size, train = len(table), int((table["split"] == "train").sum())
    ts = pd.date_range("2026-01-05", periods=size, freq=f"{STEP}s", tz="UTC").as_unit("us")
    points = pd.DataFrame(
        {
            "series_id": np.repeat(np.arange(len(metrics)), size),
            "ts": np.tile(ts, len(metrics)),
            "value": table[metrics].to_numpy(float).T.ravel(),
        }
    )
    series = pd.DataFrame({"series_id": range(len(metrics)), "service": "server", "step_seconds": STEP})
    series = series.assign(time_zone="UTC", holidays=None)
    model.fit(points[points["ts"] < ts[train]].reset_index(drop=True), series)
    near = points[points["ts"] >= ts[train - DAY]].reset_index(drop=True)
    scores = model.score(near, series, ts[train].to_pydatetime())["score"].to_numpy().reshape(len(metrics), -1)
    return table["label"].to_numpy(bool)[train:], np.sort(scores, axis=0)[-len(metrics) // 5 :].mean(axis=0)


@pytest.mark.needs("data")
def test_the_forest_beats_the_robust_z_on_labelled_servers(data_dir: Path) -> None:
    files = sorted((data_dir / "asd").glob("*.parquet"))[:6]
    found = {
        kind.name: [vus_pr(*scored(kind(), path), WINDOW) for path in files]
        for kind in (RobustZ, IsolationForestDetector)
    }
    forest, robust = (float(np.mean(found[name])) for name in ("isolation_forest", "robust_z"))
    assert forest > robust + 0.03
    assert forest > 0.343  # a rolling isolation forest on raw values
