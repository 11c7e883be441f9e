"""Bad input, for every detector that training chooses among: finite numbers, no flood, and nothing lost."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from models.base import Detector
from models.ensemble import Ensemble
from models.forecast_pool import ForecastPool
from models.isolation_forest import IsolationForestDetector
from models.robust import RobustZ
from tests.models.fleet import START, fleet
from tests.models.odd import ODD, STRANGE, odd_fleet

MAKERS = {
    "robust_z": RobustZ,
    "isolation_forest": lambda: IsolationForestDetector(trees=50),
    "forecast_pool": ForecastPool,
    "ensemble": lambda: Ensemble(("robust_z", "forecast_pool")),
}


def judged(maker: str, name: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return points and scores of the later part, in which one series is odd."""
    points, series, since = odd_fleet(name, step=300, days=8)
    detector: Detector = MAKERS[maker]().fit(points[points["ts"] < since].reset_index(drop=True), series)
    reach = detector.lookback(timedelta(minutes=5))
    later = points[points["ts"] >= since - reach].reset_index(drop=True)
    return later[later["ts"] >= since], detector.score(later, series, since.to_pydatetime())


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("name", ODD)
def test_an_odd_series_is_scored_with_finite_numbers_and_the_others_stay_calm(maker: str, name: str) -> None:
    points, scores = judged(maker, name)
    assert len(scores) == len(points)
    numbers = scores[["score", "alarm", "lower", "expected", "upper"]].to_numpy()
    assert np.isfinite(numbers).all()
    others = scores[scores["subject_id"] != STRANGE]
    assert (others["alarm"] >= 1).mean() < 0.06


@pytest.mark.parametrize("maker", MAKERS)
def test_a_constant_series_raises_no_alarm(maker: str) -> None:
    _, scores = judged(maker, "constant")
    assert (scores.loc[scores["subject_id"] == STRANGE, "alarm"] < 1).all()


@pytest.mark.parametrize("maker", MAKERS)
def test_a_series_of_which_every_point_is_missing_is_no_obstacle(maker: str) -> None:
    points, series = fleet(3, days=8, step=300)
    series = pd.concat([series, series.head(1).assign(series_id=123_456)], ignore_index=True)
    detector: Detector = MAKERS[maker]().fit(points, series)
    scores = detector.score(points, series)
    assert 123_456 not in set(scores["subject_id"])
    assert len(scores) == len(points)


@pytest.mark.timeout(240)
def test_a_hundred_thousand_series_are_scored_in_one_call() -> None:
    count, size = 100_000, 30
    points, series = fleet(200, days=4, step=300)
    model = RobustZ().fit(points, series)
    rng = np.random.default_rng(0)
    ids = np.arange(count) * 7 - 3
    ts = START + pd.Timedelta(days=4) + pd.to_timedelta(np.arange(size) * 300, "s")
    many = pd.DataFrame(
        {
            "series_id": np.repeat(ids, size),
            "ts": np.tile(ts, count),
            "value": rng.normal(100, 5, count * size),
        }
    )
    wide = series.iloc[np.zeros(count, int)].assign(series_id=ids)
    scores = model.score(many, wide)
    assert len(scores) == count * size
    assert np.isfinite(scores["alarm"]).all()
