"""The forecast pool on single series, NAB's and cloud monitoring data, beside plain baselines in the same run.

A detector is fitted on the training parts of all series of a data set at once (NAB: the first 15%, at most 750 rows;
cloud monitoring: the first 10%) and scores every series as the platform does; only rows behind the training part count.
VUS-PR is the mean over series with its bootstrap interval. What a person is called by is judged by events at alarm 1
or more, confirmed by the platform's n-of-m rule. NAB's own points are printed at the threshold that suits the corpus
best, which is how its leaderboard is made, and at alarm 1: the threshold that the detector has for any data.
"""

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.detection import BASELINES, OperatingPoint, bootstrap, operating_point
from benchmarks.labelled_series import CLOUD, NAB, Labelled, cloud, frames, nab
from benchmarks.nab_score import Marked, Profile, best_score, corpus_score
from benchmarks.result import Options, Row, run
from include.config.detection import Detection
from include.features import Panel
from models.base import Detector, ModelError
from models.ensemble import Ensemble
from models.flags import flag
from models.forecast_pool import ForecastPool
from models.isolation_forest import IsolationForestDetector
from models.robust import RobustZ
from models.seasonal import Seasonal
from models.vus import natural_window, vus_pr

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

OTHERS: tuple[type[Detector], ...] = (RobustZ, IsolationForestDetector, Seasonal, ForecastPool)
"""The platform's other detectors of series, whose VUS-PR stands among the baselines."""
FINDERS = {NAB: nab, CLOUD: cloud}
GOALS = {(NAB, "all"): 0.45, (CLOUD, "hourly"): 0.80, (CLOUD, "minute"): 0.60}
NAB_GOAL = 65.0
RECALL_GOAL, FALSE_GOAL, QUIET_GOAL, DELAY_GOAL = 0.60, 1.0, 0.1, 3.0
LAGS = 24  # samples of a window of the lagged PCA
MOST_TRAINED = 5_000  # windows that the lagged PCA is fitted on


def measure(options: Options) -> Iterator[Row]:
    """Yield the rows of every data set that is there."""
    for name, finder in FINDERS.items():
        if not options.wants(name):
            continue
        folder = (options.data or Path()) / name
        found = list(finder(folder))[:: 4 if options.quick else 1]
        if not found:
            yield Row.missing(name, "VUS-PR", f"{folder} has no labelled series")
            continue
        yield from _data_set(name, folder, found)


def _data_set(name: str, folder: Path, found: list[Labelled]) -> Iterator[Row]:
    plain = {key: [_baseline(key, one) for one in found] for key in (*BASELINES, "Sub-PCA")}
    groups = ["all"] if name == NAB else sorted({one.pace for one in found})
    try:
        started = time.monotonic()
        scores, alarms, flagged = judged(Ensemble(Detection().members), found)
        seconds = time.monotonic() - started
        plain |= {other.name: judged(other(), found)[0] for other in OTHERS}
    except ModelError as problem:
        yield Row.missing(name, "VUS-PR", str(problem))
        return
    for group in groups:
        chosen = [at for at, one in enumerate(found) if group in ("all", one.pace)]
        label = name if group == "all" else f"{name}, {group}"
        part = [found[at] for at in chosen]
        base = {key: _mean_vus(part, [plain[key][at] for at in chosen]) for key in plain}
        yield _vus_row(label, part, [scores[at] for at in chosen], GOALS.get((name, group)), base, seconds)
        yield from _alarm_rows(label, part, [flagged[at] for at in chosen])
    if name == NAB:
        yield from _nab_rows(name, folder, found, alarms)


def judged(detector: Detector, found: list[Labelled]) -> tuple[list[Floats], list[Floats], list[Flags]]:
    """Return scores, alarms and flagged rows of all clean rows of each series, fitted and scored as in the platform."""
    points, series, training = frames(found)
    detector.fit(points[training].reset_index(drop=True), series)
    scores = detector.score(points, series)
    over = flag(Panel.of(points, series), scores["alarm"].to_numpy() >= 1.0)
    ends = np.cumsum([len(one.ts) for one in found])[:-1]
    score, alarm = (np.split(scores[column].to_numpy(), ends) for column in ("score", "alarm"))
    return score, alarm, np.split(over, ends)


def _baseline(name: str, one: Labelled) -> Floats:
    """Return a baseline's score of all clean rows; those of the training part are 0."""
    values = one.values[:, None]
    train, test = values[: one.train], values[one.train :]
    score = lagged_pca(train, test) if name == "Sub-PCA" else BASELINES[name](train, test, 7)
    return np.concatenate([np.zeros(one.train), score])


def lagged_pca(train: Floats, test: Floats) -> Floats:
    """Return how far each window of the last 24 samples lies from the training windows' components (Sub-PCA).

    As in TSB-AD every direction counts by the inverse of its variance; here windows end at the row that they judge.
    """
    known = np.lib.stride_tricks.sliding_window_view(train[:, 0], min(LAGS, len(train) // 3))[-MOST_TRAINED:]
    size = known.shape[1]
    later = np.lib.stride_tricks.sliding_window_view(np.concatenate([train[-size + 1 :, 0], test[:, 0]]), size)
    centre, spread = known.mean(axis=0), max(float(known.std()), 1e-9)
    variance, axes = np.linalg.eigh(np.cov(((known - centre) / spread).T))
    inside = ((later - centre) / spread) @ axes
    return np.asarray((inside**2 / np.maximum(variance, 1e-3 * variance.max() + 1e-12)).sum(axis=1))


def _vus(one: Labelled, score: Floats) -> float:
    return vus_pr(one.tested, score[one.train :], natural_window(one.values)) if one.tested.any() else float("nan")


def _mean_vus(found: list[Labelled], scores: list[Floats]) -> float:
    return _known_mean(np.array([_vus(one, score) for one, score in zip(found, scores, strict=True)]))


def _vus_row(
    name: str,
    found: list[Labelled],
    scores: list[Floats],
    goal: float | None,
    base: Mapping[str, float],
    seconds: float,
) -> Row:
    values = np.array([_vus(one, score) for one, score in zip(found, scores, strict=True)])
    if not np.isfinite(values).any():
        return Row.missing(name, "VUS-PR", "no series has a labelled event behind its training part")
    low, high = bootstrap(values)
    halves = [np.nanmean(values[start::2]) for start in (0, 1)]
    families = sorted({one.family for one in found})
    by = [_known_mean(values[[one.family == family for one in found]]) for family in families]
    spread = ", ".join(
        f"{family} {value:.2f}" for family, value in zip(families, by, strict=True) if not np.isnan(value)
    )
    note = f"95% {low:.2f} to {high:.2f}; every other series {halves[0]:.2f} and {halves[1]:.2f}; {spread}"
    return Row(
        name, "VUS-PR", float(np.nanmean(values)), goal, base, int(np.isfinite(values).sum()), seconds, note=note
    )


def _known_mean(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def _alarm_rows(name: str, found: list[Labelled], flagged: list[Flags]) -> Iterator[Row]:
    met = [operating_point(one.tested, rows[one.train :], one.step) for one, rows in zip(found, flagged, strict=True)]
    whole = _together(met)
    quiet = [point for point in met if not point.events]
    windows = any(one.windows for one in found)
    if whole.events:
        yield Row(name, "event recall", whole.recall, RECALL_GOAL, n=whole.events, note="alarm at 1, n of m")
        yield Row(name, "event F1", whole.event_f1, n=whole.events)
    rates = [point.false_per_day for point in met]
    note = f"median series {np.median(rates):.2f}, worst {max(rates):.2f}"
    yield Row(
        name, "false episodes per series and day", whole.false_per_day, FALSE_GOAL, n=len(met), higher_is_better=False,
        note=note,
    )  # fmt: skip
    if quiet:
        yield Row(
            name, "false episodes per day, series without anomalies", _together(quiet).false_per_day, QUIET_GOAL,
            n=len(quiet), higher_is_better=False,
        )  # fmt: skip
    if len(whole.delays):
        middle, late = np.quantile(whole.delays, [0.5, 0.9])
        yield Row(
            name, "delay in samples, median", float(middle), None if windows else DELAY_GOAL, n=len(whole.delays),
            higher_is_better=False, note=f"p90 {late:.0f}" + windows * "; its windows begin long before their events",
        )  # fmt: skip


def _together(met: list[OperatingPoint]) -> OperatingPoint:
    """Return the sums over series."""
    delays = np.concatenate([point.delays for point in met])
    total = [sum(getattr(point, field) for point in met) for field in ("events", "found", "false_episodes", "days")]
    return OperatingPoint(int(total[0]), int(total[1]), int(total[2]), float(total[3]), delays)


def _nab_rows(name: str, folder: Path, found: list[Labelled], alarms: list[Floats]) -> Iterator[Row]:
    path = folder / "config" / "profiles.json"
    if not path.exists():
        yield Row.missing(name, "NAB points", f"{path} is not there")
        return
    profiles = Profile.read(json.loads(path.read_text()))
    corpus = [Marked.of(one.rows, one.windows) for one in found]
    risen = [one.in_file(rising(alarm)) for one, alarm in zip(found, alarms, strict=True)]
    for key, profile in profiles.items():
        best, threshold = best_score(risen, corpus, profile)
        halves = [best_score(risen[start::2], corpus[start::2], profile)[0] for start in (0, 1)]
        fixed = corpus_score([score >= 1.0 for score in risen], corpus, profile)
        windows = sum(one.windows for one in corpus)
        goal = NAB_GOAL if key == "standard" else None
        note = f"best threshold {threshold:.3f}, as NAB ranks; every other series {halves[0]:.1f} and {halves[1]:.1f}"
        yield Row(name, f"NAB {key}", best, goal, n=windows, note=note)
        yield Row(
            name,
            f"NAB {key}, alarm at 1",
            fixed,
            None,
            n=windows,
            note="one rule for the thresholds of all data; its two bounds were settled on this data and the cloud's",
        )


def rising(alarm: Floats) -> Floats:
    """Return the alarm where it is higher than a row before, 0 elsewhere: one that lasts is one detection for NAB."""
    before = np.concatenate([[0.0], alarm[:-1]])
    return np.where(alarm > before, alarm, 0.0)


if __name__ == "__main__":
    run("single_series", __doc__, measure)
