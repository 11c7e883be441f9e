"""Flagged points and runs."""

import numpy as np
import pandas as pd

from include.features import Panel
from models.flags import episodes_per_day, flag, runs


def panel(minutes: list[int], step: int = 60) -> Panel:
    ts = pd.Timestamp("2026-11-01", tz="UTC") + pd.to_timedelta(minutes, "min")
    points = pd.DataFrame({"series_id": 1, "ts": ts, "value": 0.0})
    return Panel.of(points, pd.DataFrame({"series_id": [1], "step_seconds": [step]}))


def flagged(over: list[int], minutes: list[int] | None = None, step: int = 60) -> list[int]:
    every = list(range(len(over))) if minutes is None else minutes
    return flag(panel(every, step), np.array(over, bool)).astype(int).tolist()


def test_a_minute_series_is_flagged_at_the_third_of_five_points() -> None:
    assert flagged([1, 1, 0, 1, 0, 0, 0]) == [0, 0, 0, 1, 0, 0, 0]


def test_a_single_strange_minute_is_not_flagged() -> None:
    assert flagged([0, 0, 1, 0, 0]) == [0, 0, 0, 0, 0]


def test_points_before_a_gap_do_not_confirm() -> None:
    assert flagged([1, 1, 1], [0, 1, 30]) == [0, 0, 0]


def test_slow_series_need_less_confirmation() -> None:
    assert flagged([1, 0, 1], [0, 5, 10], step=300) == [0, 0, 1]
    assert flagged([0, 1, 0], [0, 60, 120], step=3600) == [0, 1, 0]


def test_thirty_quiet_minutes_end_a_run() -> None:
    ts = np.array([0, 30, 61, 70]) * 60_000_000
    assert runs(np.array([1, 1, 1, 2]), ts).tolist() == [0, 0, 1, 2]


def test_episodes_are_counted_once_per_service() -> None:
    score = np.zeros(1_441)
    score[100:110] = score[500:503] = 1.0
    assert episodes_per_day(panel(list(range(1_441))), score, 1.0, np.array([0])) == 2.0
