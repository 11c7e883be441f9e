"""Ways to forecast hourly series, each over all series at once and from several origins.

Every candidate takes `y` (series × hours, no gaps), the origins (hours known at each) and a horizon in hours, and
returns series × origins × horizon. It is causal: the forecast from an origin uses nothing at or after it.
"""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Candidate = Callable[[Array, Sequence[int], int], Array]
DAY, WEEK = 24, 168


def _each_origin(forecast: Callable[[Array, int], Array]) -> Candidate:
    """Make a candidate of a function of the history alone."""

    def candidate(y: Array, origins: Sequence[int], horizon: int) -> Array:
        return np.stack([forecast(y[:, :origin], horizon) for origin in origins], axis=1)

    return candidate


def _tile(season: Array, horizon: int) -> Array:
    repeats = -(-horizon // season.shape[1])
    return np.tile(season, (1, repeats))[:, :horizon]


def same_hour_yesterday(history: Array, horizon: int) -> Array:
    """Seasonal naive of a day."""
    return _tile(history[:, -DAY:], horizon)


def same_hour_last_week(history: Array, horizon: int) -> Array:
    """Seasonal naive of a week; of a day until there is one."""
    return _tile(history[:, -WEEK:] if history.shape[1] >= WEEK else history[:, -DAY:], horizon)


def mean_week(history: Array, horizon: int) -> Array:
    """Mean of the last four weeks hour by hour, moved to the level of the last day."""
    weeks = min(history.shape[1] // WEEK, 4)
    if weeks < 2:
        return same_hour_last_week(history, horizon)
    profile = history[:, -weeks * WEEK :].reshape(len(history), weeks, WEEK).mean(axis=1)
    level = np.median(history[:, -DAY:] - profile[:, -DAY:], axis=1, keepdims=True)
    return _tile(profile, horizon) + level


def _regressors(hours: npt.NDArray[np.int64], weekly: bool) -> Array:
    waves = [(DAY, k) for k in range(1, 7)] + ([(WEEK, k) for k in (1, 2, 3, 4, 5, 6)] if weekly else [])
    angles = [2 * np.pi * k * hours / width for width, k in waves]
    return np.stack([np.ones(len(hours)), hours / WEEK, *map(np.sin, angles), *map(np.cos, angles)], axis=1)


def linear_with_season(history: Array, horizon: int) -> Array:
    """Least squares on a line and daily and weekly waves; what the last day deviates from it fades over a day."""
    length = history.shape[1]
    hours = np.arange(length + horizon, dtype=np.int64)
    design = _regressors(hours, weekly=length >= 2 * WEEK)
    fit = np.linalg.lstsq(design[:length], history.T, rcond=None)[0]
    deviation = (history[:, -6:] - (design[length - 6 : length] @ fit).T).mean(axis=1, keepdims=True)
    return (design[length:] @ fit).T + deviation * 0.95 ** np.arange(1, horizon + 1)


def line_through_days(history: Array, horizon: int) -> Array:
    """Theil-Sen line through the daily means, on from the level of the last two days, and the hourly profile."""
    days = history.shape[1] // DAY
    whole = history[:, -days * DAY :].reshape(len(history), days, DAY)
    level = whole.mean(axis=2)
    slope = theil_sen(level[:, -28:])
    profile = np.median(whole[:, -14:] - level[:, -14:, None] - slope[:, None, None] * _within_day(), axis=1)
    ahead = np.arange(1, horizon + 1)
    last = level[:, -2:].mean(axis=1, keepdims=True) + slope[:, None] / 2 + slope[:, None] * (ahead - 0.5) / DAY
    return last + slope[:, None] / 2 + _tile(profile, horizon)


def _within_day() -> Array:
    return (np.arange(DAY) - (DAY - 1) / 2) / DAY


def theil_sen(values: Array) -> Array:
    """Return the median of the slopes between all pairs of columns, per column step (Theil 1950, Sen 1968)."""
    first, second = np.triu_indices(values.shape[1], 1)
    if not len(first):
        return np.zeros(len(values))
    return np.median((values[:, second] - values[:, first]) / (second - first), axis=1)


def theta(history: Array, horizon: int) -> Array:
    """Theta (Assimakopoulos & Nikolopoulos 2000): smoothing plus half the drift, on the series without its season."""
    season = WEEK if history.shape[1] >= 3 * WEEK else DAY
    periods = history.shape[1] // season
    whole = history[:, -periods * season :].reshape(len(history), periods, season)
    profile = (whole - whole.mean(axis=2, keepdims=True)).mean(axis=1)
    flat = history[:, -periods * season :] - np.tile(profile, (1, periods))
    drift = np.polyfit(np.arange(flat.shape[1]), flat.T, 1)[0]
    weights = 0.9 ** np.arange(min(flat.shape[1], 72))[::-1]
    level = flat[:, -len(weights) :] @ (weights / weights.sum())
    return level[:, None] + drift[:, None] / 2 * np.arange(1, horizon + 1) + _tile(profile, horizon)


_LAGS = np.array([1, 2, 3, 24, 25, 48, 168, 169])


def autoregression(history: Array, horizon: int) -> Array:
    """Ridge regression on the hours 1 to 3, a day, two days and a week before; around the last week's mean."""
    lags = _LAGS if history.shape[1] >= 3 * WEEK else _LAGS[_LAGS <= 48]
    length, deepest = history.shape[1], int(lags.max())
    if length < 2 * deepest:
        return same_hour_yesterday(history, horizon)
    centre = history[:, -WEEK:].mean(axis=1, keepdims=True)
    scale = np.maximum(history.std(axis=1, keepdims=True), 1e-12)
    z = (history - centre) / scale
    lagged = np.stack([z[:, deepest - lag : length - lag] for lag in lags], axis=2)
    gram = lagged.transpose(0, 2, 1) @ lagged + 1e-2 * lagged.shape[1] / 100 * np.eye(len(lags))
    weights = np.linalg.solve(gram, lagged.transpose(0, 2, 1) @ z[:, deepest:, None])[:, :, 0]
    path = np.concatenate([z, np.zeros((len(z), horizon))], axis=1)
    low, high = z.min(axis=1) - 2, z.max(axis=1) + 2
    for step in range(length, length + horizon):
        path[:, step] = np.clip((path[:, step - lags] * weights).sum(axis=1), low, high)
    return path[:, length:] * scale + centre


_ALPHA = np.repeat([0.02, 0.1, 0.4], 9)
_GAMMA = np.tile(np.repeat([0.05, 0.15, 0.35], 3), 3)
_OMEGA = np.tile([0.05, 0.15, 0.35], 9)
_DAMPING = 0.995
_BETA = 0.05


def double_season_smoothing(y: Array, origins: Sequence[int], horizon: int) -> Array:
    """Damped-trend exponential smoothing with a daily and a weekly season and an AR(1) error (Taylor 2003).

    One pass over the hours for all series and 27 settings; at each origin each series takes the setting whose one-step
    error was smallest until then.
    """
    count, length = y.shape
    first = y[:, : 2 * DAY]
    shape = (count, len(_ALPHA))
    level = np.repeat(first.mean(axis=1)[:, None], shape[1], axis=1)
    trend = np.zeros(shape)
    start = (y[:, : min(length, 7 * DAY) // DAY * DAY].reshape(count, -1, DAY)).mean(axis=1)
    daily = np.repeat((start - start.mean(axis=1, keepdims=True)).T[:, :, None], shape[1], axis=2)
    weekly = np.zeros((WEEK, *shape))
    loss, energy, product = np.full(shape, 1e-12), np.full(shape, 1e-12), np.zeros(shape)
    error = np.zeros(shape)
    found = np.empty((count, len(origins), horizon))
    places = {origin: place for place, origin in enumerate(origins)}
    for hour in range(max(origins) + 1):
        if hour in places:
            best = np.argmin(loss, axis=1)
            pick = (np.arange(count), best)
            state = [part[pick] for part in (level, trend, error)]
            phi = np.clip((product / energy)[pick], 0, 0.98)
            seasons = daily[:, *pick], weekly[:, *pick]
            found[:, places[hour]] = _ahead(state, phi, seasons, hour, horizon)
        if hour >= max(origins):
            break
        d, w = hour % DAY, hour % WEEK
        before = error
        error = y[:, hour, None] - level - _DAMPING * trend - daily[d] - weekly[w]
        if hour >= 2 * DAY:
            product = 0.998 * product + before * error
            energy = 0.998 * energy + before * before
            loss = 0.999 * loss + (error - np.clip(product / energy, 0, 0.98) * before) ** 2
        level += _DAMPING * trend + _ALPHA * error
        trend = _DAMPING * trend + _ALPHA * _BETA * error
        daily[d] += _GAMMA * error
        weekly[w] += _OMEGA * error
    return found


def _ahead(state: list[Array], phi: Array, seasons: tuple[Array, Array], hour: int, horizon: int) -> Array:
    level, trend, error = state
    ahead = np.arange(1, horizon + 1)
    damped = np.cumsum(_DAMPING**ahead)
    at = hour + ahead - 1
    season = seasons[0][at % DAY].T + seasons[1][at % WEEK].T
    return level[:, None] + trend[:, None] * damped + season + error[:, None] * phi[:, None] ** ahead


def on_logs(candidate: Candidate) -> Candidate:
    """Make a candidate that works on logarithms, for seasons that grow with the level; at most twice what was seen."""

    def logarithmic(y: Array, origins: Sequence[int], horizon: int) -> Array:
        floor = np.maximum(np.abs(y).mean(axis=1, keepdims=True) * 1e-2, 1e-12)
        found = np.exp(np.minimum(candidate(np.log(np.maximum(y, floor)), origins, horizon), 700.0))
        return np.minimum(found, 2 * np.maximum(y.max(axis=1), floor[:, 0])[:, None, None])

    return logarithmic


CANDIDATES: dict[str, Candidate] = {
    "same hour yesterday": _each_origin(same_hour_yesterday),
    "same hour last week": _each_origin(same_hour_last_week),
    "mean week": _each_origin(mean_week),
    "linear with season": _each_origin(linear_with_season),
    "line through days": _each_origin(line_through_days),
    "theta": _each_origin(theta),
    "autoregression": _each_origin(autoregression),
    "double season": double_season_smoothing,
    "double season, log": on_logs(double_season_smoothing),
    "autoregression, log": on_logs(_each_origin(autoregression)),
}
