"""When a series reaches its limit, as a distribution: paths simulated from its trend, its season and its own noise.

The trend is not known exactly, so every path draws its own: from Theil-Sen lines through the last one, two, four and
eight weeks of daily levels, each as often as its back-test earned, with its slope's standard error widened for the
autocorrelation of the levels. Around it go the hourly profile and whole days of past residuals, drawn at random. A
series runs out when one of its own hours is at the limit, so p50 comes before the hour at which the expected value is.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from include.capacity.candidates import DAY, WEEK, Array, theil_sen

HORIZON_DAYS = 90
HABIT = 3
"""Days of seven on which a peak at the limit is no longer bad luck."""
PATHS = 300
_WINDOWS = (7, 14, 28, 56)
_CHUNK = 16


@dataclass(frozen=True)
class Exhaustion:
    """Hours until each path of each series is at its limit (series × paths); infinite beyond the horizon."""

    hours: Array

    def quantile(self, share: float) -> Array:
        """Return the hours within which that share of the paths is at the limit; infinite when fewer ever are."""
        return np.quantile(self.hours, share, axis=1, method="higher")

    def probability_within(self, hours: float) -> Array:
        """Return, per series, the probability 0..1 that the limit is reached within these hours."""
        return (self.hours <= hours).mean(axis=1)


def exhaustion(
    y: Array,
    limit: Array,
    recovers: npt.NDArray[np.bool_] | None = None,
    seed: int = 0,
    paths: int = PATHS,
    days: int = HORIZON_DAYS,
) -> Exhaustion:
    """Simulate when each hourly series (series × hours, whole days, no gaps) has run out.

    That is when it is first at or above its limit; for a series that `recovers`, when it is there on `HABIT` of seven
    days. A NaN limit is never reached; what has run out by its last hour, or in its last week, has run out (0 hours).
    """
    recovers = np.zeros(len(y), np.bool_) if recovers is None else recovers
    found = np.full((len(y), paths), np.inf)
    week = touched(y, limit)
    for first in range(0, len(y), _CHUNK):
        part = slice(first, first + _CHUNK)
        over = _simulate(y[part], limit[part], np.random.default_rng([seed, first]), paths, days)
        found[part] = np.where(recovers[part, None], _again(over, week[part]), _first(over))
    found[np.where(recovers, week.sum(axis=1) >= HABIT, y[:, -1] >= limit)] = 0.0
    return Exhaustion(found)


def touched(y: Array, limit: Array) -> npt.NDArray[np.bool_]:
    """Return on which of the last seven days each series was at its limit (series × 7)."""
    by_day = np.asarray(y[:, -WEEK:] >= limit[:, None]).reshape(len(y), -1, DAY)
    return np.asarray(by_day.any(axis=2))


def _first(over: npt.NDArray[np.bool_]) -> Array:
    flat = over.reshape(*over.shape[:2], -1)
    return np.where(flat.any(axis=2), np.argmax(flat, axis=2) + 1.0, np.inf)


def _again(over: npt.NDArray[np.bool_], week: npt.NDArray[np.bool_]) -> Array:
    """Return the hours to the end of the first day with which `HABIT` of seven are at the limit; `week` came before."""
    before = np.broadcast_to(week[:, None], (*over.shape[:2], week.shape[1]))
    days = np.cumsum(np.concatenate([before, over.any(axis=3)], axis=2), axis=2)
    seven = days[:, :, 7:] - days[:, :, :-7]
    habit = np.asarray(seven >= HABIT)
    return np.where(habit.any(axis=2), (np.argmax(habit, axis=2) + 1.0) * DAY, np.inf)


def _simulate(y: Array, limit: Array, random: np.random.Generator, paths: int, days: int) -> npt.NDArray[np.bool_]:
    """Return which hours are at the limit (series × paths × days × 24)."""
    profile, residual, level, freedom = _decompose(y)
    slope, start, rho, innovation = _trends(level, freedom, random, paths)
    wander = _wander(rho, innovation, random, paths, days)
    day = np.arange(days)
    blocks = random.integers(0, residual.shape[1], size=(paths, days))
    season = np.tile(profile, (1, -(-days * DAY // profile.shape[1])))[:, : days * DAY].reshape(len(y), 1, days, DAY)
    path = (start[:, :, None] + slope[:, :, None] * (day + 1) + wander)[:, :, :, None]
    path = path + slope[:, :, None, None] * ((np.arange(DAY) - (DAY - 1) / 2) / DAY)
    path = path + season + residual[:, blocks]
    return np.asarray(path >= limit[:, None, None, None])


def _decompose(y: Array) -> tuple[Array, Array, Array, float]:
    """Return the profile by hour of the week (of the day below two weeks), residuals and levels by day, and a factor.

    The factor tells by how much the variance of the levels is understated, for a profile of few weeks was taken out.
    The profile's first hour is the hour after the history's last.
    """
    days = y.shape[1] // DAY
    by_day = y[:, -days * DAY :].reshape(len(y), days, DAY)
    mean = by_day.mean(axis=2)
    within = (np.arange(DAY) - (DAY - 1) / 2) / DAY
    slope = theil_sen(mean[:, -28:])
    weeks = days // 7
    daily = np.median(by_day - mean[:, :, None] - slope[:, None, None] * within, axis=1)
    hourly, level, profile, freedom = np.repeat(daily[:, None], 7, axis=1), mean, daily, 1.0
    if weeks >= 2:
        freedom = weeks / (weeks - 1)
        trend = slope[:, None] * (np.arange(weeks * 7) - (weeks * 7 - 1) / 2)
        flat = (mean[:, -weeks * 7 :] - trend).reshape(len(y), weeks, 7)
        weekday = np.median(flat - flat.mean(axis=2, keepdims=True), axis=1)
        level = mean - np.tile(weekday, (1, weeks + 1))[:, -days:]
        if weeks >= 3:
            shape = by_day[:, -weeks * 7 :] - mean[:, -weeks * 7 :, None] - slope[:, None, None] * within
            hourly = np.median(shape.reshape(len(y), weeks, 7, DAY), axis=1)
        profile = (weekday[:, :, None] + hourly).reshape(len(y), WEEK)
    spread = np.tile(hourly, (1, days // 7 + 1, 1))[:, -days:]
    residual = by_day - mean[:, :, None] - slope[:, None, None] * within - spread
    return profile, residual * (np.sqrt(freedom) if weeks >= 3 else 1.0), level, freedom


def _trends(level: Array, freedom: float, random: np.random.Generator, paths: int) -> tuple[Array, Array, Array, Array]:
    """Draw slope per day and last level (series × paths); return also the levels' AR(1) and its innovation."""
    count, days = level.shape
    windows = [width for width in _WINDOWS if width <= days] or [days]
    weights = _earned(level, windows)
    slopes, errors, anchors = [], [], []
    for width in windows:
        part = level[:, -width:]
        slope = theil_sen(part)
        middle = np.median(part - slope[:, None] * (np.arange(width) - (width - 1)), axis=1)
        noise = part - middle[:, None] - slope[:, None] * (np.arange(width) - (width - 1))
        rho = _autocorrelation(noise)
        spread = np.sqrt(freedom * (noise**2).sum(axis=1) / max(width - 2, 1))
        steps = width * (width**2 - 1) / 12
        errors.append(spread * np.sqrt((1 + rho) / (1 - rho)) / np.sqrt(steps))
        slopes.append(slope)
        anchors.append(middle)
    pick = (random.random((count, paths, 1)) > np.cumsum(weights, axis=1)[:, None, :]).sum(axis=2)
    pick = np.minimum(pick, len(windows) - 1)
    draw = random.standard_t(max(windows[0], 5), size=(count, paths))
    slope = np.take_along_axis(np.stack(slopes, 1), pick, 1) + draw * np.take_along_axis(np.stack(errors, 1), pick, 1)
    long = level[:, -windows[-1] :]
    line = anchors[-1][:, None] + slopes[-1][:, None] * (np.arange(long.shape[1]) - (long.shape[1] - 1))
    rho = _autocorrelation(long - line)
    innovation = np.std(long[:, 1:] - line[:, 1:] - rho[:, None] * (long[:, :-1] - line[:, :-1]), axis=1)
    innovation *= np.sqrt(freedom)
    tail = np.mean(level[:, -3:] - slopes[0][:, None] * (np.arange(min(3, days)) - (min(3, days) - 1)), axis=1)
    start = np.take_along_axis(np.stack(anchors, 1), pick, 1)
    start = start + rho[:, None] * (tail[:, None] - start)
    return slope, start, rho, innovation


def _earned(level: Array, windows: list[int]) -> Array:
    """Return how often each window's line is to be drawn: (error of its forecasts 7 days ahead, rolling)^-4."""
    days = level.shape[1]
    ahead = 7 if days >= 21 else 3
    origins = list(range(days - ahead, windows[0], -2))[:10]
    error = np.full((len(level), len(windows)), 1e-12)
    for origin in origins:
        for place, width in enumerate(windows):
            part = level[:, max(origin - width, 0) : origin]
            slope = theil_sen(part)
            back = np.arange(part.shape[1]) - (part.shape[1] - 1)
            now = np.median(part - slope[:, None] * back, axis=1)
            error[:, place] += np.abs(level[:, origin : origin + ahead] - now[:, None] - slope[:, None]
                                      * np.arange(1, ahead + 1)).mean(axis=1)  # fmt: skip
    raw = (error / error.min(axis=1, keepdims=True)) ** -4.0
    return raw / raw.sum(axis=1, keepdims=True)


def _autocorrelation(noise: Array) -> Array:
    energy = np.maximum((noise**2).sum(axis=1), 1e-300)
    return np.clip((noise[:, 1:] * noise[:, :-1]).sum(axis=1) / energy, 0.0, 0.9)


def _wander(
    rho: Array, innovation: Array, random: np.random.Generator, paths: int, days: int
) -> npt.NDArray[np.float64]:
    """Return series × paths × days of an AR(1) walk that starts at zero: how the level strays from its line."""
    shocks = random.standard_normal((len(rho), paths, days)) * innovation[:, None, None]
    for day in range(1, days):
        shocks[:, :, day] += rho[:, None] * shocks[:, :, day - 1]
    return shocks
