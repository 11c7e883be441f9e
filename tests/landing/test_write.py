"""Landing: whole partitions or none, on real file systems."""

import errno
import os
import resource
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from include.clock import FixedClock
from include.datasets import ALERT, LABELS, METRIC_POINT, UTC_TIME, Scope, canonical_labels
from include.landing import LandingError, LandingFullError, land, landed_partitions, new_load_id, read_landed
from include.landing.write import ROW_GROUP, AlreadyLandedError, NotTheContractError
from include.window import Window

CLOCK = FixedClock(datetime(2026, 11, 5, 8, 5, tzinfo=UTC))
WINDOW = Window.parse("2026-11-05T07")
SCOPE = Scope("prometheus", "metric_point", "latency_p99", WINDOW)


def points(rows: int, job: str = "cart", seed: int = 0) -> pa.RecordBatch:
    times = np.datetime64("2026-11-05T07:00", "us") + np.arange(rows).astype("timedelta64[us]")
    return pa.RecordBatch.from_arrays(
        [
            pa.array(times).cast(UTC_TIME),
            pa.array([canonical_labels({"job": job})] * rows).cast(LABELS),
            pa.array(np.random.default_rng(seed).normal(size=rows)),
            pa.nulls(rows, pa.string()),
        ],
        schema=METRIC_POINT.schema,
    )


def files(store: Path) -> list[str]:
    return sorted(str(path.relative_to(store)) for path in store.rglob("*") if path.is_file())


def test_what_was_landed_is_read_back_row_by_row(tmp_path: Path) -> None:
    batches = [points(3, "cart"), points(2, "auth")]
    landed = land(str(tmp_path), SCOPE, batches, "load-1", CLOCK)
    table = read_landed(landed)
    assert table.to_pylist() == [row for batch in batches for row in batch.to_pylist()]
    assert table.schema == METRIC_POINT.schema
    assert landed.rows == 5
    assert files(tmp_path) == [
        "prometheus/metric_point/latency_p99/20261105T0700Z_20261105T0800Z/load-1.manifest.json",
        "prometheus/metric_point/latency_p99/20261105T0700Z_20261105T0800Z/load-1.parquet",
    ]
    assert landed_partitions(str(tmp_path)) == [landed]


def test_labels_of_many_batches_come_back_under_one_dictionary(tmp_path: Path) -> None:
    landed = land(str(tmp_path), SCOPE, (points(10, job) for job in ["cart", "auth", "cart"]), "load-1", CLOCK)
    labels = read_landed(landed).column("labels")
    assert {tuple(chunk.dictionary.to_pylist()) for chunk in labels.chunks} == {('{"job":"cart"}', '{"job":"auth"}')}


def test_an_empty_window_lands_with_no_rows(tmp_path: Path) -> None:
    landed = land(str(tmp_path), SCOPE, iter(()), "load-1", CLOCK)
    assert landed.rows == 0
    assert read_landed(landed) == METRIC_POINT.empty()


def test_records_land_like_facts(tmp_path: Path) -> None:
    scope = Scope("alertmanager", "alert", "alerts", WINDOW)
    row = dict.fromkeys(ALERT.schema.names, "x") | {"deleted": False}
    row |= dict.fromkeys(("starts_at", "ends_at", "updated_at"), CLOCK.at)
    batch = pa.RecordBatch.from_pylist([row], schema=ALERT.schema)
    assert read_landed(land(str(tmp_path), scope, [batch], "load-1", CLOCK)).to_pylist() == [row]


def test_many_small_batches_make_few_row_groups(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    landed = land(str(tmp_path), SCOPE, (points(10_000, seed=i) for i in range(120)), "load-1", CLOCK)
    assert landed.rows == 1_200_000
    assert pq.ParquetFile(landed.path).num_row_groups == 2


def test_memory_stays_flat_however_much_a_window_holds(tmp_path: Path) -> None:
    held = []

    def watched() -> Iterator[pa.RecordBatch]:
        for seed in range(24):
            yield points(250_000, seed=seed)
            held.append(pa.total_allocated_bytes())

    before = pa.total_allocated_bytes()
    landed = land(str(tmp_path), SCOPE, watched(), "load-1", CLOCK)
    assert landed.rows == 6_000_000
    assert max(held) - before < 4 * ROW_GROUP * 24


def test_a_store_in_memory_works_like_a_folder() -> None:
    store = f"memory://landing-{new_load_id(CLOCK)}"
    landed = land(store, SCOPE, [points(4)], "load-1", CLOCK)
    assert read_landed(landed).num_rows == 4
    assert landed_partitions(store) == [landed]


def test_a_partition_is_never_rewritten(tmp_path: Path) -> None:
    landed = land(str(tmp_path), SCOPE, [points(4)], "load-1", CLOCK)
    with pytest.raises(AlreadyLandedError, match="Take a new load id"):
        land(str(tmp_path), SCOPE, [points(5)], "load-1", CLOCK)
    assert read_landed(landed).num_rows == 4


def test_a_source_that_breaks_off_leaves_nothing_behind(tmp_path: Path) -> None:
    def broken() -> Iterator[pa.RecordBatch]:
        yield points(ROW_GROUP)
        raise ConnectionResetError(errno.ECONNRESET, "peer went away")

    with pytest.raises(ConnectionResetError, match="peer went away"):
        land(str(tmp_path), SCOPE, broken(), "load-1", CLOCK)
    assert files(tmp_path) == []


def test_a_task_killed_while_it_lands_shows_no_partition(tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:

        def killed() -> Iterator[pa.RecordBatch]:
            yield points(ROW_GROUP)
            os.kill(os.getpid(), 9)

        land(str(tmp_path), SCOPE, killed(), "load-1", CLOCK)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -9
    assert landed_partitions(str(tmp_path)) == []
    assert land(str(tmp_path), SCOPE, [points(3)], "load-1", CLOCK).rows == 3


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 256 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)], check=False, capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"this user may not mount a file system: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_disk_full_in_landing_says_so_and_leaves_nothing_behind(small_disk: Path) -> None:
    with pytest.raises(LandingFullError) as raised:
        land(str(small_disk), SCOPE, [points(200_000)], "load-1", CLOCK)
    assert str(raised.value) == (
        f"No room in {small_disk} to land prometheus/latency_p99 (metric_point)"
        " 2026-11-05T07:00:00Z/2026-11-05T08:00:00Z: No space left on device. Nothing of it was kept. Free space there,"
        " or point ALMANAC_LANDING_URL at another"
        " store, and run the window again."
    )
    assert files(small_disk) == []
    assert land(str(small_disk), SCOPE, [points(100)], "load-1", CLOCK).rows == 100


def test_a_file_size_limit_is_a_full_disk(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(LandingFullError, match="No room in"):
            land(str(tmp_path), SCOPE, [points(200_000)], "load-1", CLOCK)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert files(tmp_path) == []


def test_a_store_that_is_a_file_is_named_in_the_error(tmp_path: Path) -> None:
    store = tmp_path / "store"
    store.write_text("not a folder")
    with pytest.raises(LandingError, match="Check that the store is there"):
        land(str(store), SCOPE, [points(1)], "load-1", CLOCK)


def test_batches_with_other_columns_are_refused(tmp_path: Path) -> None:
    batch = pa.RecordBatch.from_pydict({"ts": [1], "value": [2.0]})
    with pytest.raises(NotTheContractError, match="the source yields ts int64, value double, but metric_point is"):
        land(str(tmp_path), SCOPE, [batch], "load-1", CLOCK)
    assert files(tmp_path) == []


def test_load_ids_sort_by_the_time_at_which_they_were_made() -> None:
    early, late = (new_load_id(FixedClock(datetime(2026, 11, 5, 8, minute, tzinfo=UTC))) for minute in (5, 6))
    assert early < late
    assert new_load_id(CLOCK) != new_load_id(CLOCK)
