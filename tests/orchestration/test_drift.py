"""The daily check on each engine: rows replaced, a report, and training asked for at most once a day."""

import random
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from include.clock import FixedClock
from include.orchestration.drift import check_model, due_trainings, publish_drift
from include.orchestration.lineage import record_lineage
from include.orchestration.train import shelf, train_model
from include.report.store import Store
from include.warehouse.schema import drift
from include.window import Window
from models.registry import ANOMALY, JOINT
from models.shelf import Champion
from tests.orchestration.shop import NINE, NOW, Shop

DAYS = 4
HISTORY = Window(NINE.end - timedelta(days=DAYS), NINE.end)
TODAY = Window(NINE.end, NINE.end + timedelta(hours=12))


def write(shop: Shop, window: Window, requests: float, more: tuple[str, ...] = ()) -> None:
    draw = random.Random(7 if window == HISTORY else 8)
    minutes = int(window.duration / timedelta(minutes=1))
    for job in ("shop/cart", "shop/checkout"):
        shop.measure("requests", job, window, [requests + draw.gauss(0, 3) for _ in range(minutes)])
        shop.measure("memory", job, window, [500 + draw.gauss(0, 5) for _ in range(minutes)])
    for job in more:
        shop.measure("errors", job, window, [abs(draw.gauss(2, 0.5)) for _ in range(minutes)])
    shop.ingest(window)


@pytest.fixture
def later(tmp_path: Path, shop: Shop) -> Shop:
    """Return a shop half a day after its models were trained, which was at ten; today is not over yet."""
    (tmp_path / "home" / "mlflow").mkdir()
    write(shop, HISTORY, 100.0, more=("shop/cart",))
    train_model(shop.rt, HISTORY, ANOMALY, days=DAYS)
    return shop.again(clock=FixedClock(TODAY.end + timedelta(hours=6)))


def states(shop: Shop) -> dict[str, str]:
    rows = shop.rows(drift)
    return {
        f"{row['feature']}/{row['series_class']}": row["status"] for row in rows.to_dict("records")
    }  # fmt: skip


def test_a_day_like_those_before_is_as_trained_and_nothing_is_trained(later: Shop) -> None:
    write(later, TODAY, 100.0)
    checked = check_model(later.rt, TODAY, ANOMALY)
    assert "drifted" not in checked
    assert states(later)["value/traffic/60"] == "ok"
    assert states(later)["coverage/all"] == "ok"
    assert due_trainings(later.rt, [checked]) == []
    (document,) = publish_drift(later.rt, TODAY, [checked])
    assert "sees the data" in Store(later.rt.settings.documents).read("drift", document).verdict.text


def test_traffic_that_doubled_is_told_and_trained_for_once_a_day(later: Shop) -> None:
    write(later, TODAY, 200.0)
    checked = check_model(later.rt, TODAY, ANOMALY)
    assert checked["drifted"] > 0
    assert states(later)["value/traffic/60"] == "drifted"
    assert states(later)["value/usage/60"] == "ok"
    tomorrow = later.again(clock=FixedClock(NOW + timedelta(days=1)))
    due = due_trainings(tomorrow.rt, [checked])
    assert due == [{"trigger_run_id": "drift__2026-11-06", "conf": {}, "trigger_dag_id": "train_anomaly_models"}]
    assert due_trainings(tomorrow.rt, [checked]) == due, "Airflow takes the same id once"
    assert due_trainings(tomorrow.rt, [checked], ["train_anomaly_models"]) == []
    with tomorrow.rt.warehouse.transaction() as tx:
        record_lineage(tx, tomorrow.rt, "train_anomaly_models", HISTORY, f"{ANOMALY}/2")
    assert due_trainings(tomorrow.rt, [checked]) == [], "today's training is known"
    (document,) = publish_drift(later.rt, TODAY, [checked])
    found = Store(later.rt.settings.documents).read("drift", document)
    assert "have drifted from training (anomaly-detector)" in found.verdict.text
    assert any(action.subject == "anomaly-detector: value of traffic every 60 s" for action in found.actions)


def test_checking_a_window_again_leaves_each_row_once(later: Shop) -> None:
    write(later, TODAY, 200.0)
    check_model(later.rt, TODAY, ANOMALY)
    first = later.rows(drift)
    check_model(later.rt, TODAY, ANOMALY)
    assert len(later.rows(drift)) == len(first) > 10


def test_trainings_on_drift_can_be_switched_off(later: Shop) -> None:
    off = later.configure("detectors.yaml", "retrain_on_drift: false\n")
    checked: dict[str, Any] = {"model": ANOMALY, "version": "1", "drifted": 3}
    assert len(due_trainings(later.rt, [checked])) == 1
    assert due_trainings(off.again(clock=later.rt.clock).rt, [checked]) == []


def test_services_are_measured_as_they_are_trained_those_with_enough_series_together(later: Shop) -> None:
    write(later, TODAY, 100.0, more=("shop/cart",))
    train_model(later.rt, Window(HISTORY.start, TODAY.end), JOINT, days=DAYS)
    checked = check_model(later.rt, TODAY, JOINT)
    assert set(later.rows(drift)["model"]) == {JOINT}
    assert "drifted" not in checked, states(later)
    assert states(later)["score/services"] in {"ok", "watch", "unknown"}
    assert states(later)["coverage/all"] == "ok", "checkout has too few series to be judged together"


def test_a_champion_without_a_reference_is_told(later: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    champion = shelf(later.rt).champion(ANOMALY)
    bare = Champion(champion.model, replace(champion.version, run_id="0" * 32))
    monkeypatch.setattr("include.orchestration.drift.shelf", lambda _: SimpleNamespace(champion=lambda _: bare))
    checked = check_model(later.rt, TODAY, ANOMALY)
    assert checked["unknown"] == 1
    assert "has no reference to measure drift against" in checked["note"]


def test_without_a_champion_the_check_says_so(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "home" / "mlflow").mkdir()
    nobody = check_model(shop.rt, TODAY, ANOMALY)
    assert "no champion" in nobody["note"]
    (document,) = publish_drift(shop.rt, TODAY, [nobody])
    assert Store(shop.rt.settings.documents).read("drift", document).verdict.level == "unknown"
