"""Where a result came from can be told: loads, configuration, code, model."""

import json

from include.orchestration.lineage import loads_of, record_lineage
from include.warehouse.schema import lineage, load_log
from tests.orchestration.shop import EIGHT, NINE, SEVEN, Shop


def test_the_loads_of_a_window_are_those_that_changed_it(shop: Shop):
    shop.usual(SEVEN)
    shop.usual(EIGHT)
    shop.ingest(SEVEN)
    shop.ingest(EIGHT)
    shop.again("test/again").ingest(EIGHT)
    log = shop.rows(load_log)
    loaded = log[(log["status"] == "loaded") & (log["window_start"] == EIGHT.start)]
    assert loads_of(shop.rt.warehouse, EIGHT) == sorted(loaded["load_id"])
    assert len(loads_of(shop.rt.warehouse, EIGHT)) == 3
    assert loads_of(shop.rt.warehouse, NINE) == []


def test_a_row_of_lineage_names_loads_model_configuration_and_code(loaded: Shop):
    with loaded.rt.warehouse.transaction() as tx:
        record_lineage(tx, loaded.rt, "detect_anomalies", SEVEN, "3")
    (row,) = loaded.rows(lineage).to_dict("records")
    assert (row["producer"], row["model_version"], row["run_id"]) == ("detect_anomalies", "3", "test/run-1")
    assert json.loads(row["loads"]) == loads_of(loaded.rt.warehouse, SEVEN)
    assert row["config_hash"] == loaded.rt.config.fingerprint
    assert row["code_version"]
