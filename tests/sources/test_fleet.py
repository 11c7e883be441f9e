"""The fleet source over files that the simulator itself has written."""

import subprocess
import sys
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from include.datasets import DATASETS, METRIC_POINT
from include.sources import SourceAnswerInvalid, SourceRejected
from include.window import Window
from tests.sources.conftest import Ask

DAYS = Window.parse("2026-11-03/2026-11-05")


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fleet")
    command = [sys.executable, "-m", "include.demo", "write", str(folder), "--days", "2"]
    subprocess.run([*command, "--end", "2026-11-05T00:00", "--no-logs", "--no-traces"], check=True, capture_output=True)
    return folder


def metric(fleet: Path, name: str = "cpu_utilisation", **query: object) -> object:
    return Ask.metrics({"type": "fleet", "path": str(fleet)}, {"expr": name, **query})


def test_every_point_of_the_metric_comes_once(fleet: Path) -> None:
    table = Ask.table(metric(fleet), DAYS)
    assert table.schema.equals(METRIC_POINT.schema)
    written = 0
    for path in (fleet / "metrics").glob("*.parquet"):
        day = pq.read_table(path)
        written += pc.sum(pc.equal(day["metric"].cast("string"), "cpu_utilisation")).as_py()
    frame = table.to_pandas()
    assert len(frame) == written > 40_000
    assert not frame.duplicated(["labels", "ts"]).any()
    assert '{"instance":"cart-0","job":"shop/cart"}' in set(frame["labels"])


def test_the_window_is_half_open_and_may_span_days(fleet: Path) -> None:
    late = Window.parse("2026-11-03T23:30/2026-11-04T00:30")
    frame = Ask.table(metric(fleet, "peak_traffic"), late).to_pandas()
    assert frame["ts"].min() == late.start
    assert frame["ts"].max() < late.end
    assert len(frame) == 60


def test_only_identity_labels_remain(fleet: Path) -> None:
    hour = Window.parse("2026-11-03T05")
    frame = Ask.table(metric(fleet, identity_labels=["job"]), hour).to_pandas()
    assert '{"job":"shop/cart"}' in set(frame["labels"])


def test_a_metric_or_a_day_that_is_not_there_gives_nothing(fleet: Path) -> None:
    assert Ask.rows(metric(fleet, "no_such"), DAYS) == []
    assert Ask.rows(metric(fleet), Window.parse("2025-01-01T00")) == []


@pytest.mark.parametrize("dataset", ["alert", "incident", "change_event"])
def test_records_come_by_the_time_of_their_update(fleet: Path, dataset: str) -> None:
    source = Ask.feed({"type": "fleet", "path": str(fleet)}, {"dataset": dataset})
    table = Ask.table(source, DAYS)
    assert table.schema.equals(DATASETS[dataset].schema)
    assert table.num_rows > 0
    halves = [Window(DAYS.start, DAYS.start.replace(hour=11)), Window(DAYS.start.replace(hour=11), DAYS.end)]
    assert sum(len(Ask.rows(source, half)) for half in halves) == table.num_rows


def test_a_missing_folder_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(SourceRejected, match="there is no folder"):
        Ask.rows(metric(tmp_path / "none"), DAYS)


def test_a_file_that_is_no_parquet_is_named(tmp_path: Path) -> None:
    (tmp_path / "metrics").mkdir()
    (tmp_path / "metrics" / "2026-11-03.parquet").write_bytes(b"PAR1 half a file")
    with pytest.raises(SourceAnswerInvalid, match=r"2026-11-03\.parquet is not as the simulator writes it"):
        Ask.rows(metric(tmp_path), DAYS)
