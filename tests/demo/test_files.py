import hashlib
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from include.datasets import ALERT, CHANGE_EVENT, INCIDENT, METRIC_POINT, canonical_labels
from include.demo.files import METRICS, RECORDS, write_day
from include.demo.measure import measure
from include.demo.state import State
from include.demo.world import day_of

NOW = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
TODAY = day_of(NOW)
ALL = ("metrics", *RECORDS, "logs", "traces")


def state(seed: int = 7, anchor: datetime = NOW) -> State:
    return State(seed, anchor, TODAY - 2)


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*.parquet"))
    }


def written(folder: Path, until: datetime = NOW, seed: int = 7, days: tuple[int, ...] = (TODAY - 1, TODAY)) -> Path:
    for day in days:
        write_day(folder, state(seed), day, until, ALL)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("fleet"))


def test_the_same_seed_writes_the_same_bytes_in_any_order_of_days(folder: Path, tmp_path: Path) -> None:
    measure.cache_clear()
    assert digests(written(tmp_path, days=(TODAY, TODAY - 1))) == digests(folder)


def test_another_seed_writes_something_else(folder: Path, tmp_path: Path) -> None:
    other = digests(written(tmp_path, seed=8))
    assert other.keys() == digests(folder).keys()
    for name, digest in digests(folder).items():
        if name.startswith(("metrics", "logs", "traces")):
            assert other[name] != digest, name


def test_extending_leaves_the_past_untouched(folder: Path, tmp_path: Path) -> None:
    before = digests(written(tmp_path))
    morning = pq.read_table(tmp_path / "metrics" / "2026-11-21.parquet")
    written(tmp_path, NOW + timedelta(days=1), days=(TODAY - 1, TODAY, TODAY + 1))
    after = digests(tmp_path)
    assert {name for name in after if after[name] == before.get(name)} == {n for n in before if "2026-11-20" in n}
    longer = pq.read_table(tmp_path / "metrics" / "2026-11-21.parquet")
    assert longer.filter(pc.less(longer["ts"], pa.scalar(NOW))).equals(morning)


def test_a_full_day_is_not_written_again(folder: Path) -> None:
    path = folder / "metrics" / "2026-11-20.parquet"
    before = path.stat().st_mtime_ns
    written(folder)
    assert path.stat().st_mtime_ns == before


def test_metrics_are_sorted_in_one_row_group_per_metric_and_know_nothing_of_the_future(folder: Path) -> None:
    path = folder / "metrics" / "2026-11-21.parquet"
    table = pq.read_table(path)
    assert table.schema.equals(METRICS)
    assert all(
        table.schema.field(name).type == METRIC_POINT.schema.field(name).type for name in ("ts", "labels", "value")
    )
    frame = table.to_pandas().astype({"metric": str, "labels": str})
    assert frame.equals(frame.sort_values(["metric", "labels", "ts"], kind="stable").reset_index(drop=True))
    assert not frame.duplicated(["metric", "labels", "ts"]).any()
    assert frame["ts"].max() == datetime(2026, 11, 21, 5, 59, tzinfo=UTC)
    assert pq.read_metadata(path).num_row_groups == frame["metric"].nunique() == 20
    assert canonical_labels({"job": "shop/cart", "instance": "cart-0"}) in set(frame["labels"])


def test_values_are_sane(folder: Path) -> None:
    frame = pq.read_table(folder / "metrics" / "2026-11-20.parquet").to_pandas().astype({"metric": str, "labels": str})
    wide = frame.pivot_table(index=["labels", "ts"], columns="metric", values="value")
    assert np.isfinite(frame["value"]).all()
    assert (frame["value"] >= 0).all()
    assert (wide["errors"] <= wide["requests"]).all()
    for ratio in ("error_rate", "cpu_utilisation", "cache_hit_ratio", "peak_traffic"):
        assert wide[ratio].max() <= 1
    assert (wide["memory_bytes"] <= wide["memory_limit_bytes"]).all()
    disks = wide.dropna(subset=["disk_used_bytes"])
    assert (disks["disk_used_bytes"] <= disks["disk_size_bytes"]).all()
    assert (wide["latency_p50"] <= wide["latency_p99"]).all()


def test_some_points_were_never_scraped(folder: Path) -> None:
    rows = pq.read_table(folder / "metrics" / "2026-11-20.parquet", columns=["metric"])
    found = pc.sum(pc.equal(rows["metric"].cast(pa.string()), "requests")).as_py()
    assert 0.98 * 18 * 1440 < found < 18 * 1440


def test_records_keep_their_contract_without_raw(folder: Path) -> None:
    for name, dataset in (("alerts", ALERT), ("incidents", INCIDENT), ("changes", CHANGE_EVENT)):
        table = pq.read_table(folder / name / "2026-11-20.parquet")
        assert table.schema.names == [field.name for field in dataset.schema if field.name != "raw"]
        updated = table["updated_at"].to_pandas()
        assert updated.is_monotonic_increasing
        assert (updated.dt.strftime("%Y-%m-%d") == "2026-11-20").all()


def test_logs_and_traces_belong_together(folder: Path) -> None:
    logs = pq.read_table(folder / "logs" / "2026-11-20.parquet").to_pandas()
    spans = pq.read_table(folder / "traces" / "2026-11-20.parquet").to_pandas()
    assert 20_000 < len(logs) < 53_000
    assert set(logs["trace_id"].dropna()) <= set(spans["trace_id"])
    assert {"DEBUG", "INFO", "WARN", "ERROR"} >= set(logs["level"])
    assert spans["span_id"].is_unique
    children = spans.dropna(subset=["parent_id"])
    parents = children.merge(spans, left_on="parent_id", right_on="span_id", suffixes=("", "_parent"))
    assert len(parents) == len(children)
    assert (parents["trace_id"] == parents["trace_id_parent"]).all()
    assert (parents["ts"] >= parents["ts_parent"] - timedelta(milliseconds=1)).all()
    ends = parents["ts"] + parents["duration"].map(lambda seconds: timedelta(seconds=seconds))
    ends_parent = parents["ts_parent"] + parents["duration_parent"].map(lambda seconds: timedelta(seconds=seconds))
    assert (ends <= ends_parent + timedelta(milliseconds=1)).all()


def test_four_days_of_everything_take_seconds(tmp_path: Path) -> None:
    began = time.monotonic()
    written(tmp_path, seed=11, days=tuple(range(TODAY - 4, TODAY)))
    seconds = time.monotonic() - began
    print(f"4 days with logs and traces in {seconds:.1f} s")
    assert seconds < 4 / 28 * 60 * 2, "28 days must take less than 60 s on an idle machine"
