"""The joint detector's contract: what holds for every detector, and for several metrics of one service."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.features import Panel
from models import store
from models.base import SCORE_COLUMNS, SERVICE, ModelError, service_id
from models.flags import episodes_per_day
from models.joint import Joint
from tests.models.fleet import START, raised

DAY = pd.Timedelta(days=1)
TRAINED = START + 8 * DAY


def services(
    count: int = 2, metrics: int = 5, days: int = 11, step: int = 300, seed: int = 0
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return services whose metrics share a daily season and some noise, sorted by series id and time."""
    rng = np.random.default_rng(seed)
    size = days * 86_400 // step
    season = np.sin(2 * np.pi * np.arange(size) * step / 86_400)
    ts = START + pd.to_timedelta(np.arange(size) * step, "s")
    points, series = [], []
    for service in range(count):
        common = rng.normal(size=size)
        for metric in range(metrics):
            values = 50 + 8 * season + common + rng.normal(size=size)
            number = service * 100 + metric - 50
            points.append(pd.DataFrame({"series_id": number, "ts": ts, "value": values}))
            series.append({"series_id": number, "query": f"m{metric}", "service": f"s{service}"})
    known = {"kind": "usage", "step_seconds": step, "time_zone": "Europe/Berlin", "holidays": "DE"}
    return pd.concat(points, ignore_index=True), pd.DataFrame(series).assign(**known)


POINTS, SERIES = services()
JOINT = Joint().fit(POINTS[POINTS["ts"] < TRAINED].reset_index(drop=True), SERIES)
LATER = POINTS[POINTS["ts"] >= TRAINED - DAY].reset_index(drop=True)
FIRST = TRAINED + pd.Timedelta(hours=30)
HOUR = FIRST, FIRST + pd.Timedelta(minutes=55)


def raised_all(points: pd.DataFrame, by: float, ids: tuple[int, ...] = (-50, -49, -48)) -> pd.DataFrame:
    """Return the points with these metrics of the first service raised for an hour."""
    for one in ids:
        points = raised(points, one, FIRST, 60, by)
    return points


def of(scores: pd.DataFrame, service: str) -> pd.DataFrame:
    return scores[scores["subject_id"] == service_id(service)].set_index("ts")


def test_there_is_one_row_per_service_and_time_in_order_and_no_nan():
    scores = JOINT.score(LATER, SERIES)
    assert tuple(scores.columns) == SCORE_COLUMNS
    assert (scores["subject_kind"] == SERVICE).all()
    assert scores["subject_id"].dtype == np.int64
    assert len(scores) == 2 * LATER["ts"].nunique()
    assert scores.equals(scores.sort_values(["subject_id", "ts"], ignore_index=True))
    assert np.isfinite(scores[["score", "alarm", "lower", "expected", "upper"]].to_numpy()).all()
    assert ((scores["lower"] <= scores["expected"]) & (scores["expected"] <= scores["upper"])).all()


def test_a_service_whose_metrics_rise_together_is_flagged_and_the_other_is_not():
    scores = JOINT.score(raised_all(LATER, 12.0), SERIES)
    struck = of(scores, "s0")
    assert (struck.loc[slice(*HOUR), "alarm"] >= 1).mean() > 0.8
    assert (struck.drop(struck.loc[slice(*HOUR)].index)["alarm"] >= 1).mean() < 0.06
    assert (of(scores, "s1")["alarm"] >= 1).mean() < 0.06


def test_a_broken_pattern_scores_though_no_value_is_unusual():
    turned = LATER["series_id"].isin([-50, -49]) & LATER["ts"].between(*HOUR)
    usual = LATER.assign(value=LATER["value"].where(~turned, 50.0))
    before, after = (of(JOINT.score(points, SERIES), "s0").loc[slice(*HOUR), "score"] for points in (LATER, usual))
    assert after.mean() > 1.5 * before.mean()


@settings(max_examples=15, deadline=None)
@given(cut=st.integers(1, 1_100), size=st.floats(-1e4, 1e4))
def test_the_future_changes_no_score(cut: int, size: float):
    one = LATER[LATER["series_id"] < 0].reset_index(drop=True)
    late = one["ts"] >= one["ts"].iloc[0] + cut * pd.Timedelta(minutes=5)
    changed = one.assign(value=one["value"].where(~late, one["value"] + size))
    before, after = (JOINT.score(points, SERIES).iloc[:cut] for points in (one, changed))
    pd.testing.assert_frame_equal(before, after, check_exact=True)


@pytest.mark.parametrize("step", [60, 300, 900, 3600, 28_800])
def test_what_is_older_than_the_lookback_changes_no_score(step: int):
    points, series = services(1, 4, days=60 if step > 3600 else 20, step=step)
    model = Joint().fit(points, series)
    model.profiles.follow[:] = True
    since = START + 18 * DAY
    whole = model.score(points, series, since)
    kept = points["ts"] > since - model.lookback(timedelta(seconds=step))
    short = model.score(points[kept].reset_index(drop=True), series, since)
    assert len(whole) > 0
    pd.testing.assert_frame_equal(whole, short, check_exact=True)


def test_it_looks_back_a_day():
    assert JOINT.lookback(timedelta(minutes=1)) == timedelta(hours=24)


def test_one_service_alone_gets_the_scores_it_has_among_others():
    alone = JOINT.score(LATER[LATER["series_id"] > 0].reset_index(drop=True), SERIES)
    both = JOINT.score(LATER, SERIES)
    own = both[both["subject_id"] == service_id("s1")].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, own, check_exact=True)


def test_a_saved_model_scores_as_it_did(tmp_path: Path):
    store.save(JOINT, tmp_path)
    again = store.load(tmp_path)
    assert again.parameters == JOINT.parameters
    pd.testing.assert_frame_equal(again.score(LATER, SERIES), JOINT.score(LATER, SERIES), check_exact=True)


def test_the_same_data_and_seed_give_the_same_model():
    again = Joint().fit(POINTS[POINTS["ts"] < TRAINED].reset_index(drop=True), SERIES)
    assert again.state().data == JOINT.state().data
    for name, array in JOINT.state().arrays.items():
        assert np.array_equal(array, again.state().arrays[name]), name


def test_a_metric_that_is_missing_for_a_while_raises_no_alarm():
    gap = (LATER["series_id"] == -50) & LATER["ts"].between(*HOUR)
    scores = of(JOINT.score(LATER[~gap].reset_index(drop=True), SERIES), "s0")
    assert len(scores) == LATER["ts"].nunique()
    assert (scores.loc[slice(*HOUR), "alarm"] >= 1).mean() < 0.1


def test_a_metric_that_ends_leaves_the_others_to_be_judged():
    ended = raised_all(LATER[(LATER["series_id"] != -46) | (LATER["ts"] < FIRST)].reset_index(drop=True), 12.0)
    scores = of(JOINT.score(ended, SERIES), "s0")
    assert len(scores) == LATER["ts"].nunique()
    assert (scores.loc[slice(*HOUR), "alarm"] >= 1).mean() > 0.8


def test_a_time_with_fewer_than_three_metrics_has_no_row():
    few = (LATER["series_id"].isin([-50, -49, -48])) & LATER["ts"].between(*HOUR)
    scores = of(JOINT.score(LATER[~few].reset_index(drop=True), SERIES), "s0")
    assert len(scores.loc[slice(*HOUR)]) == 0
    assert len(scores) == LATER["ts"].nunique() - 12


def test_a_service_with_two_metrics_and_one_never_trained_have_no_rows():
    two = LATER[LATER["series_id"].isin([-50, -49])].reset_index(drop=True)
    assert len(JOINT.score(two, SERIES)) == 0
    assert len(JOINT.score(LATER, SERIES.assign(service="new"))) == 0
    assert tuple(JOINT.score(two, SERIES).columns) == SCORE_COLUMNS


def test_services_with_too_few_metrics_are_refused_with_advice():
    two = POINTS[POINTS["series_id"].isin([-50, -49, 50])].reset_index(drop=True)
    with pytest.raises(ModelError, match=r"at least 3 metrics of 100 points; s0 has 2.*map more queries"):
        Joint().fit(two, SERIES)


def test_metrics_that_never_meet_in_time_are_refused_with_advice():
    turn = (POINTS["ts"] - START) // (2 * DAY)
    apart = POINTS[POINTS["series_id"].isin([-50, -49, -48]) & (turn == POINTS["series_id"] + 50)]
    with pytest.raises(ModelError, match="Load the same days of all its metrics"):
        Joint().fit(apart.reset_index(drop=True), SERIES)


def test_a_service_that_began_late_is_learned_and_judged_by_the_threshold_of_the_fleet():
    late = POINTS[(POINTS["series_id"] > 0) | (POINTS["ts"] >= TRAINED - DAY)]
    model = Joint().fit(late[late["ts"] < TRAINED].reset_index(drop=True), SERIES)
    assert "s0" not in model.thresholds
    assert (of(model.score(raised_all(LATER, 20.0), SERIES), "s0").loc[slice(*HOUR), "alarm"] >= 1).mean() > 0.8


def test_services_that_all_began_late_are_learned_too():
    late = POINTS[(POINTS["ts"] >= TRAINED - DAY) | (POINTS["series_id"] == 54)]
    model = Joint().fit(late[late["ts"] < TRAINED].reset_index(drop=True), SERIES)
    assert model.thresholds == {}
    assert len(model.score(LATER, SERIES)) > 0


def test_constant_metrics_are_ordinary_until_they_move():
    still = POINTS["series_id"].isin([-50, -49])
    points = POINTS.assign(value=POINTS["value"].where(~still, 7.0))
    model = Joint().fit(points[points["ts"] < TRAINED].reset_index(drop=True), SERIES)
    later = points[points["ts"] >= TRAINED - DAY].reset_index(drop=True)
    assert (of(model.score(later, SERIES), "s0")["alarm"] >= 1).mean() < 0.06
    moved = of(model.score(raised_all(later, 1.0, (-50, -49)), SERIES), "s0")
    assert (moved.loc[slice(*HOUR), "alarm"] >= 1).mean() > 0.8


def test_only_the_bad_direction_is_an_anomaly():
    bad_high = SERIES.assign(bad_direction="up")
    for by, few, many in ((12.0, 0.8, 1.0), (-12.0, 0.0, 0.2)):
        struck = of(JOINT.score(raised_all(LATER, by), bad_high), "s0").loc[slice(*HOUR), "alarm"]
        assert few <= (struck >= 1).mean() <= many


def test_series_of_another_step_are_read_as_of_the_time_of_the_row():
    slow = POINTS["series_id"].eq(-46) & (POINTS["ts"].dt.minute % 15 != 0)
    mixed = POINTS[~slow].reset_index(drop=True)
    series = SERIES.assign(step_seconds=SERIES["step_seconds"].where(SERIES["series_id"] != -46, 900))
    model = Joint().fit(mixed[mixed["ts"] < TRAINED].reset_index(drop=True), series)
    later = mixed[mixed["ts"] >= TRAINED - DAY].reset_index(drop=True)
    scores = of(model.score(later, series), "s0")
    assert len(scores) == LATER["ts"].nunique()
    found = model.evidence(raised(later, -46, FIRST, 60, 30.0), series, _rows(model, later, series, 10))
    assert found[0]["metrics"][0]["series_id"] == -46


def _rows(model: Joint, points: pd.DataFrame, series: pd.DataFrame, minutes: int) -> np.ndarray:
    scores = model.score(points, series)
    at = FIRST + pd.Timedelta(minutes=minutes)
    return np.flatnonzero((scores["subject_id"] == service_id("s0")) & (scores["ts"] == at))


def test_the_evidence_names_the_raised_metrics_strongest_first():
    points = raised(raised_all(LATER, 12.0), -49, FIRST, 60, 10.0)
    rows = _rows(JOINT, points, SERIES, 30)
    (found,) = JOINT.evidence(points, SERIES, rows)
    assert [one["query"] for one in found["metrics"]][:1] == ["m1"]
    assert {one["query"] for one in found["metrics"]} == {"m0", "m1", "m2"}
    strongest = found["metrics"][0]
    assert strongest["z"] > 2.5
    assert strongest["value"] - strongest["expected"] == pytest.approx(22, abs=6)
    assert strongest["deviation_percent"] == pytest.approx(
        100 * (strongest["value"] - strongest["expected"]) / strongest["expected"]
    )
    assert found["severity"] == "CRITICAL"
    assert found["features"] == JOINT.explain(points, SERIES, rows)[0]
    assert found["features"][0].startswith("m1 is ")


def test_evidence_is_one_per_row_asked_for():
    rows = np.array([0, 5, 900])
    assert len(JOINT.evidence(LATER, SERIES, rows)) == 3
    assert len(JOINT.explain(LATER, SERIES, rows)) == 3


def test_quiet_days_after_training_stay_near_the_episode_budget():
    scores = JOINT.score(LATER, SERIES, TRAINED.to_pydatetime())
    ids, offsets = np.unique(scores["subject_id"], return_index=True)
    ts = scores["ts"].dt.as_unit("us").astype(np.int64).to_numpy()
    alarm = scores["alarm"].to_numpy()
    panel = Panel(ids, np.append(offsets, len(ts)), ts, alarm, np.full(2, 300_000_000))
    assert episodes_per_day(panel, alarm, 1.0, np.arange(2)) <= 2 * JOINT.episode_budget


def test_a_higher_budget_lowers_the_thresholds():
    head = POINTS[POINTS["ts"] < TRAINED].reset_index(drop=True)
    generous = Joint(episode_budget=6.0).fit(head, SERIES)
    assert generous.threshold < JOINT.threshold
    assert all(generous.thresholds[name] <= JOINT.thresholds[name] for name in ("s0", "s1"))
