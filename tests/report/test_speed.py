"""The pages never open the warehouse: they answer in under 200 ms while a write holds its lock."""

import statistics
import subprocess
import sys
import time
from pathlib import Path

from fastapi.testclient import TestClient

from include.report.document import Document
from include.report.pages import create_app
from include.report.store import Store

HOLD = """
import sys, time
from include.warehouse import Warehouse
warehouse = Warehouse(sys.argv[1])
warehouse.migrate()
with warehouse.transaction():
    print("held", flush=True)
    time.sleep(60)
"""


def test_every_page_answers_in_under_200_ms_while_a_write_holds_the_warehouse(
    tmp_path: Path, made: dict[str, Document]
):
    store = Store(str(tmp_path / "documents"))
    for document in made.values():
        store.write(document)
    client = TestClient(create_app(store, lambda: None))
    paths = ["/", "/reports", "/data", "/models", *(f"/reports/{one.name}/{one.id}" for one in made.values())]
    for path in paths:
        client.get(path)
    url = f"duckdb:///{tmp_path / 'warehouse.duckdb'}"
    with subprocess.Popen([sys.executable, "-c", HOLD, url], stdout=subprocess.PIPE, text=True) as writer:
        try:
            assert writer.stdout
            assert writer.stdout.readline() == "held\n"
            seconds = {path: statistics.median(timed(client, path) for _ in range(5)) for path in paths}
            assert writer.poll() is None
        finally:
            writer.kill()
    print("\n" + ", ".join(f"{path} {took * 1000:.0f} ms" for path, took in seconds.items()))
    assert max(seconds.values()) < 0.2


def timed(client: TestClient, path: str) -> float:
    began = time.perf_counter()
    answer = client.get(path)
    assert answer.status_code == 200
    return time.perf_counter() - began
