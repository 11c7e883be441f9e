"""The trained capacity model, its gate, and its way through the registry."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from include.capacity.candidates import CANDIDATES, DAY
from include.capacity.model import HORIZON, CapacityForecast, DefaultPool, SeasonalNaive, mase
from include.capacity.pool import PoolSettings, forecast
from include.capacity.train import train_capacity
from include.window import Window
from models.base import ModelError, State
from models.registry import CAPACITY, Registry
from models.store import load, save
from models.tracking import Training

END = pd.Timestamp("2026-11-01", tz="UTC")
TRAINING = Training(Window.parse("2026-10-04/2026-11-01"), (), "", "config", "code", 0, 0)


def daily(count: int, days: int = 28, seed: int = 0) -> np.ndarray:
    """Return series × hours with a daily season, a little trend and noise."""
    rng = np.random.default_rng(seed)
    hours = np.arange(days * DAY)
    season = 10 * np.sin(2 * np.pi * hours / DAY)
    return 100 + season + 0.01 * hours + rng.normal(size=(count, len(hours)))


Y = daily(8)
CLASSES = np.array(["disk"] * 5 + ["cpu"] * 3, object)


def test_a_class_with_enough_series_has_settings_and_the_others_the_default() -> None:
    model = CapacityForecast().fit(Y, CLASSES)
    assert set(model.settings) == {"disk"}
    assert set(model.settings["disk"].names) <= set(CANDIDATES)


def test_an_untrained_model_is_the_default_pool_to_the_last_digit() -> None:
    mine, pool = CapacityForecast().forecast(Y, CLASSES, 48), forecast(Y, 48)
    for name in ("lower", "expected", "upper", "weights"):
        assert np.array_equal(getattr(mine, name), getattr(pool, name))


def test_classes_are_forecast_with_their_own_settings() -> None:
    own = PoolSettings(power=8.0, names=("theta", "autoregression"), band=2.0)
    found = CapacityForecast({"disk": own}).forecast(Y, CLASSES, 48)
    alone = forecast(Y[:5], 48, settings=own)
    assert np.array_equal(found.expected[:5], alone.expected)
    assert np.array_equal(found.expected[5:], forecast(Y[5:], 48).expected)
    assert set(found.main[:5]) <= {"theta", "autoregression"}


def test_a_wider_band_is_wider_by_its_factor() -> None:
    one, two = (forecast(Y, 24, settings=PoolSettings(band=width)) for width in (1.0, 2.0))
    assert np.allclose(two.upper - two.expected, 2 * (one.upper - one.expected))


def test_the_error_is_scaled_by_that_of_yesterday() -> None:
    known = np.tile(np.arange(24.0), (1, 4)) + np.repeat(np.arange(4.0), 24)
    assert mase(known, np.full((1, 3), 10.0), np.full((1, 3), 12.0)) == pytest.approx([2.0])


def test_it_comes_back_from_disk_and_refuses_candidates_that_are_gone(tmp_path: Path) -> None:
    model = CapacityForecast().fit(Y, CLASSES)
    save(model, tmp_path)
    assert load(tmp_path).settings == model.settings
    gone = State("capacity_pool", {}, {"settings": {"disk": {"power": 4, "names": ["crystal ball"], "band": 1}}})
    with pytest.raises(ModelError, match="has no forecast crystal ball"):
        CapacityForecast.from_state(gone)


def test_too_little_history_is_refused_with_advice() -> None:
    with pytest.raises(ModelError, match="need 21 days of hours, not 14"):
        CapacityForecast().fit(daily(5, 14), np.full(5, "disk", object))


def test_a_training_is_judged_against_the_default_pool_and_registered(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'mlflow' / 'mlflow.db'}"
    ids = np.arange(len(Y))
    first = train_capacity(url, Y, ids, CLASSES, END, TRAINING)
    assert first.champion is not None
    assert first.champion.detector == "default_pool"
    found = first.comparison
    assert found.quality["challenger"] < found.quality["seasonal_naive"]
    assert found.accepted == all(gain.low > 0 for gain in found.differences)
    metrics = {row["version"]: row["metrics"] for row in Registry(url, CAPACITY).versions()}["2"]
    assert metrics["mase_challenger"] == pytest.approx(found.quality["challenger"])
    assert 0 < metrics["coverage_challenger"] <= 1
    second = train_capacity(url, Y, ids, CLASSES, END, TRAINING)
    assert [gain.other for gain in second.comparison.differences] == ["champion", "default_pool"]
    assert not second.comparison.accepted or second.comparison.differences[0].low > 0


def test_the_naive_bar_repeats_the_last_day() -> None:
    naive = SeasonalNaive().forecast(Y, CLASSES, HORIZON)
    assert np.array_equal(naive.expected[:, :DAY], Y[:, -DAY:])
    pool = DefaultPool().forecast(Y, CLASSES, HORIZON)
    assert np.allclose(naive.upper - naive.lower, pool.upper - pool.lower)
