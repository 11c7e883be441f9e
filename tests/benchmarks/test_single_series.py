"""The data sets are found by form, and what reaches a detector is what the platform would let in."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.labelled_series import cloud, frames, nab
from benchmarks.result import Options
from benchmarks.single_series import lagged_pca, measure, rising
from include.features import Panel


def family(folder: Path, name: str, lines: list[str]) -> None:
    target = folder / "data" / name
    target.mkdir(parents=True)
    (target / "one.csv").write_text("\n".join(["TimeStamp,Value,Label", *lines]) + "\n")


def test_a_new_family_is_found_and_rows_out_of_order_or_without_value_are_left_out(tmp_path: Path) -> None:
    lines = [f"2021-03-01T{hour:02d}:00:00Z,{hour},{int(hour == 20)}" for hour in range(24)]
    family(tmp_path, "new-family", [*lines[:5], lines[3], "2021-03-01T05:00:00Z,,0", *lines[6:]])
    (one,) = cloud(tmp_path)
    assert (one.family, one.name, one.step, one.rows, one.train) == ("new-family", "one", 3_600, 25, 2)
    assert one.values.tolist() == [*range(5), *range(6, 24)]
    assert one.place.tolist() == [*range(5), *range(7, 25)]
    assert np.flatnonzero(one.labels).tolist() == [19]
    assert one.in_file(np.ones(23)).tolist() == [1.0] * 5 + [0.0] * 2 + [1.0] * 18


def test_nab_windows_are_rows_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "data" / "kind").mkdir(parents=True)
    (tmp_path / "labels").mkdir()
    rows = [f"2020-01-01 {at // 12:02d}:{at % 12 * 5:02d}:00,{at}" for at in range(200)]
    (tmp_path / "data" / "kind" / "a.csv").write_text("\n".join(["timestamp,value", *rows]))
    windows = {"kind/a.csv": [["2020-01-01 05:00:00.000000", "2020-01-01 06:00:00.000000"]]}
    (tmp_path / "labels" / "combined_windows.json").write_text(json.dumps(windows))
    (one,) = nab(tmp_path)
    assert one.windows == ((60, 72),)
    assert int(one.labels.sum()) == 13
    assert (one.train, one.pace) == (30, "five minutes")


def test_the_frames_are_a_panel_and_training_parts_end_within_a_week(tmp_path: Path) -> None:
    for name, day in (("a", "2019-01-01"), ("b", "2023-06-05")):
        lines = [f"{day}T{hour:02d}:00:00Z,{hour},0" for hour in range(24)]
        family(tmp_path, name, lines)
    points, series, training = frames(list(cloud(tmp_path)))
    assert len(Panel.of(points, series)) == 48
    assert training.sum() == 4
    assert (points["ts"].max() - points["ts"].min()).days < 8


def test_a_lasting_alarm_is_one_detection() -> None:
    assert rising(np.array([0.0, 2.0, 2.0, 0.0, 1.0, 3.0, 3.0])).tolist() == [0.0, 2.0, 0.0, 0.0, 1.0, 3.0, 0.0]


def test_the_lagged_pca_finds_a_break_of_a_season() -> None:
    season = np.sin(np.arange(1_000) / 4)
    season[800:810] = 0.0
    score = lagged_pca(season[:500, None], season[500:, None])
    assert len(score) == 500
    assert 300 <= int(np.argmax(score)) <= 334


@pytest.mark.needs("data")
def test_a_quick_run_yields_every_figure(data_dir: Path) -> None:
    rows = list(measure(Options(data_dir, "cloud-monitoring", quick=True)))
    metrics = {row.metric for row in rows}
    assert {"VUS-PR", "event recall", "event F1", "false episodes per series and day"} <= metrics
    assert all("Sub-PCA" in row.baselines for row in rows if row.metric == "VUS-PR")


def test_a_missing_data_set_is_listed_as_missing(tmp_path: Path) -> None:
    assert [row.note.startswith("missing") for row in measure(Options(tmp_path, None, quick=False))] == [True, True]
