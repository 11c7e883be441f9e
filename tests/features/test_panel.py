"""Points of many series as flat arrays."""

import numpy as np
import pandas as pd
import pytest

from include.features import Panel, PanelError

SERIES = pd.DataFrame({"series_id": [1, 2], "step_seconds": [60, 300]})


def points(ids: list[int], minutes: list[int], values: list[float]) -> pd.DataFrame:
    ts = pd.Timestamp("2026-11-01", tz="UTC") + pd.to_timedelta(minutes, "min")
    return pd.DataFrame({"series_id": ids, "ts": ts, "value": values})


def test_each_series_has_its_offset_and_step() -> None:
    panel = Panel.of(points([1, 1, 2], [0, 1, 0], [1, 2, 3]), SERIES)
    assert panel.offsets.tolist() == [0, 2, 3]
    assert panel.step.tolist() == [60_000_000, 300_000_000]
    assert panel.row_ids.tolist() == [1, 1, 2]


def test_a_frame_without_points_is_a_panel_without_series() -> None:
    panel = Panel.of(points([1], [0], [1.0]).iloc[:0], SERIES)
    assert len(panel) == 0
    assert panel.offsets.tolist() == [0]


def test_a_series_that_keeps_no_row_is_gone() -> None:
    panel = Panel.of(points([1, 1, 2], [0, 1, 0], [1, 2, 3]), SERIES).where(np.array([False, False, True]))
    assert panel.series_ids.tolist() == [2]
    assert panel.offsets.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("frame", "says"),
    [
        (points([2, 1], [0, 0], [1, 2]), "sorted"),
        (points([1, 1], [0, 0], [1, 2]), "sorted"),
        (points([1, 1], [0, 1], [1, float("nan")]), "not finite"),
        (points([9], [0], [1]), "no row in the series dimension"),
    ],
)
def test_points_that_are_no_clean_panel_are_refused_with_a_reason(frame: pd.DataFrame, says: str) -> None:
    with pytest.raises(PanelError, match=says):
        Panel.of(frame, SERIES)
