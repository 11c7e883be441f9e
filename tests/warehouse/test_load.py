import signal
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path

import pyarrow as pa
import pytest
import sqlalchemy as sa

from include.datasets import ALERT, Scope, canonical_labels
from include.warehouse import Load, LoadStatus, Meaning, Warehouse, load_verdict
from include.warehouse.facts import MeaningMissingError
from include.warehouse.load import content_hash
from include.warehouse.schema import alert, load_log, metric_point, quality_result, quarantine_row, series
from include.window import Window, stable_hash
from tests.warehouse.shop import CLOCK, HOUR, NEXT_HOUR, START, Judged, load, minutes, quarantined, scope

POINTS = sa.select(metric_point).order_by(metric_point.c.series_id, metric_point.c.ts)
ROOT = Path(__file__).parents[2]


def statuses(warehouse: Warehouse) -> list[str]:
    return warehouse.read(sa.select(load_log.c.status).order_by(load_log.c.load_id))["status"].to_pylist()


def test_a_window_loaded_twice_holds_each_point_once(warehouse: Warehouse) -> None:
    first = load(warehouse, minutes(), load_id="l1")
    before = warehouse.read(POINTS)
    second = load(warehouse, minutes(), load_id="l2")
    assert before.num_rows == 120
    assert warehouse.read(POINTS) == before
    assert (first.status, first.changed, first.rows) == (LoadStatus.LOADED, True, 120)
    assert (second.status, second.changed, second.rows) == (LoadStatus.UNCHANGED, False, 120)
    assert first.content_hash == second.content_hash
    assert statuses(warehouse) == ["loaded", "unchanged"]


def test_series_have_the_identity_of_their_labels_and_the_service_of_their_alias(warehouse: Warehouse) -> None:
    load(warehouse, minutes(jobs=("cart",)))
    row = warehouse.frame(sa.select(series)).iloc[0]
    assert row["series_id"] == stable_hash("shop", "latency_p95", '{"job":"cart"}')
    assert (row["service"], row["service_alias"], row["labels"]) == ("CART", "cart", '{"job":"cart"}')
    assert (row["kind"], row["unit"], row["step_seconds"]) == ("latency", "seconds", 60)
    assert row["first_seen"] == START
    assert row["last_seen"] == START + timedelta(minutes=59)


def test_windows_in_any_order_give_the_same_rows(warehouse: Warehouse) -> None:
    windows = [HOUR, NEXT_HOUR, HOUR.shifted(timedelta(days=1))]
    seen = []
    for number, order in enumerate(permutations(windows)):
        query = f"q{number}"
        for window in order:
            load(warehouse, minutes(window), window, query=query)
        mine = sa.select(series.c.series_id).where(series.c.query == query)
        rows = warehouse.frame(POINTS.where(metric_point.c.series_id.in_(mine)))
        dimension = warehouse.frame(sa.select(series.c.first_seen, series.c.last_seen).where(series.c.query == query))
        seen.append((sorted(zip(rows["ts"], rows["value"], strict=True)), sorted(map(tuple, dimension.to_numpy()))))
    assert len(seen[0][0]) == 360
    assert all(one == seen[0] for one in seen)


def test_late_points_change_the_window_and_only_it(warehouse: Warehouse) -> None:
    load(warehouse, minutes().slice(0, 110))
    load(warehouse, minutes(NEXT_HOUR), NEXT_HOUR)
    late = load(warehouse, minutes())
    again = load(warehouse, minutes(NEXT_HOUR), NEXT_HOUR)
    assert (late.status, late.changed) == (LoadStatus.LOADED, True)
    assert again.changed is False
    assert warehouse.read(POINTS).num_rows == 240


def test_an_hour_inside_a_wide_load_is_unchanged_when_it_holds_the_same(warehouse: Warehouse) -> None:
    wide = Window(HOUR.start, NEXT_HOUR.end)
    load(warehouse, minutes(wide, jobs=("cart",)), wide)
    outcome = load(warehouse, minutes(HOUR, jobs=("cart",)), HOUR)
    assert outcome.status is LoadStatus.UNCHANGED
    assert warehouse.read(POINTS).num_rows == 120


@pytest.mark.parametrize("rows", [0, 107])
def test_a_poorer_read_is_refused_and_writes_nothing(warehouse: Warehouse, rows: int) -> None:
    load(warehouse, minutes(), load_id="l1", quarantined=quarantined(("finite", "NaN")))
    before = warehouse.read(POINTS)
    outcome = load(warehouse, minutes().slice(0, rows), load_id="l2")
    assert outcome.status is LoadStatus.REFUSED_SHRINK
    assert outcome.changed is False
    assert f"{rows} rows and would replace 120" in (outcome.message or "")
    assert warehouse.read(POINTS) == before
    assert warehouse.read(sa.select(quarantine_row)).num_rows == 1
    assert statuses(warehouse) == ["loaded", "refused_shrink"]
    kept = warehouse.frame(sa.select(quality_result))
    assert list(kept["rule"]) == ["history_is_kept"]
    assert kept["observed"][0] == pytest.approx(rows / 120)


def test_a_read_of_nine_tenths_is_accepted_and_less_where_it_is_allowed(warehouse: Warehouse) -> None:
    load(warehouse, minutes())
    assert load(warehouse, minutes().slice(0, 108)).status is LoadStatus.LOADED
    assert load(warehouse, minutes().slice(0, 10), allow_shrink=True).status is LoadStatus.LOADED
    assert load(warehouse, minutes().slice(0, 0), allow_shrink=True).rows == 0
    assert warehouse.read(POINTS).num_rows == 0


def test_a_stopped_batch_loads_nothing_and_says_why(warehouse: Warehouse) -> None:
    load(warehouse, minutes(), load_id="l1")
    outcome = load(warehouse, minutes(offset=9.0), load_id="l2", stop="rule finite failed for 60 of 120 rows")
    assert (outcome.status, outcome.message) == (LoadStatus.FAILED, "rule finite failed for 60 of 120 rows")
    assert warehouse.read(POINTS)["value"].to_numpy().max() == 119.0
    assert statuses(warehouse) == ["loaded", "failed"]


def test_quarantined_rows_of_a_scope_are_replaced_with_it(warehouse: Warehouse) -> None:
    load(warehouse, minutes(), quarantined=quarantined(("finite", "NaN"), ("finite", 'a\0b, "c"\n\\.')))
    load(warehouse, minutes(NEXT_HOUR), NEXT_HOUR, quarantined=quarantined(("type", "x")))
    raw = sa.select(quarantine_row.c.raw).order_by(quarantine_row.c.raw)
    assert warehouse.read(raw)["raw"].to_pylist() == ["NaN", 'a\ufffdb, "c"\n\\.', "x"]
    load(warehouse, minutes(offset=1.0), quarantined=quarantined(("range", "-1")))
    assert warehouse.read(raw)["raw"].to_pylist() == ["-1", "x"]


@dataclass
class Result:
    rule: str = "finite"
    level: str = "row"
    success: bool = False
    observed: float | None = None
    expected: str | None = "no NaN"
    failed_rows: int = 3
    message: str | None = None


def test_every_rule_that_was_judged_is_in_the_ledger(warehouse: Warehouse) -> None:
    load(warehouse, minutes(), results=[Result(), Result("completeness", "batch", True, 0.99, ">= 0.9", 0, "fine")])
    rows = warehouse.frame(sa.select(quality_result).order_by(quality_result.c.rule))
    assert list(rows["rule"]) == ["completeness", "finite"]
    assert list(rows["success"]) == [True, False]
    assert list(rows["failed_rows"]) == [0, 3]
    assert rows["observed"][0] == 0.99


def test_points_that_only_an_attribute_tells_apart_go_to_quarantine(warehouse: Warehouse) -> None:
    good = minutes(jobs=("cart",)).slice(0, 2)
    labels = [canonical_labels({"job": "cart", "pod": pod}) for pod in ("a", "b")]
    good = pa.concat_tables([good.set_column(1, "labels", pa.array([text] * 2).dictionary_encode()) for text in labels])
    outcome = load_verdict(
        warehouse,
        scope(),
        Judged(good),
        Load("l1", "run-1"),
        resolve=str,
        clock=CLOCK,
        meaning=Meaning("latency", "seconds", 60, "job", ("job",)),
    )
    assert (outcome.rows, outcome.quarantined) == (2, 2)
    row = warehouse.frame(sa.select(quarantine_row).order_by(quarantine_row.c.raw)).iloc[0]
    assert row["rule"] == "series_identity_is_unique"
    assert row["raw"] == '2026-11-05T07:00:00.000000Z {"job":"cart","pod":"b"} 0'
    assert warehouse.read(sa.select(series)).num_rows == 1


def test_points_without_a_meaning_are_an_error(warehouse: Warehouse) -> None:
    with pytest.raises(MeaningMissingError, match="Give `meaning`"):
        load_verdict(warehouse, scope(), Judged(minutes()), Load("l", "r"), resolve=str, clock=CLOCK)


def alerts(*rows: tuple[str, str, int, bool]) -> pa.Table:
    """Return alerts of (id, status, updated minutes after start, deleted)."""
    return pa.Table.from_pylist(
        [
            {
                "alert_id": alert_id,
                "fingerprint": "f",
                "name": "HighLatency",
                "service": "Shop: Cart",
                "severity": "warning",
                "status": status,
                "starts_at": START,
                "updated_at": START + timedelta(minutes=updated),
                "deleted": deleted,
            }
            for alert_id, status, updated, deleted in rows
        ],
        schema=ALERT.schema,
    )


def load_alerts(warehouse: Warehouse, rows: pa.Table, load_id: str) -> bool:
    where = Scope("shop", "alert", "alerts", HOUR)
    return load_verdict(
        warehouse, where, Judged(rows), Load(load_id, "run-1"), resolve=lambda _: "cart", clock=CLOCK
    ).changed


def test_the_newest_version_of_a_record_wins_in_any_order(warehouse: Warehouse) -> None:
    assert load_alerts(warehouse, alerts(("a", "resolved", 9, False), ("b", "firing", 1, False)), "l1")
    assert not load_alerts(warehouse, alerts(("a", "firing", 3, False)), "l2")
    assert load_alerts(warehouse, alerts(("b", "firing", 1, False), ("b", "suppressed", 2, False)), "l3")
    assert not load_alerts(warehouse, alerts(("b", "suppressed", 2, False)), "l4")
    rows = warehouse.frame(sa.select(alert).order_by(alert.c.alert_id))
    assert list(rows["status"]) == ["resolved", "suppressed"]
    assert list(rows["load_id"]) == ["l1", "l3"]
    assert list(rows["service"]) == ["cart", "cart"]
    assert list(rows["service_alias"]) == ["Shop: Cart", "Shop: Cart"]


def test_of_two_versions_with_one_time_the_later_load_wins(warehouse: Warehouse) -> None:
    load_alerts(warehouse, alerts(("a", "resolved", 1, False)), "l2")
    load_alerts(warehouse, alerts(("a", "firing", 1, False)), "l1")
    assert warehouse.read(sa.select(alert.c.status))["status"].to_pylist() == ["resolved"]
    load_alerts(warehouse, alerts(("a", "firing", 1, False)), "l3")
    assert warehouse.read(sa.select(alert.c.status))["status"].to_pylist() == ["firing"]


def test_a_record_deleted_upstream_stays_as_a_tombstone(warehouse: Warehouse) -> None:
    load_alerts(warehouse, alerts(("a", "firing", 1, False)), "l1")
    assert load_alerts(warehouse, alerts(("a", "firing", 2, True)), "l2")
    assert not load_alerts(warehouse, alerts(("a", "firing", 1, False)), "l3")
    assert warehouse.read(sa.select(alert.c.deleted))["deleted"].to_pylist() == [True]


def test_the_content_hash_ignores_the_order_of_rows_and_nothing_else() -> None:
    rows = pa.table({"series_id": [1, 2], "value": [0.5, None], "text": ["a", "ä"]})
    assert content_hash(rows) == content_hash(rows.take([1, 0]))
    assert content_hash(rows) != content_hash(rows.slice(0, 1))
    assert content_hash(rows) != content_hash(rows.set_column(1, "value", pa.array([0.5, 0.5])))
    assert content_hash(rows) == "2-" + content_hash(rows).split("-")[1]


KILLED = """
import os, sys, signal
from tests.warehouse.shop import *
from include.warehouse import write, transfer
insert = transfer.insert
def die_at_the_insert(connection, table, rows):
    if table.name == "metric_point":
        os.kill(os.getpid(), signal.SIGKILL)
    return insert(connection, table, rows)
transfer.insert = die_at_the_insert
load(Warehouse(sys.argv[1]), minutes(offset=1000.0), load_id="l2")
"""

LOADS = """
import sys
from tests.warehouse.shop import *
for number in range(int(sys.argv[3])):
    load_id = f"{sys.argv[2]}-{number}"
    load(Warehouse(sys.argv[1], 60), minutes(offset=float(number)), load_id=load_id, query=sys.argv[4])
"""


def start(script: str, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", script, *arguments], cwd=ROOT, stderr=subprocess.PIPE)


def test_a_task_killed_between_delete_and_insert_loses_nothing(warehouse: Warehouse, warehouse_url: str) -> None:
    load(warehouse, minutes(), load_id="l1")
    before = warehouse.read(POINTS)
    with start(KILLED, warehouse_url) as task:
        task.wait(60)
    assert task.returncode == -signal.SIGKILL
    assert warehouse.read(POINTS) == before
    assert statuses(warehouse) == ["loaded"]
    assert load(warehouse, minutes(offset=1000.0), load_id="l2").status is LoadStatus.LOADED


def test_two_runs_of_one_window_at_once_leave_each_point_once(warehouse: Warehouse, warehouse_url: str) -> None:
    tasks = [start(LOADS, warehouse_url, name, "5", "latency_p95") for name in ("a", "b")]
    errors = [task.communicate(timeout=120)[1].decode() for task in tasks]
    assert [task.returncode for task in tasks] == [0, 0], errors
    rows = warehouse.frame(POINTS)
    assert len(rows) == 120
    assert not rows.duplicated(["series_id", "ts"]).any()
    assert rows["value"].max() - rows["value"].min() == 119.0  # all from one load, no mixture
    assert len(statuses(warehouse)) == 10


def test_eight_writers_at_once_all_get_through(warehouse: Warehouse, warehouse_url: str) -> None:
    tasks = [start(LOADS, warehouse_url, str(number), "3", f"q{number}") for number in range(8)]
    errors = [task.communicate(timeout=200)[1].decode() for task in tasks]
    assert [task.returncode for task in tasks] == [0] * 8, errors
    assert warehouse.read(POINTS).num_rows == 8 * 120
    assert statuses(warehouse) == ["loaded"] * 24


def test_the_ledger_of_loads_tells_the_whole_load(warehouse: Warehouse) -> None:
    load(warehouse, minutes(), quarantined=quarantined(("finite", "NaN")))
    entry = warehouse.read(sa.select(load_log)).to_pylist()[0]
    entry.pop("content_hash")
    at = datetime(2026, 11, 5, 12, tzinfo=UTC)
    assert entry == {
        "load_id": "l1",
        "source": "shop",
        "dataset": "metric_point",
        "query": "latency_p95",
        "window_start": HOUR.start,
        "window_end": HOUR.end,
        "status": "loaded",
        "rows_read": 121,
        "rows_loaded": 120,
        "rows_quarantined": 1,
        "rows_before": 0,
        "expected_rows": 120,
        "landed_at_path": None,
        "message": None,
        "started_at": at,
        "finished_at": at,
        "run_id": "run-1",
    }


def test_a_row_that_a_wider_load_set_apart_is_not_kept_twice(warehouse: Warehouse) -> None:
    wide = Window(HOUR.start, NEXT_HOUR.end)
    load(warehouse, minutes(wide), wide, quarantined=quarantined(("finite", "07:10 NaN"), ("finite", "08:10 NaN")))
    load(warehouse, minutes(NEXT_HOUR), NEXT_HOUR, quarantined=quarantined(("finite", "08:10 NaN")))
    kept = warehouse.frame(sa.select(quarantine_row).order_by(quarantine_row.c.raw))
    assert kept["raw"].tolist() == ["07:10 NaN", "08:10 NaN"]
    assert kept["window_start"].tolist() == [HOUR.start, NEXT_HOUR.start]
