"""Texts that a database, its COPY or an index may choke on: each comes back as it went in, on both engines."""

import json
from random import Random
from string import ascii_letters
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa

from include.datasets import LOG_EVENT, Scope
from include.quality import judge
from include.quality.expectation import Expectation
from include.warehouse import Load, LoadOutcome, LoadStatus, Warehouse, load_verdict, postgres
from include.warehouse.schema import log_event, service_alias, source_column
from tests.warehouse.shop import CLOCK, HOUR, START
from tests.warehouse.test_load_logs_and_spans import RULES

LONG = "".join(Random(1).choices(ascii_letters, k=20_000))
"""A word that no index of PostgreSQL takes, for it does not compress."""


def lines(*rows: dict[str, Any]) -> pa.Table:
    usual = {**dict.fromkeys(LOG_EVENT.schema.names), "ts": START, "service": "cart", "level": "error"}
    return pa.Table.from_pylist([{**usual, **row} for row in rows], schema=LOG_EVENT.schema)


def judged_and_loaded(warehouse: Warehouse, table: pa.Table) -> LoadOutcome:
    scope = Scope("shop", "log_event", "feed", HOUR)
    verdict = judge(scope, table, Expectation(as_of=HOUR.end))
    return load_verdict(warehouse, scope, verdict, Load("l1", "run-1"), resolve=str, clock=CLOCK, meaning=RULES)


def test_ten_megabytes_quotes_line_ends_backslashes_and_nul_come_back(warehouse: Warehouse) -> None:
    texts = ["\\.", "a\n\\.\nb", "\\N", "\r", 'say "no"', "a,b;c", "a\0b", " ", 'x"\n\\,' * 2_000_000]
    table = lines(*({"message": text} for text in texts))
    assert judged_and_loaded(warehouse, table).rows == len(texts)
    stored = warehouse.read(sa.select(log_event.c.message))["message"].to_pylist()
    assert sorted(stored) == sorted(text.replace("\0", "\ufffd") for text in texts)
    assert judged_and_loaded(warehouse, table).status is LoadStatus.UNCHANGED


def test_an_empty_text_is_not_a_missing_one(warehouse: Warehouse) -> None:
    judged_and_loaded(warehouse, lines({"message": "m", "host": "", "logger": None}))
    (found,) = warehouse.read(sa.select(log_event.c.host, log_event.c.logger)).to_pylist()
    assert found == {"host": "", "logger": None}


def test_keys_of_attributes_with_nul_and_halves_of_a_character_are_loaded_and_remembered(warehouse: Warehouse) -> None:
    table = lines({"message": "m", "attributes": '{"\\ud800":"1","a\\u0000":"2","b":"\\ud801"}'})
    assert judged_and_loaded(warehouse, table).rows == 1
    names = warehouse.read(sa.select(source_column.c.name))["name"].to_pylist()
    assert {"attributes.\ufffd", "attributes.a\ufffd", "attributes.b"} <= set(names)


def test_a_key_of_many_kilobytes_is_loaded_and_remembered_by_its_beginning(warehouse: Warehouse) -> None:
    table = lines({"message": "m", "attributes": json.dumps({LONG: "1"})})
    assert judged_and_loaded(warehouse, table).rows == 1
    names = warehouse.read(sa.select(source_column.c.name))["name"].to_pylist()
    assert [name for name in names if name.startswith("attributes.")] == [f"attributes.{LONG[:200]}"]


def test_a_service_name_of_many_kilobytes_is_loaded_and_not_remembered_as_a_name(warehouse: Warehouse) -> None:
    assert judged_and_loaded(warehouse, lines({"message": "m", "service": LONG}, {"message": "n"})).rows == 2
    assert set(warehouse.read(sa.select(log_event.c.service_alias))["service_alias"].to_pylist()) == {LONG, "cart"}
    assert warehouse.read(sa.select(service_alias.c.alias))["alias"].to_pylist() == ["cart"]


@pytest.mark.parametrize(("most", "sizes"), [(1, [1] * 8), (1000, [2] * 4), (10_000, [8])])
def test_rows_go_out_in_blocks_of_so_many_bytes(monkeypatch: pytest.MonkeyPatch, most: int, sizes: list[int]) -> None:
    monkeypatch.setattr(postgres, "_BYTES_PER_BLOCK", most)
    rows = pa.table({"text": [str(at) * 400 for at in range(8)]})
    blocks = list(postgres.blocks_of(rows))
    assert [block.num_rows for block in blocks] == sizes
    assert pa.Table.from_batches(blocks) == rows
