"""The LSTM autoencoder: the contract of every detector, one network per kind, and every odd series survived."""

import sys
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import store
from models.base import SCORE_COLUMNS, ModelError
from models.lstm_autoencoder import LstmAutoencoder
from tests.models.fleet import START, fleet, raised
from tests.models.odd import ODD, odd_fleet

STEP = timedelta(minutes=5)
TRAINED = START + pd.Timedelta(days=7)
POINTS, SERIES = fleet(6, days=9, step=300)
SERIES = SERIES.assign(kind=["latency"] * 3 + ["cpu"] * 3)
HEAD = POINTS[POINTS["ts"] < TRAINED].reset_index(drop=True)
LATER = POINTS[POINTS["ts"] >= TRAINED - pd.Timedelta(days=1)].reset_index(drop=True)
SHORT = 0.2  # minutes of one core


def trained(minutes: float = SHORT, points: pd.DataFrame = HEAD, series: pd.DataFrame = SERIES) -> LstmAutoencoder:
    return LstmAutoencoder(minutes=minutes).fit(points, series)


MODEL = trained()


def test_there_is_one_row_per_point_and_no_nan() -> None:
    scores = MODEL.score(LATER, SERIES)
    assert tuple(scores.columns) == SCORE_COLUMNS
    assert scores["ts"].tolist() == LATER["ts"].tolist()
    assert not scores.isna().any().any()
    assert (scores["lower"] <= scores["expected"]).all()


def test_a_raised_hour_is_over_the_threshold_and_the_rest_is_not() -> None:
    first = TRAINED + pd.Timedelta(hours=30)
    scores = MODEL.score(raised(LATER, -3, first, 60, 12.0), SERIES)
    inside = (scores["subject_id"] == -3) & scores["ts"].between(first, first + pd.Timedelta(minutes=59))
    assert (scores.loc[inside, "score"] >= 1).mean() > 0.8
    assert (scores.loc[~inside, "score"] >= 1).mean() < 0.02


def test_every_kind_of_metric_has_a_network_and_a_new_kind_is_judged_by_the_one_for_all() -> None:
    assert MODEL.networks.kinds == ("any", "cpu", "latency")
    first = TRAINED + pd.Timedelta(hours=30)
    unknown = SERIES.assign(kind="never seen")
    scores = MODEL.score(raised(LATER, -3, first, 60, 12.0), unknown).set_index(["subject_id", "ts"])["score"]
    assert (scores.loc[-3].loc[first : first + pd.Timedelta(minutes=55)] >= 1).mean() > 0.8
    assert not np.array_equal(MODEL.score(LATER, SERIES)["score"], MODEL.score(LATER, unknown)["score"])
    pd.testing.assert_frame_equal(MODEL.score(LATER, unknown), MODEL.score(LATER, SERIES.drop(columns="kind")))


def test_one_kind_alone_needs_one_network_and_a_tight_budget_goes_to_the_kinds_with_most_points() -> None:
    assert trained(0.02, series=SERIES.assign(kind="cpu")).networks.kinds == ("any",)
    uneven = SERIES.assign(kind=["a", "b", "b", "b", "b", "b"])
    assert trained(0.02, series=uneven).networks.kinds == ("any", "b")


@settings(max_examples=5, deadline=None)
@given(cut=st.integers(1, 700), size=st.floats(-1e4, 1e4))
def test_the_future_changes_no_score(cut: int, size: float) -> None:
    one = LATER[LATER["series_id"] == 4].reset_index(drop=True)
    changed = one.assign(value=one["value"].where(one.index < cut, one["value"] + size))
    before, after = (MODEL.score(points, SERIES).iloc[:cut] for points in (one, changed))
    pd.testing.assert_frame_equal(before, after, check_exact=True)


@pytest.mark.parametrize("step", [60, 300, 900, 3600])
@pytest.mark.parametrize("known", [True, False])
def test_what_is_older_than_the_lookback_changes_no_score(step: int, known: bool) -> None:
    points, series = fleet(1, days=2 + 12 * step // 3600, seed=5, step=step)
    points, series = (frame.assign(series_id=4 if known else 1_000) for frame in (points, series))
    since = (points["ts"].max() - 20 * pd.Timedelta(seconds=step)).to_pydatetime()
    model = LstmAutoencoder.from_state(MODEL.state())
    model.profiles.follow[:] = True
    near = points[points["ts"] >= since - model.lookback(timedelta(seconds=step))].reset_index(drop=True)
    whole, short = (model.score(part, series, since) for part in (points, near))
    assert len(near) < len(points)
    assert model.lookback(timedelta(seconds=step)) <= max(timedelta(hours=24), timedelta(seconds=2_016 * step))
    pd.testing.assert_frame_equal(whole, short, check_exact=True)


def test_two_shards_give_the_scores_of_one() -> None:
    odd = LATER["series_id"] % 2 == 1
    parts = [MODEL.score(LATER[part].reset_index(drop=True), SERIES) for part in (odd, ~odd)]
    both = pd.concat(parts).sort_values(["subject_id", "ts"], ignore_index=True)
    pd.testing.assert_frame_equal(both, MODEL.score(LATER, SERIES), check_exact=True)


def test_only_the_bad_direction_is_an_anomaly() -> None:
    first = TRAINED + pd.Timedelta(hours=30)
    inside = slice(first + pd.Timedelta(minutes=10), first + pd.Timedelta(minutes=59))
    for by, strange in ((12.0, True), (-12.0, False)):
        scores = MODEL.score(raised(LATER, -3, first, 60, by), SERIES.assign(bad_direction="up"))
        own = scores[scores["subject_id"] == -3].set_index("ts")["score"].loc[inside]
        assert (own >= 1).mean() > 0.8 if strange else (own < 1).all()


def test_the_evidence_holds_error_threshold_ratio_and_a_severity_by_the_ratio() -> None:
    first = TRAINED + pd.Timedelta(hours=30)
    points = raised(LATER, -3, first, 60, 40.0)
    at = (points["series_id"] == -3) & points["ts"].isin([first - pd.Timedelta(hours=3), first])
    calm, worst = MODEL.evidence(points, SERIES, np.flatnonzero(at))
    assert worst["ratio"] == pytest.approx(worst["reconstruction_error"] / worst["threshold"])
    assert worst["ratio"] > calm["ratio"]
    assert calm["severity"] == "LOW"
    assert worst["features"] == MODEL.explain(points, SERIES, np.flatnonzero(at))[1]
    assert worst["features"][0].startswith("reconstruction error ")
    assert worst["features"][1].endswith("deviations above the expected value")


def test_five_of_a_hundred_validation_windows_are_over_the_limit_of_their_network() -> None:
    rows = np.flatnonzero(
        (HEAD["ts"] >= START + pd.Timedelta(days=4.2)) & (HEAD["ts"] < START + pd.Timedelta(days=5.25))
    )
    ratios = [found["ratio"] for found in MODEL.evidence(HEAD, SERIES, rows)]
    assert 0.02 < np.mean(np.array(ratios) > 1) < 0.10


def test_the_same_data_and_seed_give_the_same_model_and_another_seed_another() -> None:
    first, again = trained(0.02), trained(0.02)
    for name, array in first.state().arrays.items():
        assert np.array_equal(array, again.state().arrays[name]), name
    other = LstmAutoencoder(minutes=0.02, seed=8).fit(HEAD, SERIES)
    name = "network_0.value.weight"
    assert not np.array_equal(first.state().arrays[name], other.state().arrays[name])


def test_a_saved_model_gives_the_same_scores(tmp_path: Path) -> None:
    store.save(MODEL, tmp_path)
    loaded = store.load(tmp_path)
    assert loaded.parameters == MODEL.parameters
    pd.testing.assert_frame_equal(loaded.score(LATER, SERIES), MODEL.score(LATER, SERIES), check_exact=True)


def test_the_module_imports_without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("models.lstm_")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    assert store.kind("lstm_autoencoder").name == "lstm_autoencoder"


@pytest.mark.parametrize("name", list(ODD))
def test_odd_series_are_scored_with_finite_numbers(name: str) -> None:
    points, series, since = odd_fleet(name, step=300, days=6)
    model = trained(0.01, points[points["ts"] < since].reset_index(drop=True), series)
    scores = model.score(points, series)
    assert len(scores) == len(points)
    assert np.isfinite(scores[["score", "alarm", "lower", "expected", "upper"]].to_numpy()).all()
    ordinary = scores[scores["subject_id"] != 4]
    assert (ordinary["score"] >= 1).mean() < 0.03


def test_a_constant_series_is_never_strange_until_it_moves() -> None:
    points, series, since = odd_fleet("constant", step=300, days=6)
    model = trained(0.01, points[points["ts"] < since].reset_index(drop=True), series)
    still = points[(points["series_id"] == 4) & (points["ts"] >= since)].reset_index(drop=True)
    assert (model.score(still, series)["score"] < 1).all()
    moved = model.score(still.assign(value=still["value"] + 1.0 * (still.index >= 300)), series)["score"]
    assert (moved.iloc[303:320] >= 1).all()


def test_after_a_gap_of_days_the_first_points_are_ordinary() -> None:
    gap = LATER[(LATER["ts"] < TRAINED) | (LATER["ts"] >= TRAINED + pd.Timedelta(hours=30))].reset_index(drop=True)
    scores = MODEL.score(gap, SERIES, TRAINED)
    assert (scores.groupby("subject_id").head(12)["score"] < 1).mean() > 0.9


def test_a_large_fleet_is_calibrated_on_some_series_whole_and_on_some_rows_of_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("models.lstm_autoencoder.MOST_HELD", 1_000)
    scores = trained(0.01).score(LATER, SERIES, TRAINED)
    assert (scores["score"] >= 1).mean() < 0.03


def test_a_crowd_of_series_born_in_the_last_moment_does_not_spoil_the_training() -> None:
    crowd = pd.DataFrame({"series_id": np.arange(3_000) + 10_000, "ts": HEAD["ts"].max(), "value": 1.0})
    points = pd.concat([HEAD[HEAD["series_id"] == -3], crowd], ignore_index=True)
    series = pd.concat([SERIES, SERIES.iloc[[0] * 3_000].assign(series_id=crowd["series_id"].to_numpy())])
    assert np.isfinite(trained(0.01, points, series).score(LATER, SERIES)["score"]).all()


def test_too_few_points_are_refused_with_advice() -> None:
    with pytest.raises(ModelError, match="Load more history"):
        LstmAutoencoder().fit(POINTS.head(60), SERIES)
