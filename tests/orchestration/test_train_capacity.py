"""Training of the capacity model on what the warehouse holds."""

import random
from datetime import timedelta
from pathlib import Path

import pytest

from include.orchestration.reports import forecast_capacity
from include.orchestration.train_capacity import running_capacity_model, train_capacity_model
from include.window import Window
from models.registry import CAPACITY, Registry
from tests.orchestration.shop import NINE, Shop


def filled(shop: Shop, days: int) -> Window:
    """Write so many days of both services' memory, and load them."""
    span = Window(NINE.end - timedelta(days=days), NINE.end)
    draw = random.Random(3)
    for job in ("shop/cart", "shop/checkout"):
        values = [500 + 40 * (at // 60 % 24) + draw.gauss(0, 5) for at in range(days * 1440)]
        shop.measure("memory", job, span, values)
    shop.ingest(span)
    return span


@pytest.mark.parametrize("days", [16, 23])
def test_too_short_a_history_is_left_out_and_says_why(tmp_path: Path, shop: Shop, days: int) -> None:
    (tmp_path / "home" / "mlflow").mkdir()
    told = train_capacity_model(shop.rt, filled(shop, days), 56)
    assert told["next"] == "left out"
    assert "28 days of hours" in told["verdict"]
    assert running_capacity_model(shop.rt)[1] == "default pool"


def test_four_weeks_are_enough_and_the_report_uses_what_runs(tmp_path: Path, shop: Shop) -> None:
    (tmp_path / "home" / "mlflow").mkdir()
    told = train_capacity_model(shop.rt, filled(shop, 29), 56)
    assert told["next"] in {"runs", "refused"}
    running = Registry(shop.rt.settings.mlflow, CAPACITY).must_have_champion().number
    assert running_capacity_model(shop.rt)[1] == f"{CAPACITY}/{running}"
    assert sum(forecast_capacity(shop.rt, NINE).values()) == 2
