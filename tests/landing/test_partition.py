"""Landed partitions: found, checked, copied, removed."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from include.clock import FixedClock
from include.datasets import METRIC_POINT, Scope
from include.landing import LandingDamagedError, land, landed_partitions, read_landed, remove_landed
from include.window import Window

CLOCK = FixedClock(datetime(2026, 11, 5, 8, 5, tzinfo=UTC))
SEVEN, EIGHT = Window.parse("2026-11-05T07"), Window.parse("2026-11-05T08")


def scope(query: str = "latency_p99", window: Window = SEVEN, source: str = "prometheus") -> Scope:
    return Scope(source, "metric_point", query, window)


def test_the_newest_load_of_each_scope_is_listed_first_window_first(tmp_path: Path) -> None:
    store = str(tmp_path)
    late = land(store, scope(window=EIGHT), [], "1", CLOCK)
    land(store, scope(), [], "1", CLOCK)
    newest = land(store, scope(), [], "2", CLOCK)
    assert landed_partitions(store) == [newest, late]
    assert [one.load_id for one in landed_partitions(store, newest=False)] == ["1", "2", "1"]


def test_the_list_can_be_narrowed_to_source_query_and_window(tmp_path: Path) -> None:
    store = str(tmp_path)
    wanted = land(store, scope("a/b"), [], "1", CLOCK)
    land(store, scope("a/b", EIGHT), [], "1", CLOCK)
    land(store, scope("c"), [], "1", CLOCK)
    land(store, scope("a/b", source="files"), [], "1", CLOCK)
    found = landed_partitions(store, source="prometheus", dataset="metric_point", query="a/b", window=SEVEN)
    assert found == [wanted]


def test_a_store_without_partitions_lists_none(tmp_path: Path) -> None:
    assert landed_partitions(str(tmp_path / "none")) == []
    assert landed_partitions(str(tmp_path / "none"), source="prometheus", dataset="alert", query="x") == []


def test_a_changed_file_is_refused_with_what_to_do(tmp_path: Path) -> None:
    landed = land(str(tmp_path), scope(), [], "1", CLOCK)
    with Path(landed.path).open("r+b") as file:
        file.seek(10)
        file.write(b"\x00\x01")
    with pytest.raises(LandingDamagedError) as raised:
        read_landed(landed)
    assert "is not what was landed: its sha256 is" in str(raised.value)
    assert "Restore the file from a copy, or remove it with its manifest and read prometheus/latency_p99" in str(
        raised.value
    )


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    landed = land(str(tmp_path), scope(), [], "1", CLOCK)
    Path(landed.path).unlink()
    with pytest.raises(LandingDamagedError, match=r"1\.parquet is gone, though its manifest is there"):
        read_landed(landed)


def test_an_unreadable_manifest_is_named(tmp_path: Path) -> None:
    landed = land(str(tmp_path), scope(), [], "1", CLOCK)
    Path(landed.path).with_name("1.manifest.json").write_text('{"source": ')
    with pytest.raises(LandingDamagedError, match=r"1\.manifest\.json cannot be read"):
        landed_partitions(str(tmp_path))


def test_the_manifest_says_rows_schema_checksum_window_and_time(tmp_path: Path) -> None:
    landed = land(str(tmp_path), scope(), [], "1", CLOCK)
    assert json.loads(Path(landed.path).with_name("1.manifest.json").read_text()) == {
        "source": "prometheus",
        "dataset": "metric_point",
        "query": "latency_p99",
        "window": "2026-11-05T07:00:00Z/2026-11-05T08:00:00Z",
        "load_id": "1",
        "rows": 0,
        "schema_hash": landed.schema_hash,
        "sha256": landed.checksum,
        "created": "2026-11-05T08:05:00+00:00",
    }


def test_a_store_may_be_copied_elsewhere_and_read_there(tmp_path: Path) -> None:
    land(str(tmp_path / "old"), scope(), [], "1", CLOCK)
    (tmp_path / "old").rename(tmp_path / "new")
    (found,) = landed_partitions(str(tmp_path / "new"))
    assert read_landed(found) == METRIC_POINT.empty()


def test_a_removed_partition_is_gone_with_its_manifest(tmp_path: Path) -> None:
    landed = land(str(tmp_path), scope(), [], "1", CLOCK)
    remove_landed(landed)
    assert landed_partitions(str(tmp_path)) == []
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    remove_landed(landed)
