"""The forecast pool: what holds for every detector at every step, and what is its own."""

import json
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.base import ModelError, State
from models.forecast_pool import ForecastPool
from tests.models.fleet import START, fleet, raised

POINTS, SERIES = fleet()
TRAINED = START + pd.Timedelta(days=6)
LATER = POINTS[POINTS["ts"] >= TRAINED - pd.Timedelta(days=1)].reset_index(drop=True)
MODEL = ForecastPool().fit(POINTS[POINTS["ts"] < TRAINED], SERIES)
JUDGED = ["score", "alarm", "lower", "expected", "upper"]


@settings(max_examples=15, deadline=None)
@given(cut=st.integers(1, 2_800), size=st.floats(-1e4, 1e4))
def test_the_future_changes_no_score(cut: int, size: float) -> None:
    one = LATER[LATER["series_id"] == 4].reset_index(drop=True)
    changed = one.assign(value=one["value"].where(one.index < cut, one["value"] + size))
    before, after = (MODEL.score(points, SERIES).iloc[:cut] for points in (one, changed))
    pd.testing.assert_frame_equal(before, after, check_exact=True)


@pytest.mark.parametrize("step", [15, 60, 300, 600, 3600])
@pytest.mark.parametrize("hours", [0.0, 1.0, 7.3])
def test_what_is_older_than_the_lookback_changes_no_score(step: int, hours: float) -> None:
    points, series = fleet(3, days=3 if step <= 60 else 16 if step < 3_600 else 110, step=step)
    model = ForecastPool().fit(points[points["series_id"] != 4], series)
    model.profiles.follow[:] = True
    since = points["ts"].max() - pd.Timedelta(hours=20 + hours)
    reach = model.lookback(timedelta(seconds=step))
    whole = model.score(points, series, since)
    short = model.score(points[points["ts"] > since - reach].reset_index(drop=True), series, since)
    pd.testing.assert_frame_equal(whole, short, check_exact=True)


def test_the_lookback_is_a_day_of_minutes_and_2016_slower_samples() -> None:
    assert MODEL.lookback(timedelta(seconds=60)) == timedelta(days=1)
    assert MODEL.lookback(timedelta(seconds=300)) == timedelta(days=7)
    assert MODEL.lookback(timedelta(hours=1)) == timedelta(days=84)


def test_two_shards_or_threads_give_the_scores_of_one() -> None:
    odd = LATER["series_id"] % 2 == 1
    parts = [MODEL.score(LATER[part].reset_index(drop=True), SERIES) for part in (odd, ~odd)]
    whole = MODEL.score(LATER, SERIES)
    both = pd.concat(parts).sort_values(["subject_id", "ts"], ignore_index=True)
    pd.testing.assert_frame_equal(both, whole, check_exact=True)
    threaded = ForecastPool.from_state(MODEL.state())
    threaded.threads = 3
    pd.testing.assert_frame_equal(threaded.score(LATER, SERIES), whole, check_exact=True)


def test_gaps_constant_series_and_single_points_are_scored() -> None:
    ragged = LATER[(LATER["series_id"] != -3) | (LATER["ts"].dt.hour % 3 > 0)]
    ragged = ragged[(ragged["series_id"] != 4) | (ragged.index == ragged.index[ragged["series_id"] == 4][0])]
    ragged = ragged.assign(value=ragged["value"].where(ragged["series_id"] != 11, 5.0)).reset_index(drop=True)
    scores = MODEL.score(ragged, SERIES)
    assert len(scores) == len(ragged)
    assert np.isfinite(scores[JUDGED].to_numpy()).all()
    assert (scores["lower"] <= scores["upper"]).all()


def test_a_sudden_jump_raises_one_short_alarm_and_a_long_score() -> None:
    first = TRAINED + pd.Timedelta(hours=30)
    scores = MODEL.score(raised(LATER, -3, first, 60, 12.0), SERIES)
    own = scores[scores["subject_id"] == -3].set_index("ts").sort_index()
    after = own.loc[first : first + pd.Timedelta(minutes=59)]
    assert (after["alarm"].iloc[:5] >= 1).sum() >= 3  # enough for three of five
    assert 3 <= (after["alarm"] >= 1).sum() <= 20
    assert (after["score"] >= 1).mean() > 0.9
    before = own.loc[: first - pd.Timedelta(minutes=1)]
    assert (before["alarm"] >= 1).mean() < 0.01


def test_only_the_bad_direction_is_an_anomaly() -> None:
    first = TRAINED + pd.Timedelta(hours=30)
    up_is_bad = SERIES.assign(bad_direction="up")
    for by, strange in ((12.0, True), (-12.0, False)):
        scores = MODEL.score(raised(LATER, -3, first, 60, by), up_is_bad)
        own = scores[scores["subject_id"] == -3].set_index("ts").loc[first : first + pd.Timedelta(minutes=50)]
        assert (own["alarm"] >= 1).any() == strange
        assert (own["score"].iloc[5:] >= 1).any() == strange


def test_a_new_series_is_judged_after_its_first_hour_alone() -> None:
    points, series = fleet(1, days=1, seed=9)
    points, series = points.assign(series_id=999_999), series.assign(series_id=999_999)
    first = START + pd.Timedelta(hours=10)
    scores = MODEL.score(raised(points, 999_999, first, 10, 40.0), series).set_index("ts")
    assert (scores["score"].iloc[:15] == 0).all()
    assert (scores["alarm"].iloc[:60] == 0).all()
    assert (scores["alarm"].loc[first : first + pd.Timedelta(minutes=2)] >= 1).all()


def test_explanations_name_the_forecast_and_the_side() -> None:
    first = TRAINED + pd.Timedelta(hours=30)
    points = raised(LATER, -3, first, 60, 12.0)
    rows = np.flatnonzero((points["series_id"] == -3) & (points["ts"] == first))
    (why,) = MODEL.explain(points, SERIES, rows)
    assert 1 <= len(why) <= 3
    assert any("deviations above the forecast from" in word for word in why)


def test_the_state_is_arrays_and_plain_data_and_gives_the_same_scores() -> None:
    state = MODEL.state()
    again = ForecastPool.from_state(State(state.detector, dict(state.arrays), json.loads(json.dumps(state.data))))
    pd.testing.assert_frame_equal(again.score(LATER, SERIES), MODEL.score(LATER, SERIES), check_exact=True)


def test_too_few_points_are_refused_with_advice() -> None:
    with pytest.raises(ModelError, match="Load more history"):
        ForecastPool().fit(POINTS.head(60), SERIES)


def test_the_same_data_give_the_same_model() -> None:
    again = ForecastPool().fit(POINTS[POINTS["ts"] < TRAINED], SERIES)
    for name, array in MODEL.state().arrays.items():
        assert np.array_equal(array, again.state().arrays[name]), name


def test_a_spike_as_high_as_many_before_it_raises_no_alarm() -> None:
    points, series = fleet(1, days=2, seed=3)
    spikes = np.arange(len(points)) % 97 == 0
    points = points.assign(value=points["value"] + 30.0 * spikes)
    scores = MODEL.score(points, series)
    assert (scores["alarm"].iloc[1_440:] >= 1).mean() < 0.005
