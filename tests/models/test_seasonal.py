"""The seasonal detector: a confirmed shift becomes the new level, a season is none, and the look-back holds."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from models.seasonal import Seasonal
from tests.models.fleet import START, fleet, raised

POINTS, SERIES = fleet()
TRAINED = START + pd.Timedelta(days=6)
LATER = POINTS[POINTS["ts"] >= TRAINED - pd.Timedelta(days=1)].reset_index(drop=True)
MODEL = Seasonal().fit(POINTS[POINTS["ts"] < TRAINED], SERIES)


def own(points: pd.DataFrame, series_id: int = -3) -> pd.DataFrame:
    scores = MODEL.score(points, SERIES)
    return scores[scores["subject_id"] == series_id].set_index("ts")


def test_a_shift_is_an_anomaly_until_it_has_stayed_for_two_hours() -> None:
    first = TRAINED + pd.Timedelta(hours=24)
    scores = own(raised(LATER, -3, first, 24 * 60, 12.0))
    assert (scores.loc[first : first + pd.Timedelta(minutes=119), "alarm"] >= 1).mean() > 0.95
    assert (scores.loc[first + pd.Timedelta(hours=3) : first + pd.Timedelta(hours=23), "alarm"] >= 1).mean() < 0.02


def test_the_expected_value_has_the_shifted_level() -> None:
    first = TRAINED + pd.Timedelta(hours=24)
    later = slice(first + pd.Timedelta(hours=4), first + pd.Timedelta(hours=10))
    plain, shifted = own(LATER).loc[later], own(raised(LATER, -3, first, 24 * 60, 12.0)).loc[later]
    assert (shifted["expected"] - plain["expected"]).mean() == pytest.approx(12.0, abs=0.6)


def test_an_ordinary_season_stays_inside_the_band() -> None:
    scores = own(LATER)
    values = LATER.loc[LATER["series_id"] == -3, "value"].to_numpy()
    assert ((values >= scores["lower"]) & (values <= scores["upper"])).mean() > 0.96


@pytest.mark.parametrize("step", [15, 60, 300, 3600])
def test_what_is_older_than_the_lookback_changes_no_score(step: int) -> None:
    points, series = fleet(3, days=5 if step <= 60 else 16 if step == 300 else 110, step=step)
    model = Seasonal().fit(points[points["series_id"] != 4], series)
    model.profiles.follow[:] = True
    since = points["ts"].max() - pd.Timedelta(hours=27)
    whole = model.score(points, series, since)
    kept = points["ts"] > since - model.lookback(timedelta(seconds=step))
    pd.testing.assert_frame_equal(
        whole, model.score(points[kept].reset_index(drop=True), series, since), check_exact=True
    )


def test_explanations_name_season_and_level() -> None:
    first = TRAINED + pd.Timedelta(hours=24)
    points = raised(LATER, -3, first, 60, 12.0)
    rows = np.flatnonzero((points["series_id"] == -3) & (points["ts"] == first))
    assert "deviations above season and level" in MODEL.explain(points, SERIES, rows)[0][0]
