"""The ensemble, and the baseline of services."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models.base import Detector, ModelError, service_id
from models.ensemble import ANY, Ensemble, class_of
from models.mean_z import MeanZ
from models.store import load, save
from tests.models.fleet import START, fleet, raised

POINTS, SERIES = fleet(12, 8)
TRAINED = START + pd.Timedelta(days=6)
HEAD = POINTS[POINTS["ts"] < TRAINED].reset_index(drop=True)
LATER = POINTS[POINTS["ts"] >= TRAINED - pd.Timedelta(days=1)].reset_index(drop=True)
ENSEMBLE = Ensemble().fit(HEAD, SERIES)
MEAN = MeanZ().fit(HEAD, SERIES)


def member(name: str) -> Detector:
    return ENSEMBLE.members[name]


def test_a_class_takes_what_did_best_on_planted_anomalies_and_the_choice_is_written_down() -> None:
    assert set(ENSEMBLE.weights) == {ANY, f"{ANY}/60", "latency/60"}
    reached = ENSEMBLE.chosen_by["latency/60"]
    best = max(("robust_z", "isolation_forest"), key=lambda name: reached[name])
    assert ENSEMBLE.weights["latency/60"][best] > 0
    assert reached["mix"] >= reached[best]


def test_a_small_class_takes_the_choice_over_all() -> None:
    series = SERIES.assign(kind=["rare", *["latency"] * 11])
    fitted = Ensemble().fit(HEAD, series)
    assert set(fitted.weights) == {ANY, f"{ANY}/60", "latency/60"}


def test_one_member_alone_scores_as_itself_over_the_common_threshold() -> None:
    alone = Ensemble(("robust_z",)).fit(HEAD, SERIES)
    mine, own = alone.score(LATER, SERIES), alone.members["robust_z"].score(LATER, SERIES)
    assert np.allclose(mine["score"], own["score"] / alone.threshold)
    assert mine["upper"].equals(own["upper"])


def test_a_member_that_is_too_dear_for_fast_series_judges_the_slow_ones_alone() -> None:
    slow_points, slow = fleet(10, 8, seed=3, step=300)
    slow_points, slow = (
        slow_points.assign(series_id=slow_points["series_id"] + 1_000),
        slow.assign(series_id=slow["series_id"] + 1_000, service=slow["service"] + "-slow"),
    )
    points = pd.concat([HEAD, slow_points[slow_points["ts"] < TRAINED]], ignore_index=True)
    series = pd.concat([SERIES, slow], ignore_index=True)
    model = Ensemble(("robust_z", "forecast_pool")).fit(points, series)
    assert set(model.weights["latency/60"]) == {"robust_z"}
    assert "forecast_pool" in model.chosen_by["latency/300"]
    assert set(model.thresholds) == {"60", "300"}
    later = pd.concat([LATER, slow_points[slow_points["ts"] >= TRAINED - pd.Timedelta(days=5)]], ignore_index=True)
    scores = model.score(later, series, TRAINED.to_pydatetime())
    assert np.isfinite(scores[["score", "alarm"]].to_numpy()).all()
    assert set(scores["subject_id"]) == set(series["series_id"])


def test_on_a_short_history_nothing_is_chosen_and_the_member_made_for_slow_series_judges_by_its_own_threshold() -> None:
    points, series = fleet(10, 20, step=3_600)
    model = Ensemble(("robust_z", "forecast_pool")).fit(points, series)
    assert {name for name in model.weights if name != ANY} == {f"{ANY}/3600"}
    assert model.weights[f"{ANY}/3600"] == {"forecast_pool": 1.0}
    own = model.members["forecast_pool"].score(points, series)
    assert np.allclose(model.score(points, series)["alarm"], own["alarm"])
    minutes = Ensemble(("robust_z", "forecast_pool")).fit(POINTS[POINTS["ts"] < START + pd.Timedelta(days=2)], SERIES)
    assert minutes.weights[f"{ANY}/60"] == {"robust_z": 1.0}


def test_a_series_may_name_its_detector() -> None:
    asked = SERIES.assign(detector=["robust_z"] * 6 + ["isolation_forest"] * 5 + ["unheard of"])
    scores = ENSEMBLE.score(LATER, asked)
    for name, part in (("robust_z", SERIES["series_id"][:6]), ("isolation_forest", SERIES["series_id"][6:11])):
        rows = scores["subject_id"].isin(part).to_numpy()
        alone = member(name).score(LATER[rows].reset_index(drop=True), SERIES)
        assert np.allclose(scores.loc[rows, "score"], alone["score"] / ENSEMBLE.threshold)


def test_feedback_scales_the_alarm_of_a_class_and_not_its_rank() -> None:
    before = ENSEMBLE.score(LATER, SERIES)
    stricter = load_again(ENSEMBLE)
    stricter.factors = {"latency/60": 2.0}
    after = stricter.score(LATER, SERIES)
    assert np.allclose(after["alarm"], before["alarm"] / 2)
    assert np.allclose(after["score"], before["score"])


def load_again(model: Ensemble) -> Ensemble:
    return Ensemble.from_state(model.state())


@pytest.mark.parametrize("model", [ENSEMBLE, MEAN], ids=["ensemble", "mean_z"])
def test_it_comes_back_from_disk_score_for_score(model: Detector, tmp_path: Path) -> None:
    save(model, tmp_path)
    pd.testing.assert_frame_equal(load(tmp_path).score(LATER, SERIES), model.score(LATER, SERIES), check_exact=True)


def test_each_flagged_row_says_which_detectors_and_features_made_it() -> None:
    first = TRAINED + pd.Timedelta(hours=30)
    points = raised(LATER, 4, first, 60, 9.0)
    scores = ENSEMBLE.score(points, SERIES)
    rows = np.flatnonzero((scores["subject_id"] == 4) & (scores["ts"] == first + pd.Timedelta(minutes=20)))
    (told,) = ENSEMBLE.evidence(points, SERIES, rows)
    assert scores["alarm"].iloc[rows[0]] >= 1
    assert told["features"]
    assert told["detectors"] == ENSEMBLE.weights["latency/60"]
    assert ENSEMBLE.explain(points, SERIES, rows) == [told["features"]]


def test_classes_are_kind_and_step() -> None:
    assert class_of(SERIES).unique().tolist() == ["latency/60"]


def test_only_detectors_of_series_may_be_members() -> None:
    with pytest.raises(ModelError, match="no detector of series"):
        Ensemble(("mean_z",)).fit(HEAD, SERIES)
    with pytest.raises(ModelError, match="There is no model 'oracle'"):
        Ensemble(("oracle",)).fit(HEAD, SERIES)


def test_the_mean_of_a_service_rises_when_its_series_do_and_names_them() -> None:
    first = TRAINED + pd.Timedelta(hours=30)
    points = raised(raised(LATER, 11, first, 30, 12.0), 18, first, 30, 12.0)
    scores = MEAN.score(points, SERIES, TRAINED.to_pydatetime())
    assert scores["subject_id"].nunique() == 6
    own = scores[(scores["subject_id"] == service_id("s1")) & (scores["ts"] == first + pd.Timedelta(minutes=10))]
    assert own["alarm"].iloc[0] >= 1
    whole = MEAN.score(points, SERIES)
    rows = np.flatnonzero((whole["subject_id"] == service_id("s1")) & (whole["ts"] == own["ts"].iloc[0]))
    (found,) = MEAN.evidence(points, SERIES, rows)
    assert {one["series_id"] for one in found["metrics"]} == {11, 18}
    assert found["severity"] == "CRITICAL"
    assert found["hypotheses"][0]["name"] == "unknown"
    assert [found["features"]] == MEAN.explain(points, SERIES, rows)
    calm = scores[~scores["ts"].between(first, first + pd.Timedelta(minutes=40))]
    assert (calm["alarm"] >= 1).mean() < 0.03
