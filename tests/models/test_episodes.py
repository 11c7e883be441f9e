"""From scores to anomalies and episodes."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.warehouse import schema
from include.window import Window
from models.episodes import ANOMALY_COLUMNS, EPISODE_COLUMNS, Found, detect, episode_numbers, history, sentence
from models.robust import RobustZ
from models.severity import Ladder, trend_codes
from tests.models.fleet import START, fleet, raised

POINTS, SERIES = fleet(4, 9)
MODEL = RobustZ().fit(POINTS[POINTS["ts"] < START + pd.Timedelta(days=6)], SERIES)
RESULT = {"producer", "window_start", "window_end", "run_id"}
TROUBLE = START + pd.Timedelta(days=7, hours=10, minutes=40)
HIGH = raised(POINTS, 4, TROUBLE, 45, 9.0)


def found(points: pd.DataFrame, window: Window, series: pd.DataFrame = SERIES) -> Found:
    near = points[(points["ts"] >= window.start - history(MODEL, timedelta(minutes=1))) & (points["ts"] < window.end)]
    return detect(MODEL, near.reset_index(drop=True), series, window, model_version="3")


def hour(first: pd.Timestamp) -> Window:
    return Window(first.to_pydatetime(), (first + pd.Timedelta(hours=1)).to_pydatetime())


def test_the_columns_are_those_of_the_warehouse() -> None:
    assert set(ANOMALY_COLUMNS) == {column.name for column in schema.anomaly.columns} - RESULT
    assert set(EPISODE_COLUMNS) == {column.name for column in schema.episode.columns} - RESULT
    quiet = found(POINTS, hour(START + pd.Timedelta(days=7)))
    assert tuple(quiet.anomaly.columns) == ANOMALY_COLUMNS
    assert tuple(quiet.episode.columns) == EPISODE_COLUMNS


def test_an_episode_over_two_windows_is_one_episode() -> None:
    first, second = (found(HIGH, hour(TROUBLE.floor("h") + pd.Timedelta(hours=at))) for at in (0, 1))
    (one,), (two,) = (part.episode[part.episode["subject_id"] == 4].to_dict("records") for part in (first, second))
    assert one["episode_id"] == two["episode_id"]
    assert (one["state"], two["state"]) == ("open", "closed")
    assert one["first_ts"] == two["first_ts"] == TROUBLE + pd.Timedelta(minutes=2)
    assert two["last_ts"] >= TROUBLE + pd.Timedelta(minutes=44)
    assert set(first.anomaly.loc[first.anomaly["subject_id"] == 4, "episode_id"]) == {one["episode_id"]}


def test_windows_one_by_one_give_the_rows_of_a_wide_window() -> None:
    long = raised(POINTS, -3, START + pd.Timedelta(days=6, hours=20), 20 * 60, 9.0)
    wide = Window((START + pd.Timedelta(days=7)).to_pydatetime(), (START + pd.Timedelta(days=8)).to_pydatetime())
    parts = [found(long, part).anomaly for part in wide.chunks(timedelta(hours=1))]
    together = pd.concat(parts).sort_values(["subject_id", "ts"], ignore_index=True)
    pd.testing.assert_frame_equal(together, found(long, wide).anomaly, check_exact=True)


def test_a_row_says_what_is_unusual_in_words_and_in_numbers() -> None:
    rows = found(HIGH, hour(TROUBLE.floor("h"))).anomaly
    row = rows[rows["ts"] == TROUBLE + pd.Timedelta(minutes=5)].iloc[0]
    assert row["reason"].startswith("Value ")
    assert " is above the expected " in row["reason"]
    assert row["value"] > row["expected_upper"] > row["expected"] > row["expected_lower"]
    assert row["percentile"] > 0.95
    assert row["severity"] in {"HIGH", "CRITICAL"}
    assert (row["detector"], row["model_version"], row["service"], row["query"]) == ("robust_z", "3", "s0", "q1")


def test_a_young_series_is_scored_but_its_episodes_are_learning() -> None:
    young = SERIES.assign(first_seen=START)
    assert set(found(HIGH, hour(TROUBLE.floor("h")), young).episode["state"]) == {"learning"}


def test_an_empty_window_has_neither() -> None:
    nothing = found(POINTS.iloc[:0], hour(START))
    assert nothing.anomaly.empty
    assert nothing.episode.empty


@given(st.lists(st.integers(1, 200), min_size=1, max_size=200), st.integers(0, 30))
def test_an_episodes_beginning_does_not_depend_on_where_the_look_back_starts(gaps: list[int], hours: int) -> None:
    minute, six_hours = 60_000_000, 6 * 3_600_000_000
    ts = np.cumsum(gaps) * minute
    start = hours * 3_600_000_000
    since = start - 13 * 3_600_000_000

    def beginnings(times: np.ndarray) -> list[int]:
        number = episode_numbers(np.ones(len(times), np.int64), times)
        first = times[np.searchsorted(number, number)]
        return first[(times >= start) & (times < start // six_hours * six_hours + six_hours)].tolist()

    assert beginnings(ts) == beginnings(ts[ts >= since])


@pytest.mark.parametrize(
    ("z", "extreme", "score", "code"),
    [
        (6, 0.5, 1, 3),
        (3.5, 0.5, 1, 2),
        (-2.5, 0.5, 1, 1),
        (0, 0.5, 1, 0),
        (0, 0.999, 1, 2),
        (0, 0.999, 2, 3),
        (0, 0.92, 1, 1),
    ],
)
def test_severity_follows_the_ladder(z: float, extreme: float, score: float, code: int) -> None:
    assert Ladder().codes(np.array([z]), np.array([extreme]), np.array([score])).tolist() == [code]


def test_the_trend_has_five_steps_in_the_series_own_scale() -> None:
    lean = np.array([-9.0, -0.5, 0.0, 0.5, 9.0])
    assert trend_codes(lean * 10, np.zeros(5), np.full(5, 10.0)).tolist() == [0, 1, 2, 3, 4]


def test_a_value_within_its_range_is_called_unusual_in_its_course() -> None:
    assert sentence(5.0, 4.0, 6.0, "steady", ["volatility"]) == (
        "Value 5 is within the expected 4 to 6, but its course is unusual; most unusual: volatility."
    )
