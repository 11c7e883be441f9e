"""Training and detection without a scheduler: late points are found, shards add up, wide runs are replaced by hours."""

import random
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa

from include.orchestration.detect import score_shard, stamped, total
from include.orchestration.train import incidents_in, notice_moves, train_model
from include.report import Store
from include.warehouse.schema import anomaly, episode, lineage
from include.window import Grid, Window
from models.registry import ANOMALY, JOINT, Registry
from models.tracking import connect
from tests.orchestration.shop import NINE, Shop

DAYS = 3
HISTORY = Window(NINE.end - timedelta(days=DAYS), NINE.end)


def world(shop: Shop) -> None:
    """Write three days with a little noise, in which checkout's last two minutes but one fail."""
    draw = random.Random(7)
    minutes = DAYS * 24 * 60
    for job in ("shop/cart", "shop/checkout"):
        shop.measure("requests", job, HISTORY, [100 + draw.gauss(0, 3) for _ in range(minutes)])
        shop.measure("memory", job, HISTORY, [500 + draw.gauss(0, 5) for _ in range(minutes)])
        shop.measure("errors", job, HISTORY, [abs(draw.gauss(2, 0.5)) for _ in range(minutes)])


def fail(shop: Shop, minutes: int) -> None:
    """Let checkout fail in so many minutes from 9:30 on."""
    text = (shop.files / "metrics" / "errors-shop_checkout-20261102T10.csv").read_text().splitlines()
    for minute in range(minutes):
        at = (NINE.start + timedelta(minutes=30 + minute)).isoformat()
        text = [f"{at},errors,shop/checkout,90" if line.startswith(at) else line for line in text]
    (shop.files / "metrics" / "errors-shop_checkout-20261102T10.csv").write_text("\n".join(text) + "\n")


@pytest.fixture
def trained(tmp_path: Path, shop: Shop) -> Shop:
    """Return a shop with three days of history, two failing minutes and a champion."""
    (tmp_path / "home" / "mlflow").mkdir()
    world(shop)
    fail(shop, 2)
    shop.ingest(HISTORY)
    for model in (ANOMALY, JOINT):
        outcome = train_model(shop.rt, HISTORY, model, days=DAYS)
        assert outcome["points"] == 6 * DAYS * 24 * 60
    return shop


def score(shop: Shop, window: Window) -> dict[str, int]:
    return total([score_shard(shop.rt, window, shard) for shard in range(shop.rt.settings.shards)])


def test_a_late_point_makes_an_anomaly_of_its_window_and_scoring_again_changes_nothing(trained: Shop):
    here = (anomaly.c.service == "checkout", anomaly.c.query == "errors", anomaly.c.ts >= NINE.start)
    assert score(trained, NINE)["points"] == 6 * 60
    assert trained.rows(anomaly, *here).empty, "two of five points are no anomaly yet"

    late = trained.again("test/late")
    fail(late, 3)
    late.ingest(HISTORY)
    assert score(late, NINE)["anomalies"] >= 1
    found = late.rows(anomaly, *here)
    assert found["ts"].tolist() == [pd.Timestamp("2026-11-05T09:32Z")]
    assert found["severity"].tolist() == ["CRITICAL"]
    assert len(late.rows(episode, episode.c.service == "checkout", episode.c.query == "errors")) == 1

    before = late.rows(anomaly).sort_values(["subject_id", "ts"], ignore_index=True).drop(columns="run_id")
    score(late.again("test/again"), NINE)
    after = late.rows(anomaly).sort_values(["subject_id", "ts"], ignore_index=True).drop(columns="run_id")
    pd.testing.assert_frame_equal(before, after)
    running = [(name, Registry(late.rt.settings.mlflow, name).must_have_champion()) for name in (ANOMALY, JOINT)]
    models = late.rows(lineage, lineage.c.producer == "detect_anomalies")["model_version"]
    assert set(models) == {", ".join(f"{name}/{version.number}" for name, version in running)}


def test_a_champion_moved_by_hand_is_told_once_and_shown_on_the_models_page(trained: Shop):
    url = trained.rt.settings.mlflow
    assert notice_moves(trained.rt, NINE) == []
    _, client = connect(url)
    running = Registry(url, ANOMALY).must_have_champion().number
    every = [str(one.version) for one in client.search_model_versions(f"name='{ANOMALY}'")]
    other = next(number for number in every if number != running)
    client.set_registered_model_alias(ANOMALY, "champion", other)
    (told,) = notice_moves(trained.rt, NINE)
    assert f"from version {running} to {other}" in told
    assert notice_moves(trained.rt, NINE) == []
    store = Store(trained.rt.settings.documents)
    page = store.read("models", store.entries("models")[0].id)
    assert told in page.fine_print.notes


def test_results_of_a_wide_window_belong_to_the_regular_window_in_which_they_were_last_seen():
    wide = Window.parse("2026-11-05T06:00/2026-11-05T10:00")
    rows = pd.DataFrame({"ts": pd.to_datetime(["2026-11-05T06:10Z", "2026-11-05T09:59Z"])})
    found = stamped(rows, wide, Grid.HOUR)
    assert found["window_start"].dt.hour.tolist() == [6, 9]
    assert found["window_end"].dt.hour.tolist() == [7, 10]
    assert stamped(rows, NINE, Grid.HOUR) is rows


def test_incidents_that_touch_a_window_are_known_to_the_gate(loaded: Shop):
    assert incidents_in(loaded.rt, NINE).columns.tolist() == ["service", "opened_at", "resolved_at"]
    assert loaded.rt.warehouse.frame(sa.select(anomaly)).empty
