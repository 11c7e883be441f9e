"""Drift: what has moved is told, what only wobbles is not; the reference goes to disk and back and is never trusted."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models.base import ModelError
from models.drift import DRIFT_COLUMNS, Thresholds, _alarm_rate, measure
from models.histogram import BINS, effective_rows, expected_shares, population_stability
from models.reference import MEASURED, Reference, load_reference, save_reference
from models.robust import RobustZ
from tests.models.fleet import START, fleet

DAYS = 14
NOW = (START + pd.Timedelta(days=DAYS)).to_pydatetime()


@pytest.fixture(scope="module")
def world() -> tuple[RobustZ, Reference, pd.DataFrame, pd.DataFrame]:
    points, series = fleet(8, days=DAYS + 1)
    past = points[points["ts"] < NOW].reset_index(drop=True)
    head = past[past["ts"] < NOW - pd.Timedelta(days=3)].reset_index(drop=True)
    detector = RobustZ().fit(head, series)
    return detector, Reference.of(detector, past, series, since=NOW - timedelta(days=3)), points, series


def today(points: pd.DataFrame) -> pd.DataFrame:
    return points[points["ts"] >= NOW - pd.Timedelta(days=1)].reset_index(drop=True)


def moved(points: pd.DataFrame, by: float = 0.0, factor: float = 1.0) -> pd.DataFrame:
    now = (points["ts"] >= NOW).to_numpy()
    middle = points.groupby("series_id")["value"].transform("median")
    value = points["value"].where(~now, middle + by + factor * (points["value"] - middle))
    return points.assign(value=value)


def status(found: pd.DataFrame, feature: str) -> str:
    (row,) = found[found["feature"] == feature].to_dict("records")
    return str(row["status"])


def test_a_day_like_those_of_training_has_not_drifted(world) -> None:
    detector, reference, points, series = world
    found = measure(reference, detector, today(points), series, since=NOW)
    assert list(found.columns) == list(DRIFT_COLUMNS)
    assert set(found["feature"]) == {*MEASURED, "score", "alarm_rate", "coverage"}
    assert set(found["status"]) <= {"ok", "unknown"}, found.loc[found["status"] != "ok", ["feature", "reason"]]


def test_a_level_that_moved_has_drifted_and_the_shape_that_stayed_has_not(world) -> None:
    detector, reference, points, series = world
    found = measure(reference, detector, moved(today(points), by=12.0), series, since=NOW)
    assert status(found, "value") == "drifted"
    assert status(found, "mean_15") == "drifted"
    assert status(found, "score") == "drifted"
    assert status(found, "z_5") == "ok"
    assert "PSI" in found.loc[found["feature"] == "value", "reason"].iloc[0]
    assert found["status"].iloc[0] == "drifted", "the worst comes first"


def test_noise_that_grew_has_drifted(world) -> None:
    detector, reference, points, series = world
    found = measure(reference, detector, moved(today(points), factor=3.0), series, since=NOW)
    assert status(found, "std_15") == "drifted"
    assert status(found, "volatility") == "drifted"


def test_a_flood_of_episodes_is_told_as_a_rate(world) -> None:
    detector, reference, points, series = world
    day = today(points)
    spikes = (day["ts"] >= NOW) & (day["ts"].dt.hour % 2 == 0) & (day["ts"].dt.minute < 8)
    found = measure(reference, detector, day.assign(value=day["value"] + 80.0 * spikes), series, since=NOW)
    (row,) = found[found["feature"] == "alarm_rate"].to_dict("records")
    assert row["status"] == "drifted"
    assert row["points"] == 48, "twelve times in each of four services"
    assert row["current"] == pytest.approx(12.0)


def test_a_few_episodes_more_are_chance() -> None:
    points, series = fleet(2, days=4)
    detector = RobustZ().fit(points, series)
    reference = Reference.of(detector, points, series, since=(START + pd.Timedelta(days=3)).to_pydatetime())
    calm = replace(reference, episodes=4, service_days=20.0)
    assert [_alarm_rate(calm, count, 2.0, Thresholds())["status"] for count in (0, 1, 2, 3, 10)] == [
        "ok", "ok", "ok", "watch", "drifted"
    ]  # fmt: skip


def test_series_that_the_model_never_saw_are_not_covered(world) -> None:
    detector, reference, points, series = world
    day = today(points)
    new = day[day["series_id"] == day["series_id"].iloc[0]].assign(series_id=10_000)
    more = pd.concat([day, new], ignore_index=True)
    known = pd.concat([series, series.head(1).assign(series_id=10_000)], ignore_index=True)
    found = measure(reference, detector, more, known, since=NOW)
    (row,) = found[found["feature"] == "coverage"].to_dict("records")
    assert (row["status"], row["current"]) == ("watch", pytest.approx(1 / 9))
    assert row["reason"] == "11% of 9 series were not there in training"


def test_only_unknown_series_say_nothing_but_that(world) -> None:
    detector, reference, points, series = world
    day = today(points)
    new = day[day["series_id"] == day["series_id"].iloc[0]].assign(series_id=10_000)
    found = measure(reference, detector, new, series.head(1).assign(series_id=10_000), since=NOW)
    assert found[["feature", "status"]].to_numpy().tolist() == [["coverage", "drifted"]]


def test_a_minute_of_points_is_too_little_to_judge(world) -> None:
    detector, reference, points, series = world
    day = today(points)
    short = day[day["ts"] < NOW + pd.Timedelta(minutes=2)].reset_index(drop=True)
    found = measure(reference, detector, moved(short, by=12.0), series, since=NOW)
    assert status(found, "value") == "unknown"
    assert "insufficient" in found.loc[found["feature"] == "value", "reason"].iloc[0]


def test_no_points_give_no_rows(world) -> None:
    detector, reference, points, series = world
    old = points[points["ts"] < NOW].reset_index(drop=True)
    assert measure(reference, detector, old, series, since=NOW).empty


def test_a_sunday_is_compared_with_days_of_rest() -> None:
    points, series = fleet(6, days=21)
    rest = points["ts"].dt.weekday >= 5
    quiet = points.assign(value=points["value"] - 12.0 * rest)
    end = START + pd.Timedelta(days=20)
    assert end.weekday() == 6
    past = quiet[quiet["ts"] < end].reset_index(drop=True)
    detector = RobustZ().fit(past, series)
    reference = Reference.of(detector, past, series, since=(end - pd.Timedelta(days=5)).to_pydatetime())
    day = quiet[quiet["ts"] >= end - pd.Timedelta(days=1)].reset_index(drop=True)
    found = measure(reference, detector, day, series, since=end.to_pydatetime())
    assert status(found, "value") == "ok"


def test_population_stability_is_the_textbook_sum() -> None:
    expected, current = np.full(BINS, 1 / BINS), np.repeat([0.05, 0.15], BINS // 2) / 4
    by_hand = 5 * ((0.05 - 0.1) * np.log(0.5) + (0.15 - 0.1) * np.log(1.5))
    assert population_stability(expected, current) == pytest.approx(by_hand)
    assert population_stability(expected, expected) == pytest.approx(0.0)


def test_what_is_expected_follows_the_parts_of_the_day_that_are_there() -> None:
    counts = np.zeros((1, 8, BINS), np.int64)
    counts[0, 0, 0], counts[0, 1, 1] = 10, 30
    only_second, unseen = np.zeros((1, 8), np.int64), np.zeros((1, 8), np.int64)
    only_second[0, 1], unseen[0, 7] = 5, 5
    assert expected_shares(counts, only_second)[0, :2].tolist() == [0.0, 1.0]
    assert expected_shares(counts, unseen)[0, :2].tolist() == [0.25, 0.75]


def test_rows_that_repeat_each_other_are_worth_fewer() -> None:
    rng = np.random.default_rng(1)
    noise = rng.normal(size=20_000)
    slow = np.zeros(20_000)
    for at in range(1, 20_000):
        slow[at] = 0.9 * slow[at - 1] + noise[at]
    group, series = np.zeros(20_000, np.int64), np.zeros(20_000, np.int64)
    assert effective_rows(noise, group, series, 1)[0] > 19_000
    assert effective_rows(slow, group, series, 1)[0] == pytest.approx(20_000 * 0.1 / 1.9, rel=0.15)


def test_a_reference_comes_back_from_disk_as_it_was(world, tmp_path: Path) -> None:
    detector, reference, points, series = world
    save_reference(reference, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"reference.npz", "reference.json"}
    again = load_reference(tmp_path)
    one, other = (measure(known, detector, today(points), series, since=NOW) for known in (reference, again))
    pd.testing.assert_frame_equal(one, other)


def test_a_reference_that_was_changed_or_is_of_another_version_is_refused(world, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no reference that can be read"):
        load_reference(tmp_path)
    save_reference(world[1], tmp_path)
    said = json.loads((tmp_path / "reference.json").read_text())
    (tmp_path / "reference.json").write_text(json.dumps({**said, "format": 99}))
    with pytest.raises(ModelError, match="another version"):
        load_reference(tmp_path)
    (tmp_path / "reference.json").write_text(json.dumps(said))
    (tmp_path / "reference.npz").write_bytes(b"PK" + bytes(100))
    with pytest.raises(ModelError, match="checksum differs"):
        load_reference(tmp_path)
