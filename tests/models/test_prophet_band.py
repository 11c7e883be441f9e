"""Prophet's band: the curve is Prophet's own, it runs only where it is better, and every odd series is survived."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from include.features import Calendar, Panel
from models import store
from models.base import SCORE_COLUMNS, ModelError
from models.prophet_band import ProphetBand
from models.prophet_curves import Curves, fit_curve, fitted_prophet, hourly_means, local_time
from models.robust import RobustZ
from tests.models.fleet import START, fleet, raised
from tests.models.odd import ODD, odd_fleet

STEP = timedelta(minutes=5)
DAYS, SPLIT = 20, 17


def growing(seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return four series of five minutes with a season and noise; two grow by a tenth of their season a day."""
    points, series = fleet(4, days=DAYS, seed=seed, step=300)
    age = (points["ts"] - START) / pd.Timedelta(days=1)
    return points.assign(value=points["value"] + 0.8 * age * points["series_id"].isin([-3, 4])), series


POINTS, SERIES = growing()
TRAINED = START + pd.Timedelta(days=SPLIT)
HEAD = POINTS[POINTS["ts"] < TRAINED].reset_index(drop=True)
MODEL = ProphetBand().fit(HEAD, SERIES)
LATER = POINTS[POINTS["ts"] >= TRAINED - pd.Timedelta(days=1)].reset_index(drop=True)


@pytest.mark.parametrize(("weekly", "daily"), [(True, True), (False, True), (True, False)])
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_the_curve_is_what_prophet_itself_predicts(weekly: bool, daily: bool, zone: str) -> None:
    series = SERIES.assign(time_zone=zone)
    one = POINTS[POINTS["series_id"] == -3].assign(value=lambda points: points["value"] * 1e3).reset_index(drop=True)
    panel = Panel.of(one, series)
    calendar = Calendar.of(panel, series)
    local, rest = local_time(panel, calendar)
    known = np.arange(len(panel)) < len(panel) * 3 // 4
    hours = hourly_means(local[known], panel.values[known], rest[known])
    curve = fit_curve(hours, weekly=weekly, daily=daily, seed=7)
    assert curve is not None
    found = Curves.of({-3: curve}).evaluate(panel, calendar)
    future = pd.DataFrame({"ds": pd.to_datetime(local, unit="us"), "working": ~rest, "rest": rest})
    prophet = fitted_prophet(hours, weekly=weekly, daily=daily, seed=7).predict(future)
    assert np.abs(found - prophet["yhat"].to_numpy()).max() <= 1e-6 * np.abs(panel.values).max()


def test_series_that_grow_are_expected_by_a_curve_and_the_band_holds_99_of_100_later_points() -> None:
    assert {-3, 4} <= set(MODEL.seasons.curves.ids.tolist())
    scores = MODEL.score(LATER, SERIES, TRAINED)
    value = LATER.loc[LATER["ts"] >= TRAINED, "value"].to_numpy()
    inside = (value >= scores["lower"]) & (value <= scores["upper"])
    assert inside[scores["subject_id"].isin([-3, 4])].mean() > 0.97


def test_a_series_without_a_curve_has_the_expectation_of_its_profile() -> None:
    model = ProphetBand(series=0).fit(HEAD, SERIES)
    assert len(model.seasons.curves.ids) == 0
    robust = RobustZ().fit(HEAD, SERIES)
    ours, theirs = (found.score(LATER, SERIES) for found in (model, robust))
    pd.testing.assert_frame_equal(ours, theirs, check_exact=True)


def test_at_most_the_asked_number_of_series_is_fitted_and_the_strongest_season_comes_first() -> None:
    weak = HEAD.assign(
        value=HEAD["value"] + 60 * np.random.default_rng(1).normal(size=len(HEAD)) * (HEAD["series_id"] != 4)
    )
    assert ProphetBand(series=1).fit(weak, SERIES).seasons.curves.ids.tolist() == [4]


def test_a_raised_hour_is_over_the_threshold_and_explained() -> None:
    first = TRAINED + pd.Timedelta(hours=30)
    points = raised(LATER, -3, first, 60, 9.0)
    scores = MODEL.score(points, SERIES)
    inside = (scores["subject_id"] == -3) & scores["ts"].between(first, first + pd.Timedelta(minutes=59))
    assert (scores.loc[inside, "score"] >= 1).mean() > 0.8
    assert (scores.loc[~inside, "score"] >= 1).mean() < 0.02
    (why,) = MODEL.explain(points, SERIES, np.flatnonzero(inside)[:1])
    assert why[0].endswith("deviations above the expected value")
    assert why[1] == "expected by trend and season"


def test_the_future_and_what_is_older_than_the_lookback_change_no_score() -> None:
    whole = MODEL.score(POINTS, SERIES, TRAINED)
    short = MODEL.score(POINTS[POINTS["ts"] >= TRAINED - MODEL.lookback(STEP)].reset_index(drop=True), SERIES, TRAINED)
    pd.testing.assert_frame_equal(whole, short, check_exact=True)
    cut = TRAINED + pd.Timedelta(hours=7)
    changed = LATER.assign(value=LATER["value"].where(LATER["ts"] < cut, 1e6))
    before, after = (
        scores[scores["ts"] < cut] for scores in (MODEL.score(LATER, SERIES), MODEL.score(changed, SERIES))
    )
    pd.testing.assert_frame_equal(before, after, check_exact=True)


def test_a_saved_model_scores_the_same_without_prophet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store.save(MODEL, tmp_path)
    for name in ("prophet", "cmdstanpy"):
        monkeypatch.setitem(__import__("sys").modules, name, None)
    loaded = store.load(tmp_path)
    assert loaded.parameters == MODEL.parameters
    pd.testing.assert_frame_equal(loaded.score(LATER, SERIES), MODEL.score(LATER, SERIES), check_exact=True)


def test_the_same_data_and_seed_give_the_same_model() -> None:
    again = ProphetBand().fit(HEAD, SERIES)
    for name, array in MODEL.state().arrays.items():
        assert np.array_equal(array, again.state().arrays[name]), name


def test_the_season_follows_the_clocks_when_they_change() -> None:
    """Of a series that rises at eight in the morning in Berlin, eight is expected after October's change too."""
    points, series = fleet(1, days=24, seed=3, step=300)
    local = points["ts"].dt.tz_convert("Europe/Berlin")
    busy = local.dt.hour.between(8, 17) * 20.0
    points = points.assign(value=100 + busy + np.random.default_rng(0).normal(size=len(points)))
    change = pd.Timestamp("2026-10-25 01:00", tz="UTC")
    model = ProphetBand().fit(points[points["ts"] < change].reset_index(drop=True), series)
    later = points[points["ts"] >= change - pd.Timedelta(days=1)].reset_index(drop=True)
    scores = model.score(later, series, change)
    error = np.abs(scores["expected"].to_numpy() - later.loc[later["ts"] >= change, "value"].to_numpy())
    assert np.median(error) < 2.5


@pytest.mark.parametrize("name", list(ODD))
def test_odd_series_are_scored_with_finite_numbers(name: str) -> None:
    points, series, since = odd_fleet(name, step=300, days=10)
    model = ProphetBand().fit(points[points["ts"] < since].reset_index(drop=True), series)
    scores = model.score(points, series)
    assert tuple(scores.columns) == SCORE_COLUMNS
    assert len(scores) == len(points)
    assert np.isfinite(scores[["score", "alarm", "lower", "expected", "upper"]].to_numpy()).all()


def test_where_the_level_wanders_it_is_followed_and_a_shift_is_ordinary_after_two_days() -> None:
    day = ((POINTS["ts"] - START) / pd.Timedelta(days=1)).astype(int)
    wander = np.random.default_rng(5).normal(0, 1, DAYS).cumsum()[day]
    points = POINTS.assign(value=4 * POINTS["value"] + wander).query("series_id == -3").reset_index(drop=True)
    model = ProphetBand().fit(points[points["ts"] < TRAINED].reset_index(drop=True), SERIES)
    assert model.seasons.curves.ids.tolist() == [-3]
    assert model.profiles.follow.tolist() == [True]
    shifted = points.assign(value=points["value"] + 500.0 * (points["ts"] >= TRAINED))
    scores = model.score(shifted, SERIES, TRAINED)
    late = scores[scores["ts"] >= TRAINED + pd.Timedelta(days=2)]
    assert (late["score"] < 1).mean() > 0.9


def test_too_few_points_are_refused_with_advice() -> None:
    with pytest.raises(ModelError, match="Load more history"):
        ProphetBand().fit(POINTS.head(60), SERIES)
