"""What holds for every detector."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.base import SCORE_COLUMNS, Detector, ModelError
from models.isolation_forest import IsolationForestDetector
from models.robust import RobustZ
from tests.models.fleet import START, fleet, raised

POINTS, SERIES = fleet()
MINUTE = timedelta(minutes=1)
TRAINED = START + pd.Timedelta(days=6)
LATER = POINTS[POINTS["ts"] >= TRAINED - pd.Timedelta(days=1)].reset_index(drop=True)


def trained(kind: type[Detector]) -> Detector:
    settings_ = {"trees": 50} if kind is IsolationForestDetector else {}
    return kind(**settings_).fit(POINTS[POINTS["ts"] < TRAINED], SERIES)  # type: ignore[call-arg]


DETECTORS = {kind.name: trained(kind) for kind in (RobustZ, IsolationForestDetector)}


@pytest.fixture(params=list(DETECTORS))
def detector(request: pytest.FixtureRequest) -> Detector:
    return DETECTORS[request.param]


def test_there_is_one_row_per_point_and_no_nan(detector: Detector) -> None:
    scores = detector.score(LATER, SERIES)
    assert tuple(scores.columns) == SCORE_COLUMNS
    assert scores["ts"].tolist() == LATER["ts"].tolist()
    assert not scores.isna().any().any()
    assert (scores["lower"] <= scores["expected"]).all()


def test_a_raised_hour_scores_over_the_threshold_and_the_rest_does_not(detector: Detector) -> None:
    first = TRAINED + pd.Timedelta(hours=30)
    scores = detector.score(raised(LATER, -3, first, 60, 8.0), SERIES)
    inside = (scores["subject_id"] == -3) & scores["ts"].between(first, first + pd.Timedelta(minutes=59))
    assert (scores.loc[inside, "score"] >= 1).mean() > 0.9
    assert (scores.loc[~inside, "score"] >= 1).mean() < 0.04


@settings(max_examples=15, deadline=None)
@given(cut=st.integers(1, 2_800), size=st.floats(-1e4, 1e4))
@pytest.mark.parametrize("name", list(DETECTORS))
def test_the_future_changes_no_score(name: str, cut: int, size: float) -> None:
    one = LATER[LATER["series_id"] == 4].reset_index(drop=True)
    changed = one.assign(value=one["value"].where(one.index < cut, one["value"] + size))
    before, after = (DETECTORS[name].score(points, SERIES).iloc[:cut] for points in (one, changed))
    pd.testing.assert_frame_equal(before, after, check_exact=True)


def test_what_is_older_than_the_lookback_changes_no_score(detector: Detector) -> None:
    since = TRAINED + pd.Timedelta(hours=24)
    whole = detector.score(POINTS, SERIES, since)
    short = detector.score(
        POINTS[POINTS["ts"] >= since - detector.lookback(MINUTE)].reset_index(drop=True), SERIES, since
    )
    assert detector.lookback(MINUTE) <= timedelta(hours=24)
    pd.testing.assert_frame_equal(whole, short, check_exact=True)


@pytest.mark.parametrize("step", [60, 300, 3600])
def test_the_lookback_holds_at_every_step_known_series_or_new(step: int) -> None:
    points, series = fleet(3, days=20, step=step)
    model = RobustZ().fit(points[points["series_id"] != 4], series)
    model.profiles.follow[:] = True
    since = START + pd.Timedelta(days=18)
    whole = model.score(points, series, since)
    short = model.score(
        points[points["ts"] >= since - model.lookback(timedelta(seconds=step))].reset_index(drop=True), series, since
    )
    pd.testing.assert_frame_equal(whole, short, check_exact=True)


def test_two_shards_give_the_scores_of_one(detector: Detector) -> None:
    odd = LATER["series_id"] % 2 == 1
    parts = [detector.score(LATER[part].reset_index(drop=True), SERIES) for part in (odd, ~odd)]
    whole = detector.score(LATER, SERIES)
    both = pd.concat(parts).sort_values(["subject_id", "ts"], ignore_index=True)
    pd.testing.assert_frame_equal(both, whole, check_exact=True)


def test_gaps_constant_series_and_single_points_are_scored(detector: Detector) -> None:
    ragged = LATER[(LATER["series_id"] != -3) | (LATER["ts"].dt.hour % 3 > 0)]
    ragged = ragged[(ragged["series_id"] != 4) | (ragged.index == ragged.index[ragged["series_id"] == 4][0])]
    ragged = ragged.assign(value=ragged["value"].where(ragged["series_id"] != 11, 5.0)).reset_index(drop=True)
    scores = detector.score(ragged, SERIES)
    assert len(scores) == len(ragged)
    assert np.isfinite(scores[["score", "lower", "expected", "upper"]].to_numpy()).all()


def test_a_series_that_was_constant_all_its_life_is_never_strange_until_it_moves(detector: Detector) -> None:
    still = POINTS[POINTS["series_id"] == 4].assign(value=5.0, series_id=1_000)
    series = pd.concat([SERIES, SERIES.iloc[:1].assign(series_id=1_000)], ignore_index=True)
    points = pd.concat([POINTS, still]).sort_values(["series_id", "ts"], ignore_index=True)
    model = type(detector)().fit(points[points["ts"] < TRAINED], series)
    later = still[still["ts"] >= TRAINED].reset_index(drop=True)
    assert (model.score(later, series)["score"] < 1).all()
    moved = model.score(later.assign(value=later["value"] + 1.0 * (later.index >= 2_000)), series)["score"]
    assert (moved.iloc[2_005:2_050] >= 1).all()


def test_a_new_series_is_judged_by_its_own_last_hour(detector: Detector) -> None:
    points, series = fleet(1, days=1, seed=9)
    points, series = points.assign(series_id=999_999), series.assign(series_id=999_999)
    first = START + pd.Timedelta(hours=10)
    scores = detector.score(raised(points, 999_999, first, 10, 40.0), series)
    assert (scores["score"].iloc[:15] == 0).all()
    assert (
        scores.loc[scores["ts"].between(first + pd.Timedelta(minutes=2), first + pd.Timedelta(minutes=9)), "score"] >= 1
    ).all()


def test_only_the_bad_direction_is_an_anomaly(detector: Detector) -> None:
    first = TRAINED + pd.Timedelta(hours=30)
    up_is_bad = SERIES.assign(bad_direction="up")
    inside = slice(first + pd.Timedelta(minutes=5), first + pd.Timedelta(minutes=59))
    for by, strange in ((8.0, True), (-8.0, False)):
        scores = detector.score(raised(LATER, -3, first, 60, by), up_is_bad)
        own = scores[scores["subject_id"] == -3].set_index("ts")["score"].loc[inside]
        assert (own >= 1).mean() > 0.9 if strange else (own < 1).all()


def test_explanations_are_in_words_and_one_per_row(detector: Detector) -> None:
    first = TRAINED + pd.Timedelta(hours=30)
    points = raised(LATER, -3, first, 60, 8.0)
    rows = np.flatnonzero((points["series_id"] == -3) & (points["ts"] == first + pd.Timedelta(minutes=10)))
    (why,) = detector.explain(points, SERIES, rows)
    assert 1 <= len(why) <= 3
    assert all(word[0].isalnum() for word in why)


def test_too_few_points_are_refused_with_advice(detector: Detector) -> None:
    with pytest.raises(ModelError, match="Load more history"):
        type(detector)().fit(POINTS.head(60), SERIES)


def test_the_same_data_and_seed_give_the_same_model(detector: Detector) -> None:
    again = trained(type(detector))
    for name, array in detector.state().arrays.items():
        assert np.array_equal(array, again.state().arrays[name]), name
