"""The history of incidents: what changed, whatever the order in which windows are read."""

from datetime import timedelta
from itertools import permutations
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from include.datasets import INCIDENT, INCIDENT_CHANGE, Dataset, Scope
from include.warehouse import Load, Warehouse, load_verdict
from include.warehouse.history import incident_history
from include.warehouse.schema import incident, incident_change
from include.window import Window
from tests.warehouse.shop import CLOCK, HOUR, START, Judged

DAY = Window(START, START + timedelta(days=1))
OPENED = {"status": "open", "severity": "P3", "updated_at": START}
WORSE = {"status": "open", "severity": "P1", "updated_at": START + timedelta(minutes=5)}
TAKEN = {"status": "acknowledged", "severity": "P1", "updated_at": START + timedelta(minutes=9)}
DONE = {"status": "resolved", "severity": "P1", "updated_at": START + timedelta(hours=3)}


def load(warehouse: Warehouse, dataset: Dataset, *rows: dict[str, Any], load_id: str = "l1", **more: Any) -> None:
    own = {"incident_id": "i1", "title": "Cart is slow", "service": "cart", "opened_at": START, "deleted": False}
    whole = [{name: {**own, **row}.get(name) for name in dataset.schema.names} for row in rows]
    load_verdict(
        warehouse,
        Scope("pager", dataset.name, "feed", HOUR),
        Judged(pa.Table.from_pylist(whole, schema=dataset.schema)),  # type: ignore[arg-type]
        Load(load_id, "run-1", **more),
        resolve=lambda alias: alias,
        clock=CLOCK,
    )


def history(warehouse: Warehouse) -> list[tuple[str, str | None, str]]:
    rows = incident_history(warehouse, "pager", "i1")
    return [(field, before, after) for field, before, after in rows[["field", "before", "after"]].to_numpy().tolist()]


def test_what_changed_is_told_whatever_the_order_of_the_windows(warehouse: Warehouse) -> None:
    for number, order in enumerate(permutations([OPENED, WORSE, TAKEN, DONE])):
        with warehouse.transaction() as tx:
            for table in (incident, incident_change):
                tx.expire(table, "updated_at", START + timedelta(days=9))
        for row in order:
            load(warehouse, INCIDENT, row, load_id=f"l{number}")
        assert sorted(history(warehouse), key=str) == sorted(
            [
                ("status", None, "open"),
                ("severity", None, "MEDIUM"),
                ("service", None, "cart"),
                ("severity", "MEDIUM", "CRITICAL"),
                ("status", "open", "acknowledged"),
                ("status", "acknowledged", "resolved"),
            ],
            key=str,
        )


def test_an_incident_read_again_adds_nothing(warehouse: Warehouse) -> None:
    load(warehouse, INCIDENT, OPENED)
    before = history(warehouse)
    load(warehouse, INCIDENT, OPENED, load_id="l2")
    assert history(warehouse) == before
    assert warehouse.read(sa.select(sa.func.count()).select_from(incident_change))[0][0].as_py() == 3


def test_what_the_source_tells_itself_stands_with_who_did_it(warehouse: Warehouse) -> None:
    load(warehouse, INCIDENT, OPENED, DONE)
    entry = {"change_id": "R1", "field": "status", "before": "open", "after": "acknowledged", "actor": "on call"}
    load(warehouse, INCIDENT_CHANGE, {**entry, "updated_at": START + timedelta(minutes=3)})
    rows = incident_history(warehouse, "pager", "i1")
    statuses = rows[rows["field"] == "status"]
    assert statuses["after"].to_list() == ["open", "acknowledged", "resolved"]
    assert statuses["actor"].to_list()[1] == "on call"


def test_a_provisional_record_becomes_final_with_the_windows_own_load(warehouse: Warehouse) -> None:
    load(warehouse, INCIDENT, OPENED, load_id="1", provisional=True)
    assert warehouse.read(sa.select(incident.c.provisional))["provisional"].to_pylist() == [True]
    load(warehouse, INCIDENT, OPENED, load_id="2")
    assert warehouse.read(sa.select(incident.c.provisional))["provisional"].to_pylist() == [False]
    load(warehouse, INCIDENT, OPENED, load_id="1", provisional=True)
    assert warehouse.read(sa.select(incident.c.provisional))["provisional"].to_pylist() == [False]
