"""What capacity learns per class of series: how to weight the pool of candidates, and how wide its band must be.

A class is a query: its series are alike in season and noise. Training holds out weeks that the pool has not seen,
tries a few settings on all series of a class at once, and keeps one only where it clearly beats the default.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from include.capacity.candidates import CANDIDATES, DAY, Array, same_hour_yesterday
from include.capacity.pool import LEAST_HOURS, Forecast, PoolSettings, forecast
from models.base import ModelError, State, TrainedModel

HORIZON = 7 * DAY
FOLDS = 3  # origins that settings are judged on, a week apart
FEW = 4  # series of a class below which it keeps the default
BETTER = 0.99  # share of the default's error below which another setting is kept
BANDS = (0.7, 0.85, 1.0, 1.15, 1.3, 1.5, 1.75, 2.0)
LEVEL = 0.8
Names = npt.NDArray[np.object_]

TRIED = (
    PoolSettings(),
    PoolSettings(power=2.0),
    PoolSettings(power=8.0),
    *(PoolSettings(names=tuple(name for name in CANDIDATES if name != left_out)) for left_out in CANDIDATES),
)


class CapacityForecast(TrainedModel):
    """Forecasts hourly series with the settings of their class; an untrained one with the default for all."""

    name: ClassVar[str] = "capacity_pool"

    def __init__(self, settings: Mapping[str, PoolSettings] | None = None) -> None:
        self.settings = dict(settings or {})

    def fit(self, y: Array, classes: Names) -> "CapacityForecast":
        """Learn from series × hours without gaps. Raises `ModelError` below three weeks: two known and one to judge."""
        length = y.shape[1]
        origins = [length - HORIZON * back for back in range(FOLDS, 0, -1)]
        origins = [origin for origin in origins if origin >= max(LEAST_HOURS, 2 * HORIZON)]
        if not origins:
            raise ModelError(
                f"Capacity models need {3 * HORIZON // DAY} days of hours, not {length // DAY}. Load more history."
            )
        for name in pd.unique(classes):
            own = y[classes == name]
            if len(own) >= FEW:
                self.settings[str(name)] = _best(own, origins)
        return self

    def forecast(self, y: Array, classes: Names, horizon: int, level: float = LEVEL) -> Forecast:
        """Forecast series (series × hours), each with the settings of its class; weights are over all candidates."""
        groups: dict[PoolSettings, list[int]] = {}
        for place, name in enumerate(classes):
            groups.setdefault(self.settings.get(str(name), PoolSettings()), []).append(place)
        names = tuple(CANDIDATES)
        shape = (len(y), horizon)
        lower, expected, upper = np.empty(shape), np.empty(shape), np.empty(shape)
        error, weights = np.empty(len(y)), np.zeros((len(y), len(names)))
        for how, places in groups.items():
            part = forecast(y[places], horizon, level, how)
            lower[places], expected[places], upper[places] = part.lower, part.expected, part.upper
            error[places] = part.error
            weights[np.ix_(places, [names.index(name) for name in part.names])] = part.weights
        return Forecast(lower, expected, upper, error, weights, names)

    def serve(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Forecast a week of `[series_id, class, ts, value]`, hourly and without gaps, equally long per series."""
        table = frame.pivot_table(index="series_id", columns="ts", values="value").sort_index(axis=1)
        classes = frame.drop_duplicates("series_id").set_index("series_id")["class"].reindex(table.index)
        found = self.forecast(table.to_numpy(np.float64), classes.to_numpy(object), HORIZON)
        ids = np.repeat(table.index.to_numpy(), HORIZON)
        edges = {name: getattr(found, name).ravel() for name in ("lower", "expected", "upper")}
        return pd.DataFrame({"series_id": ids, "hour_ahead": np.tile(np.arange(1, HORIZON + 1), len(table)), **edges})

    def state(self) -> State:
        """Return the settings per class."""
        told = {
            name: {"power": how.power, "names": list(how.names), "band": how.band}
            for name, how in self.settings.items()
        }
        return State(self.name, {}, {"settings": told})

    @classmethod
    def from_state(cls, state: State) -> "CapacityForecast":
        """Return the model that `state` describes; raises `ModelError` for candidates that are not there any more."""
        found = {}
        for name, how in state.data["settings"].items():
            gone = set(how["names"]) - set(CANDIDATES)
            if gone:
                raise ModelError(f"This version has no forecast {', '.join(sorted(gone))}. Train the model anew.")
            found[name] = PoolSettings(float(how["power"]), tuple(how["names"]), float(how["band"]))
        return cls(found)

    @property
    def parameters(self) -> dict[str, Any]:
        """What was tried, and how many classes have settings of their own."""
        own = sum(how != PoolSettings() for how in self.settings.values())
        return {"classes": len(self.settings), "classes_of_their_own": own, "settings_tried": len(TRIED)}


class DefaultPool(CapacityForecast):
    """The baseline that runs until something beats it: the pool with its default settings for every class."""

    name: ClassVar[str] = "default_pool"

    def fit(self, y: Array, classes: Names) -> "DefaultPool":  # noqa: ARG002  there is nothing to learn
        """Return itself."""
        return self


class SeasonalNaive(CapacityForecast):
    """The naive bar: the same hour of yesterday, with the band of the default pool's width."""

    name: ClassVar[str] = "seasonal_naive"

    def fit(self, y: Array, classes: Names) -> "SeasonalNaive":  # noqa: ARG002  there is nothing to learn
        """Return itself."""
        return self

    def forecast(self, y: Array, classes: Names, horizon: int, level: float = LEVEL) -> Forecast:
        """Repeat the last day."""
        pool = super().forecast(y, classes, horizon, level)
        shift = same_hour_yesterday(y, horizon) - pool.expected
        return replace(pool, lower=pool.lower + shift, expected=pool.expected + shift, upper=pool.upper + shift)


def mase(y: Array, future: Array, expected: Array) -> Array:
    """Return the mean absolute scaled error per series: by that of the same hour yesterday (Hyndman, Koehler 2006)."""
    scale = np.abs(y[:, DAY:] - y[:, :-DAY]).mean(axis=1)
    size = np.abs(y).mean(axis=1)
    return np.abs(future - expected).mean(axis=1) / np.maximum(scale, np.maximum(1e-3 * size, 1e-12))


def inside(future: Array, found: Forecast) -> Array:
    """Return per series the share of the hours that the band held."""
    return ((future >= found.lower) & (future <= found.upper)).mean(axis=1)


def _best(y: Array, origins: list[int]) -> PoolSettings:
    """Return the settings with the smallest mean error over the origins, and a band that held there."""

    def judged(how: PoolSettings) -> tuple[float, float]:
        found = [(forecast(y[:, :at], HORIZON, LEVEL, how), y[:, at : at + HORIZON], y[:, :at]) for at in origins]
        errors = [mase(known, future, one.expected).mean() for one, future, known in found]
        return float(np.mean(errors)), float(np.mean([inside(future, one).mean() for one, future, _ in found]))

    default = judged(TRIED[0])[0]
    errors = [default, *(judged(how)[0] for how in TRIED[1:])]
    at = int(np.argmin(errors))
    chosen = TRIED[at] if errors[at] < BETTER * default else TRIED[0]
    held = {width: judged(PoolSettings(chosen.power, chosen.names, width))[1] for width in BANDS}
    width = min(BANDS, key=lambda one: (abs(held[one] - LEVEL) > 0.03, abs(held[one] - LEVEL), abs(one - 1.0)))
    return PoolSettings(chosen.power, chosen.names, width if abs(held[1.0] - LEVEL) > 0.05 else 1.0)
