"""Log lines and spans in the warehouse: windows are replaced as a whole, counts are exact, names resolved later."""

from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa

from include.config.logs import LogRules
from include.datasets import LOG_EVENT, SPAN, Scope
from include.quality import Verdict
from include.quality.shape import Column
from include.warehouse import Load, LoadOutcome, LoadStatus, Warehouse, load_verdict
from include.warehouse.facts import MeaningMissingError
from include.warehouse.schema import log_event, log_summary, log_template, service_alias, source_column, span
from include.window import Window
from tests.warehouse.shop import CLOCK, HOUR, NEXT_HOUR, NOTHING, START, Judged

ROUTINE = 200
RULES = LogRules(routine_sample=0.1, rare_lines=2)


def lines(window: Window = HOUR, routine: int = ROUTINE) -> pa.Table:
    """Two failed payments, and many lines that say that an order was read."""
    rows: list[dict[str, Any]] = [
        {"ts": window.start + timedelta(seconds=at), "message": "payment 17 declined", "level": "error"}
        for at in (5, 6)
    ]
    rows += [
        {"ts": window.start + timedelta(seconds=10 * at), "message": f"read order {at}", "level": "info"}
        for at in range(routine)
    ]
    return pa.Table.from_pylist(
        [{**dict.fromkeys(LOG_EVENT.schema.names), "service": "shop/cart", **row} for row in rows],
        schema=LOG_EVENT.schema,
    )


def spans(*rows: dict[str, Any]) -> pa.Table:
    whole = {
        "ts": START,
        "trace_id": "t1",
        "service": "shop/cart",
        "operation": "GET /",
        "duration": 0.5,
        "error": False,
    }
    return pa.Table.from_pylist(
        [{**dict.fromkeys(SPAN.schema.names), **whole, "span_id": str(at), **row} for at, row in enumerate(rows)],
        schema=SPAN.schema,
    )


def load(warehouse: Warehouse, good: pa.Table, window: Window = HOUR, **more: Any) -> LoadOutcome:
    dataset = SPAN if good.schema.equals(SPAN.schema) else LOG_EVENT
    return load_verdict(
        warehouse,
        Scope("shop", dataset.name, "feed", window),
        Judged(good),  # type: ignore[arg-type]
        Load("l1", "run-1", allow_shrink=more.pop("allow_shrink", False)),
        resolve=lambda alias: alias.removeprefix("shop/"),
        clock=CLOCK,
        meaning=more.pop("meaning", RULES),
    )


def count(warehouse: Warehouse, *columns: Any) -> tuple[int, ...]:
    return tuple(warehouse.read(sa.select(*columns)).to_pylist()[0].values())


def test_every_line_is_counted_and_only_routine_ones_are_thinned_out(warehouse: Warehouse) -> None:
    outcome = load(warehouse, lines())
    assert (outcome.status, outcome.rows) == (LoadStatus.LOADED, ROUTINE + 2)
    total = count(warehouse, sa.func.sum(log_summary.c.lines), sa.func.sum(log_summary.c.kept))
    stored = warehouse.frame(sa.select(log_event).order_by(log_event.c.ts))
    assert total == (ROUTINE + 2, len(stored))
    kept = stored["log_class"].value_counts().to_dict()
    assert kept["CRITICAL"] == 2
    assert 5 <= kept["ROUTINE"] <= 40
    first = stored[stored["log_class"] == "CRITICAL"].iloc[0]
    assert (first["service"], first["service_alias"], first["level"]) == ("cart", "shop/cart", "ERROR")
    assert first["message"] == "payment 17 declined"
    texts = warehouse.frame(sa.select(log_template.c.template, log_template.c.first_seen))
    assert set(texts["template"]) == {"payment <*> declined", "read order <*>"}


def test_a_window_of_lines_loaded_twice_changes_nothing(warehouse: Warehouse) -> None:
    load(warehouse, lines())
    before = [warehouse.read(sa.select(table).order_by(*table.c)) for table in (log_event, log_summary, log_template)]
    again = load(warehouse, lines())
    assert (again.status, again.changed) == (LoadStatus.UNCHANGED, False)
    after = [warehouse.read(sa.select(table).order_by(*table.c)) for table in (log_event, log_summary, log_template)]
    assert before == after


def test_one_window_is_replaced_and_its_neighbour_stays(warehouse: Warehouse) -> None:
    load(warehouse, lines())
    load(warehouse, lines(NEXT_HOUR), NEXT_HOUR)
    outcome = load(warehouse, lines(routine=ROUTINE + 50))
    assert outcome.changed
    by_hour = sa.select(sa.func.sum(log_summary.c.lines)).where(log_summary.c.ts < HOUR.end)
    assert warehouse.read(by_hour).to_pylist()[0].popitem()[1] == ROUTINE + 52
    assert count(warehouse, sa.func.sum(log_summary.c.lines)) == (2 * ROUTINE + 54,)


def test_a_reread_that_lost_most_lines_is_refused(warehouse: Warehouse) -> None:
    load(warehouse, lines())
    poorer = load(warehouse, lines(routine=100))
    assert poorer.status is LoadStatus.REFUSED_SHRINK
    assert "this read has 102 rows and would replace 202" in (poorer.message or "")
    assert count(warehouse, sa.func.sum(log_summary.c.lines)) == (ROUTINE + 2,)
    allowed = load(warehouse, lines(routine=100), allow_shrink=True)
    assert (allowed.status, allowed.rows) == (LoadStatus.LOADED, 102)


def test_the_columns_of_a_feed_are_remembered_with_its_load(warehouse: Warehouse) -> None:
    learned = {"level": Column("text", 1.0), "attributes.status": Column("number", 0.5)}
    verdict = Verdict(lines(), NOTHING, [], None, learned)
    scope = Scope("shop", "log_event", "feed", HOUR)
    load_verdict(warehouse, scope, verdict, Load("l1", "run-1"), resolve=str, clock=CLOCK, meaning=RULES)
    known = warehouse.frame(sa.select(source_column).order_by(source_column.c.name))
    assert known[["name", "kind", "share"]].to_numpy().tolist() == [
        ["attributes.status", "number", 0.5],
        ["level", "text", 1.0],
    ]


def test_lines_without_the_rules_of_logs_are_an_error(warehouse: Warehouse) -> None:
    with pytest.raises(MeaningMissingError, match="Give `meaning`"):
        load(warehouse, lines(), meaning=None)


def test_spans_are_stored_as_they_came_with_their_service(warehouse: Warehouse) -> None:
    pair = spans({}, {"parent_id": "0", "kind": "client", "error": None, "operation": None})
    outcome = load(warehouse, pair)
    assert (outcome.status, outcome.rows) == (LoadStatus.LOADED, 2)
    first, second = warehouse.frame(sa.select(span).order_by(span.c.span_id)).to_dict("records")
    assert (first["service"], first["service_alias"], first["duration"]) == ("cart", "shop/cart", 0.5)
    assert (second["parent_id"], second["kind"], second["error"], second["operation"]) == ("0", "client", False, "")
    assert load(warehouse, pair).changed is False


def test_a_span_without_a_duration_keeps_none(warehouse: Warehouse) -> None:
    pair = spans({"duration": None}, {"duration": 0.0})
    assert load(warehouse, pair).rows == 2
    found = warehouse.read(sa.select(span.c.duration).order_by(span.c.span_id))["duration"].to_pylist()
    assert found == [None, 0.0]
    assert load(warehouse, pair).status is LoadStatus.UNCHANGED


def test_spans_of_many_days_are_all_there(warehouse: Warehouse) -> None:
    wide = Window(START - timedelta(days=3), START + timedelta(days=3))
    days: list[datetime] = [START + timedelta(days=day) for day in (2, -2, 0, 1, -1)]
    load(warehouse, spans(*({"ts": day} for day in days)), wide)
    assert warehouse.read(sa.select(span.c.ts).order_by(span.c.ts))["ts"].to_pylist() == sorted(days)


def test_names_of_services_are_remembered_and_can_be_resolved_later(warehouse: Warehouse) -> None:
    load(warehouse, lines())
    load(warehouse, spans({}))
    seen = warehouse.frame(sa.select(service_alias))
    assert seen[["source", "alias", "service"]].to_dict("records") == [
        {"source": "shop", "alias": "shop/cart", "service": "cart"}
    ]
    with warehouse.transaction() as tx:
        for table in (log_event, log_summary, span, service_alias):
            assert tx.resolve_again(table, "shop", {"shop/cart": "basket"}) > 0
    for table in (log_event, log_summary, span, service_alias):
        assert set(warehouse.read(sa.select(table.c.service))["service"].to_pylist()) == {"basket"}
