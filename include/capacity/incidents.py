"""Hours that say nothing about capacity: short excursions that do not recur, as incidents leave them.

A pool that overflowed for an hour, a leak until the restart, a disk that a runaway log filled until it was cleared:
such hours touch the limit, yet more capacity is not what they ask for. They are told by the series alone, by how its
own same hours of the neighbouring days went; what lasts, and what comes back at its hour, stays.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from include.capacity.candidates import DAY, Array, theil_sen

Flags = npt.NDArray[np.bool_]

NEIGHBOURS = 15
"""Days whose same hours say what is usual: a week to either side; at the ends as many, all to one side."""
FAR, NEAR = 5.0, 2.5
"""Deviations, in standard deviations estimated by the MAD: that make an hour unusual, and that its run still includes.
"""
OF_LEVEL, OF_SPREAD, OF_SWING = 0.01, 0.5, 0.04
"""Floors of that deviation: shares of the series' typical size, of the deviation over all its hours, and of how far it
swings within a day."""
LASTING = 12
"""Hours: what runs longer is a level shift, and stays."""
PAUSE = 4
"""Hours back at the usual that do not end a run."""
HABIT_OF_DAYS, HABIT_OF_WEEKDAYS = 0.25, 0.5
"""A peak is a habit, and stays, if it comes at its hour on this share of the neighbouring days or same weekdays, or on
three days running."""
LEAST_WEEKDAYS = 2
"""Other weeks in which it must have come, so that two incidents a week apart are no habit."""


@dataclass(frozen=True)
class Usual:
    """`value`: series × hours with the unusual ones replaced by what was expected there; `aside` tells which."""

    value: Array
    aside: Flags

    @property
    def hours(self) -> npt.NDArray[np.int64]:
        """Number of hours set aside, per series."""
        return self.aside.sum(axis=1)


def set_aside(y: Array) -> Usual:
    """Replace the unusual hours of each series (series × hours, no gaps); hours before its last whole days stay.

    An hour is unusual if it is `FAR` from the median of the same hours of the neighbouring days, moved along the
    series' trend, in a run of at most `LASTING` hours that does not recur. In its place comes that median plus the
    deviation of the hours around the run, so ramps, weekends and daily levels go on through it.
    """
    days = y.shape[1] // DAY
    head, y = y[:, : y.shape[1] - days * DAY], y[:, y.shape[1] - days * DAY :]
    by_day = y.reshape(len(y), days, DAY)
    trend = theil_sen(np.median(by_day, axis=2)[:, -56:])[:, None] * np.arange(y.shape[1]) / DAY
    flat = (y - trend).reshape(by_day.shape)
    deviation = flat - _neighbouring_median(flat)
    deviation -= _of_weekday(deviation)
    spread = _spread(deviation, by_day)
    score = np.where(_new_level(flat, spread), 0.0, deviation / spread[:, None, :]).reshape(y.shape)
    aside = np.zeros(y.shape, bool)
    short = _no_longer_than(np.abs(score) > FAR, LASTING)  # up and down in turns is a season that moved: it lasts
    for side in (1.0, -1.0):
        far = side * score > FAR
        once = far & short & ~_habit(far.reshape(by_day.shape)).reshape(y.shape)
        aside |= _extended(once, side * score > NEAR)
    rest = pd.DataFrame(np.where(aside, np.nan, deviation.reshape(y.shape)).T).interpolate(limit_direction="both")
    expected = y - deviation.reshape(y.shape) + rest.fillna(0.0).to_numpy().T
    return Usual(np.hstack([head, np.where(aside, expected, y)]), np.hstack([np.zeros(head.shape, bool), aside]))


def _around(day: int, days: int) -> slice:
    first = min(max(day - NEIGHBOURS // 2, 0), max(days - NEIGHBOURS, 0))
    return slice(first, first + NEIGHBOURS)


def _neighbouring_median(flat: Array) -> Array:
    days = flat.shape[1]
    return np.stack([np.median(flat[:, _around(day, days)], axis=1) for day in range(days)], axis=1)


def _new_level(flat: Array, spread: Array) -> Flags:
    """Return which hours (series × days × 24) are not far from their hour in the week before, or in the week after.

    So a new level is compared with itself. Hours without a whole week on either side are none of these.
    """
    days, week = flat.shape[1], NEIGHBOURS // 2
    found = np.zeros(flat.shape, bool)
    for day in range(week, days - week):
        for part in (flat[:, day - week : day], flat[:, day + 1 : day + 1 + week]):
            found[:, day] |= np.abs(flat[:, day] - np.median(part, axis=1)) <= FAR * spread
    return found


def _of_weekday(deviation: Array) -> Array:
    """Return how each weekday's hours usually deviate from the neighbouring days'; nothing before three weeks."""
    count, days, _ = deviation.shape
    weeks = days // 7
    if weeks < LEAST_WEEKDAYS + 1:
        return np.zeros_like(deviation)
    last = deviation[:, -weeks * 7 :].reshape(count, weeks, 7, DAY)
    beside = np.concatenate([np.roll(last, shift, axis=3) for shift in (-1, 0, 1)], axis=1)
    return np.tile(np.median(beside, axis=1), (1, weeks + 1, 1))[:, -days:]


def _spread(deviation: Array, by_day: Array) -> Array:
    """Return the usual deviation by hour of the day (series × 24), with the hours beside it, above its floors."""
    beside = np.concatenate([np.roll(deviation, shift, axis=2) for shift in (-1, 0, 1)], axis=1)
    own = 1.4826 * np.median(np.abs(beside), axis=1)
    overall = 1.4826 * np.median(np.abs(deviation), axis=(1, 2))
    size = np.median(np.abs(by_day), axis=(1, 2))
    swing = np.median(np.ptp(by_day, axis=2), axis=1)
    floor = np.maximum.reduce([OF_SPREAD * overall, OF_LEVEL * size, OF_SWING * swing])
    return np.maximum(np.maximum(own, floor[:, None]), 1e-300)


def _habit(far: Flags) -> Flags:
    """Return which hours (series × days × 24) are far at their hour, or one beside it, on enough other days."""
    days = far.shape[1]
    line = far.reshape(len(far), -1)
    near = line | _shifted(line, 1) | _shifted(line, -1)
    came = near.reshape(far.shape)
    others = np.stack([came[:, _around(day, days)].sum(axis=1) for day in range(days)], axis=1) - came
    daily = others >= HABIT_OF_DAYS * (min(NEIGHBOURS, days) - 1)
    weekly = np.zeros(far.shape, bool)
    for weekday in range(min(7, days)):
        same = came[:, weekday::7]
        rest = same.sum(axis=1, keepdims=True) - same
        weekly[:, weekday::7] = rest >= max(LEAST_WEEKDAYS, HABIT_OF_WEEKDAYS * (same.shape[1] - 1))
    running = np.zeros(far.shape, bool)
    three = came[:, 2:] & came[:, 1:-1] & came[:, :-2]
    for day in range(3):
        running[:, day : days - 2 + day] |= three
    return daily | weekly | running


def _shifted(flags: Flags, hours: int) -> Flags:
    moved = np.zeros_like(flags)
    if hours > 0:
        moved[:, hours:] = flags[:, :-hours]
    else:
        moved[:, :hours] = flags[:, -hours:]
    return moved


def _runs(flags: Flags) -> npt.NDArray[np.int64]:
    """Return a number per run of set flags, unique over all series; 0 where none is set."""
    starts = flags & ~_shifted(flags, 1)
    return np.where(flags, np.cumsum(starts.ravel()).reshape(flags.shape), 0)


def _no_longer_than(flags: Flags, most: int) -> Flags:
    """Return the flags whose run, pauses of at most `PAUSE` hours included, spans at most `most` hours."""
    bridged = flags | _gaps(flags)
    runs = _runs(bridged)
    return flags & (np.bincount(runs.ravel())[runs] <= most)


def _gaps(flags: Flags) -> Flags:
    """Return the hours of each gap of at most `PAUSE` hours between two set flags."""
    place = np.arange(flags.shape[1])
    before = np.maximum.accumulate(np.where(flags, place, -flags.shape[1]), axis=1)
    after = np.minimum.accumulate(np.where(flags, place, 2 * flags.shape[1])[:, ::-1], axis=1)[:, ::-1]
    return after - before - 1 <= PAUSE


def _extended(core: Flags, near: Flags) -> Flags:
    """Return each run of `near` that holds a flag of `core`: the way up to an excursion and down from it."""
    runs = _runs(near)
    touched = np.zeros(int(runs.max(initial=0)) + 1, bool)
    touched[runs[core]] = True
    touched[0] = False
    return touched[runs]
