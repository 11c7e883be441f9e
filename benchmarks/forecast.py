"""Forecasts on public hourly data and time to exhaustion on planted ramps, beside the same hour yesterday or last week.

`m4-hourly`: 48 steps, sMAPE and MASE as the competition defines them. `cluster-traces`: rolling 24 h folds over hourly
means. Both report how much the 80% band held. Ramps: a line, a daily and a weekly season and autocorrelated noise, of
14 to 56 days; the truth is the hour at which the series itself is first at its limit. As in the platform, unusual hours
of every history are set aside first.
"""

import csv
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.result import Options, Row, run
from include.capacity import Forecast, exhaustion, forecast
from include.capacity.candidates import DAY, WEEK, same_hour_last_week, same_hour_yesterday
from include.capacity.incidents import set_aside

Array = npt.NDArray[np.float64]
STEPS_48, FOLD = 48, 24
SEEDS = 20


def measure(options: Options) -> Iterator[Row]:
    """Yield a row per data set and figure."""
    if options.wants("m4-hourly"):
        yield from _m4(options)
    if options.wants("cluster-traces"):
        yield from _cluster_traces(options)
    if options.wants("ramps"):
        yield from _ramps(options)


def _m4(options: Options) -> Iterator[Row]:
    folder = (options.data or Path()) / "m4-hourly"
    pairs = [(path, path.with_name(path.name.replace("train", "test"))) for path in sorted(folder.glob("*train*.csv"))]
    if not pairs:
        yield Row.missing("m4-hourly", "sMAPE", f"{folder} has no *train*.csv")
        return
    series = [found for train, test in pairs for found in _paired(train, test)]
    series = series[:: 8 if options.quick else 1]
    started = time.monotonic()
    results = _forecast_all([known for known, _ in series])
    seconds = time.monotonic() - started
    smape, mase, held, naive_smape, naive_mase = [], [], [], [], []
    for (known, future), (lower, expected, upper) in zip(series, results, strict=True):
        naive = same_hour_yesterday(known[None], len(future))[0]
        smape.append(_smape(future, expected))
        mase.append(_mase(known, future, expected, DAY))
        naive_smape.append(_smape(future, naive))
        naive_mase.append(_mase(known, future, naive, DAY))
        held.append(np.mean((future >= lower) & (future <= upper)))
    n = len(series)
    yield Row("m4-hourly", "sMAPE", _mean(smape), 9.0, {"seasonal naive": _mean(naive_smape)}, n, seconds, False)
    yield Row("m4-hourly", "MASE", _mean(mase), 0.85, {"seasonal naive": _mean(naive_mase)}, n, seconds, False)
    yield Row("m4-hourly", "series/s", n / seconds, 10.0, {}, n, seconds)
    yield _coverage("m4-hourly", held, n)


def _paired(train: Path, test: Path) -> Iterator[tuple[Array, Array]]:
    future = dict(_rows(test))
    for name, known in _rows(train):
        if name in future:
            yield known, future[name]


def _rows(path: Path) -> Iterator[tuple[str, Array]]:
    with path.open(newline="") as file:
        lines = csv.reader(file)
        next(lines)
        for line in lines:
            yield line[0], np.array([float(cell) for cell in line[1:] if cell], np.float64)


def _forecast_all(histories: list[Array]) -> list[tuple[Array, Array, Array]]:
    """Forecast histories of any lengths, the equally long ones together."""
    found: dict[int, tuple[Array, Array, Array]] = {}
    for length in sorted({len(known) for known in histories}):
        places = [place for place, known in enumerate(histories) if len(known) == length]
        result = forecast(set_aside(np.stack([histories[place] for place in places])).value, STEPS_48)
        for row, place in enumerate(places):
            found[place] = result.lower[row], result.expected[row], result.upper[row]
    return [found[place] for place in range(len(histories))]


def _cluster_traces(options: Options) -> Iterator[Row]:
    folder = (options.data or Path()) / "cluster-traces"
    paths = sorted(folder.glob("*.csv"))
    if not paths:
        yield Row.missing("cluster-traces", "MASE", f"{folder} has no *.csv")
        return
    started = time.monotonic()
    scores, naive_scores, held, trending = [], [], [], []
    for path in paths:
        hourly = _hourly(path)
        origins = range(max(hourly.shape[1] // 2 // DAY, 4) * DAY, hourly.shape[1] - FOLD + 1, FOLD)
        folds = [_fold(hourly, origin) for origin in (list(origins)[::4] if options.quick else origins)]
        scores += list(np.mean([fold[0] for fold in folds], axis=0))
        naive_scores += list(np.mean([fold[1] for fold in folds], axis=0))
        held += list(np.mean([fold[2] for fold in folds], axis=0))
        trending += list(_is_line(hourly))
    seconds, n = time.monotonic() - started, len(scores)
    naive = {"seasonal naive": _mean(naive_scores)}
    yield Row("cluster-traces", "MASE, 24 h folds", _mean(scores), 0.70, naive, n, seconds, False)
    rest = [place for place in range(n) if not trending[place]]
    naive = {"seasonal naive": _mean([naive_scores[i] for i in rest])}
    yield Row(
        "cluster-traces", "MASE, 24 h folds", _mean([scores[i] for i in rest]), 0.80, naive, len(rest), seconds, False,
        note="without series that are nearly a line",
    )  # fmt: skip
    yield _coverage("cluster-traces", held, n)


def _hourly(path: Path) -> Array:
    """Return series × hours of means of twelve samples of 300 s, without time columns."""
    frame = pd.read_csv(path)
    frame = frame.drop(columns=[name for name in frame if "time" in str(name).lower()]).interpolate(
        limit_direction="both"
    )
    hours = len(frame) // 12
    return frame.to_numpy(np.float64)[: hours * 12].reshape(hours, 12, -1).mean(axis=1).T.copy()


def _fold(hourly: Array, origin: int) -> tuple[Array, Array, Array]:
    known, future = hourly[:, :origin], hourly[:, origin : origin + FOLD]
    result: Forecast = forecast(set_aside(known).value, FOLD)
    scale = np.abs(known[:, DAY:] - known[:, :-DAY]).mean(axis=1)
    naive = same_hour_yesterday(known, FOLD)
    held = ((future >= result.lower) & (future <= result.upper)).mean(axis=1)
    errors = (np.abs(future - guess).mean(axis=1) / scale for guess in (result.expected, naive))
    return (*errors, held)


def _is_line(hourly: Array) -> npt.NDArray[np.bool_]:
    hours = np.arange(hourly.shape[1])
    return np.array([abs(np.corrcoef(hours, row)[0, 1]) > 0.9 for row in hourly])


def _ramps(options: Options) -> Iterator[Row]:
    errors, held, naive_errors, never = [], [], [], 0
    started = time.monotonic()
    for seed in range(4 if options.quick else SEEDS):
        days = (14, 21, 28, 56)[seed % 4]
        y, limit, truth = _planted(np.random.default_rng(1000 + seed), 50, days)
        found = exhaustion(set_aside(y).value, limit)
        low, middle, high = (found.quantile(share) for share in (0.1, 0.5, 0.9))
        never += int(np.isinf(middle).sum())
        errors += list(np.abs(np.minimum(middle, 90 * DAY) - truth) / truth)
        held += list((truth >= low) & (truth <= high))
        naive_errors += list(np.abs(_naive_exhaustion(y, limit) - truth) / truth)
    seconds, n = time.monotonic() - started, len(errors)
    baseline = {"last week's growth goes on": float(np.median(naive_errors))}
    note = f"{never} of {n} not within 90 days, counted as 90"
    yield Row("ramps", "median error of p50", float(np.median(errors)), 0.15, baseline, n, seconds, False, note=note)
    yield Row("ramps", "p10 to p90 holds", _mean(held), 0.75, {}, n, seconds)
    yield Row("ramps", "series/s", n / seconds, None, {}, n, seconds)


def _planted(random: np.random.Generator, count: int, days: int) -> tuple[Array, Array, Array]:
    """Return histories, limits, and the hours until each series is at its limit for the first time."""
    width = (days + 90) * DAY
    hours = np.arange(width)
    slope, base = random.uniform(0.3, 3, count), random.uniform(30, 60, count)
    daily, weekly, phase = random.uniform(0, 8, count), random.uniform(0, 4, count), random.uniform(0, DAY, count)
    spread, memory = random.uniform(0.2, 3, count), random.uniform(0, 0.95, count)
    noise = random.standard_normal((count, width)) * (spread * np.sqrt(1 - memory**2))[:, None]
    for hour in range(1, width):
        noise[:, hour] += memory * noise[:, hour - 1]
    y = base[:, None] + slope[:, None] * hours / DAY + noise
    y += daily[:, None] * np.sin(2 * np.pi * (hours + phase[:, None]) / DAY)
    y += weekly[:, None] * np.sin(2 * np.pi * hours / WEEK)
    now = days * DAY
    limit = base + slope * (days + random.uniform(3, 75, count)) + daily + weekly / 2
    over = y[:, now:] >= limit[:, None]
    usable = over.any(axis=1) & (y[:, :now].max(axis=1) < limit)
    return y[usable, :now], limit[usable], np.argmax(over[usable], axis=1) + 1.0


def _naive_exhaustion(y: Array, limit: Array) -> Array:
    """Return the hours until the limit when last week repeats with the growth that it had over the week before."""
    growth = (y[:, -WEEK:] - y[:, -2 * WEEK : -WEEK]).mean(axis=1)
    weeks = np.arange(-(-90 * DAY // WEEK))
    week = same_hour_last_week(y, WEEK)
    path = week[:, None, :] + growth[:, None, None] * (weeks[None, :, None] + 1)
    over = (path >= limit[:, None, None]).reshape(len(y), -1)
    return np.where(over.any(axis=1), np.argmax(over, axis=1) + 1.0, 90.0 * DAY)


def _coverage(name: str, held: list[float], n: int) -> Row:
    value = _mean(held)
    note = "goal is 75% to 85%: " + ("inside" if 0.75 <= value <= 0.85 else "outside")
    return Row(name, "80% band holds", value, None, {}, n, note=note)


def _smape(truth: Array, guess: Array) -> float:
    return float(200 * np.mean(np.abs(truth - guess) / np.maximum(np.abs(truth) + np.abs(guess), 1e-300)))


def _mase(known: Array, truth: Array, guess: Array, season: int) -> float:
    return float(np.mean(np.abs(truth - guess)) / np.mean(np.abs(known[season:] - known[:-season])))


def _mean(values: list[float]) -> float:
    return float(np.mean(values))


if __name__ == "__main__":
    run("forecast", __doc__, measure)
