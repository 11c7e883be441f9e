import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

from include.warehouse import Warehouse
from tests.warehouse.shop import load, minutes

ROOT = Path(__file__).parents[2]


def command(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "include.warehouse", *arguments],
        cwd=ROOT,
        env={**os.environ, "ALMANAC_WAREHOUSE_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_select_is_printed_as_table_csv_or_json(warehouse: Warehouse, warehouse_url: str) -> None:
    load(warehouse, minutes(jobs=("cart",)))
    select = "select service, count(*) as n from series join metric_point using (series_id) group by service;"
    assert command(warehouse_url, "sql", select).stdout.split() == ["service", "n", "CART", "60"]
    assert list(csv.reader(io.StringIO(command(warehouse_url, "sql", select, "--format", "csv").stdout))) == [
        ["service", "n"],
        ["CART", "60"],
    ]
    assert json.loads(command(warehouse_url, "sql", select, "--format", "json").stdout) == [
        {"service": "CART", "n": 60}
    ]
    limited = command(warehouse_url, "sql", "select * from metric_point", "--limit", "2")
    assert len(limited.stdout.splitlines()) == 3
    assert limited.stderr == "The first 2 rows; --limit shows more.\n"


def test_what_writes_is_refused_in_one_line(warehouse: Warehouse, warehouse_url: str) -> None:
    answer = command(warehouse_url, "sql", "delete from series")
    assert (answer.returncode, answer.stdout) == (1, "")
    assert len(answer.stderr.splitlines()) == 1
    assert "select" in answer.stderr


def test_status_tells_rows_loads_revision_and_lock(warehouse: Warehouse, warehouse_url: str) -> None:
    load(warehouse, minutes())
    text = command(warehouse_url, "status").stdout
    lines = [line.split() for line in text.splitlines()]
    assert ["revision", "0005", "(the", "code:", "0005)"] in lines
    assert ["lock", "free"] in lines
    assert next(line for line in lines if line[:1] == ["metric_point"])[1:4] == ["120", "2026-11-05", "07:59:00+00:00"]
    assert "loaded" in lines[-1]


def test_migrate_makes_a_warehouse_and_without_it_the_error_says_so(warehouse_url: str) -> None:
    before = command(warehouse_url, "status")
    assert before.returncode == 1
    assert before.stderr.endswith("Run: python -m include.warehouse migrate\n")
    assert command(warehouse_url, "migrate").stdout.endswith("is at revision 0005.\n")
    assert command(warehouse_url, "status").returncode == 0
