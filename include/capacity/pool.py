"""A pool of forecasts, weighted per series by rolling back-test error, with bands calibrated on its own residuals."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from include.capacity.candidates import CANDIDATES, DAY, WEEK, Array
from include.errors import AlmanacError

LEAST_HOURS = 4 * DAY
"""Fewer hours than this leave nothing to test a forecast on."""


class ForecastError(AlmanacError):
    """A history that is too short, or has gaps."""


@dataclass(frozen=True)
class PoolSettings:
    """How a pool is weighted: what `train_capacity_models` learns per class of series.

    Weights are (mean absolute back-test error)^-`power` among the candidates of these `names`; `band` widens the
    calibrated band.
    """

    power: float = 4.0
    names: tuple[str, ...] = tuple(CANDIDATES)
    band: float = 1.0


@dataclass(frozen=True)
class Forecast:
    """Series × hours ahead; `lower` to `upper` is the band. `error` is the back-test's mean absolute error per series.

    `weights` are series × candidates in the order of `names`.
    """

    lower: Array
    expected: Array
    upper: Array
    error: Array
    weights: Array
    names: tuple[str, ...]

    @property
    def main(self) -> list[str]:
        """Return, per series, the candidate that weighs most."""
        return [self.names[i] for i in np.argmax(self.weights, axis=1)]


def forecast(y: Array, horizon: int, level: float = 0.8, settings: PoolSettings | None = None) -> Forecast:
    """Forecast hourly series (series × hours, no gaps) `horizon` hours ahead with a band that should hold `level`.

    Back-test: 5 to 14 origins in the last half of the history, as many as there are, each of at most a third of the
    history, two weeks, and the horizon. Hours beyond are pooled by the errors in the last third of the tested ones,
    where a candidate that misses a trend shows it. Raises `ForecastError` below four days of history.
    """
    length = y.shape[1]
    if length < LEAST_HOURS or not np.isfinite(y).all():
        raise ForecastError(
            f"A forecast needs {LEAST_HOURS} hours without a gap, but was given {length}. Give more, filled."
        )
    how = settings or PoolSettings()
    candidates = [CANDIDATES[name] for name in how.names]
    tested = min(2 * WEEK, horizon, length // 3)
    origins = _origins(length, tested)
    runs = [_bounded(run(y, origins, tested), y) for run in candidates]
    truth = np.stack([y[:, origin : origin + tested] for origin in origins], axis=1)
    residual = np.stack([truth - run for run in runs], axis=1)  # series × candidates × origins × hours
    by_fold = np.abs(residual).mean(axis=3)
    weights = _weights(by_fold.mean(axis=2), how.power)
    far = _weights(np.abs(residual[:, :, :, -tested // 3 :]).mean(axis=(2, 3)), how.power)
    ahead = [_bounded(run(y, [length], horizon), y)[:, 0] for run in candidates]
    pooled, pooled_far = (np.einsum("sc,csh->sh", part, np.stack(ahead)) for part in (weights, far))
    share = np.minimum(np.arange(1, horizon + 1) / tested, 1.0) if horizon > tested else np.zeros(horizon)
    expected = pooled + share * (pooled_far - pooled)
    held_out = _held_out(residual, by_fold, how.power)
    below, above = (how.band * edge for edge in _band(held_out, horizon, level))
    floor = np.where(y.min(axis=1) >= 0, 0.0, -np.inf)[:, None]
    return Forecast(
        lower=np.maximum(expected + below, floor),
        expected=expected,
        upper=expected + above,
        error=np.abs(held_out).mean(axis=(1, 2)),
        weights=weights,
        names=how.names,
    )


def _origins(length: int, tested: int) -> list[int]:
    folds = max(5, min(14, 2 * WEEK // tested))
    earliest = max(length // 2, DAY * 3)
    latest = length - tested
    if latest <= earliest:
        return [latest]
    stride = max((latest - earliest) // folds, 1) if (latest - earliest) < folds * tested else tested
    return [latest - stride * k for k in range(folds) if latest - stride * k >= earliest][::-1]


def _bounded(run: Array, y: Array) -> Array:
    """Keep a candidate that ran away within three times the range seen, and non-negative series non-negative."""
    low, high = y.min(axis=1), y.max(axis=1)
    reach = 3 * np.maximum(high - low, 1e-12)
    floor = np.where(low >= 0, 0.0, low - reach)
    return np.clip(np.nan_to_num(run, nan=0.0), floor[:, None, None], (high + reach)[:, None, None])


def _weights(error: Array, power: float) -> Array:
    best = error.min(axis=1, keepdims=True)
    raw = (np.maximum(error, 1e-300) / np.maximum(best, 1e-300)) ** -power
    return raw / raw.sum(axis=1, keepdims=True)


def _held_out(residual: Array, by_fold: Array, power: float) -> Array:
    """Return the pool's residuals (series × folds × hours), each fold with weights from the other folds."""
    folds = by_fold.shape[2]
    if folds == 1:
        return np.einsum("sc,schk->shk", _weights(by_fold[:, :, 0], power), residual)
    total = by_fold.sum(axis=2)
    found = [
        np.einsum("sc,sch->sh", _weights(total - by_fold[:, :, fold], power), residual[:, :, fold])
        for fold in range(folds)
    ]
    return np.stack(found, axis=1)


def _band(residual: Array, horizon: int, level: float) -> tuple[Array, Array]:
    """Return what to add for the lower and the upper edge (series × hours): split-conformal quantiles by horizon.

    A series' residuals are measured by its own mean absolute one; quantiles of that over all series, per day ahead,
    give the shape, half and half with the series' own quantiles. Beyond the tested hours the width grows as in them.
    """
    series, folds, tested = residual.shape
    scale = np.maximum(np.abs(residual).mean(axis=(1, 2)), 1e-300)
    ratio = residual / scale[:, None, None]
    width = min(DAY, tested)
    days = -(-tested // width)
    asked = _asked(level, folds * days * series)
    pooled = np.stack([np.quantile(ratio[:, :, d * width : (d + 1) * width], asked) for d in range(days)], axis=1)
    overall = np.quantile(ratio, asked)
    own = np.quantile(ratio, _asked(level, folds * days), axis=(1, 2))  # edges × series
    day = np.minimum(np.arange(horizon) // width, days - 1)
    growth = _growth(pooled[1] - pooled[0])
    beyond = np.maximum(np.arange(1, horizon + 1) / tested, 1.0) ** growth
    edges = []
    for edge in (0, 1):
        mixed = 0.5 * (own[edge] + overall[edge])
        relative = pooled[edge] / overall[edge] if abs(overall[edge]) > 1e-12 else np.ones(days)
        edges.append(scale[:, None] * mixed[:, None] * (np.clip(relative, 0.2, 5.0)[day] * beyond)[None, :])
    return edges[0], edges[1]


def _asked(level: float, days: int) -> tuple[float, float]:
    """Return the quantiles to take of that many days of residuals, so that a new day's lie between at the level.

    Residuals of one day hang together, so days are counted: the finite-sample step of conformal prediction (Vovk 2005).
    """
    tail = (1 - min(level * (days + 1) / days, 1.0)) / 2
    return tail, 1 - tail


def _growth(width: npt.NDArray[np.float64]) -> float:
    """Return the exponent with which the band widens over the days tested, 0 to 1; 0.5 where that is unknown."""
    if len(width) < 3 or not (width > 0).all():
        return 0.5
    return float(np.clip(np.polyfit(np.log(np.arange(1, len(width) + 1)), np.log(width), 1)[0], 0.0, 1.0))
