"""Train, judge, register: the way of a new detector to the champion's door, or to a refusal that says why."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from models import plot
from models.backtest import Backtest, backtest
from models.base import LOOKBACK, SERVICE, Detector, ModelError, served_frame
from models.ensemble import Ensemble
from models.gate import Comparison
from models.registry import Registry, RegistryUnavailableError, Version
from models.tracking import Sample, Training

GATE = timedelta(days=7)
EXAMPLE_ROWS = 20


@dataclass(frozen=True)
class Outcome:
    """What came of one training: the challenger waits with the gate's word; the champion is what runs meanwhile."""

    challenger: Version
    champion: Version | None
    comparison: Comparison


@dataclass(frozen=True)
class Recipe:
    """What is trained under one name of the registry, and the naive baseline that it must beat."""

    model: str
    challenger: Callable[[], Detector]
    baseline: Callable[[], Detector]


def data_fingerprint(points: pd.DataFrame) -> str:
    """Return a hash of all points: the same data gives the same text."""
    digest = hashlib.blake2b(digest_size=16)
    for column in ("series_id", "ts", "value"):
        digest.update(pd.util.hash_pandas_object(points[column], index=False).to_numpy().tobytes())
    return digest.hexdigest()


def fingerprint_of(values: npt.NDArray[np.float64]) -> str:
    """Return a hash of a table of numbers."""
    return hashlib.blake2b(np.ascontiguousarray(values).tobytes(), digest_size=16).hexdigest()


def gate_start(points: pd.DataFrame) -> datetime:
    """Return where the slice for the gate begins: the last seven days, or the last quarter of a shorter history."""
    first, last = points["ts"].min(), points["ts"].max()
    begin: datetime = max(last - GATE, first + (last - first) * 3 / 4).floor("h").to_pydatetime()
    return begin


def train(
    url: str,
    recipe: Recipe,
    points: pd.DataFrame,
    series: pd.DataFrame,
    training: Training,
    *,
    normal: pd.DataFrame | None = None,
    incidents: pd.DataFrame | None = None,
    factors: Mapping[str, float] | None = None,
    references: Callable[[Detector, pd.DataFrame, pd.DataFrame, Path], None] | None = None,
    seed: int = 7,
) -> Outcome:
    """Fit challenger and baseline on all but the gate's slice, judge, and register the challenger with the verdict.

    `points` is all history; `normal` the part of it to learn from (default: all of it). `factors` scale the
    challenger's thresholds per class, as people's feedback asks. `references(challenger, points, series, folder)`
    writes what drift is later measured against. Where nothing runs yet, the baseline is registered too and runs until
    a challenger is promoted. `training` says where the points come from; its counts are filled in here.
    """
    if points.empty:
        raise ModelError("There are no points to train on. Load some history first.")
    here = Registry(url, recipe.model)
    running = here.champion()  # asked first: what cannot be registered need not be trained
    since = gate_start(points)
    learn = points if normal is None else normal
    head = learn[learn["ts"] < since].reset_index(drop=True)
    challenger = recipe.challenger().fit(head, series)
    if factors and isinstance(challenger, Ensemble):
        challenger.factors = dict(factors)
    baseline = recipe.baseline().fit(head, series)
    current = _loadable(here, running)
    later = points[points["ts"] >= since - _reach(series, challenger, baseline, current)].reset_index(drop=True)
    found = backtest(challenger, current, baseline, later, series, since=since, incidents=incidents, seed=seed)
    made_of = replace(
        training,
        fingerprint=data_fingerprint(head),
        points=len(head),
        series=head["series_id"].nunique(),
        left_out=len(points[points["ts"] < since]) - len(head),
        metrics={"threshold": challenger.threshold} if isinstance(challenger, Ensemble) else {},
    )
    if running is None:
        first = here.register(baseline, made_of, Sample(_example(baseline, later, series)))
        here.install_baseline(first.number, baseline.name)
    sample = Sample(
        _example(challenger, later, series),
        figures=_figures(found, series),
        tables={"choice.json": challenger.chosen_by} if isinstance(challenger, Ensemble) else {},
        writers=(lambda folder: references(challenger, head, series, folder),) if references else (),
    )
    version = here.register(challenger, made_of, sample)
    here.judge(version.number, found.comparison)
    return Outcome(version, here.champion(), found.comparison)


def _loadable(here: Registry, running: Version | None) -> Detector | None:
    """Return the champion, or None where none runs or it can no longer be loaded: then the baseline is the bar."""
    if running is None:
        return None
    try:
        found: Detector = here.load_version(running.number)
    except RegistryUnavailableError:
        raise
    except ModelError:
        return None
    return found


def _reach(series: pd.DataFrame, *detectors: Detector | None) -> timedelta:
    steps = [timedelta(seconds=float(step)) for step in series["step_seconds"].unique()]
    return max((one.lookback(step) for one in detectors if one for step in steps), default=LOOKBACK)


def _figures(found: Backtest, series: pd.DataFrame) -> dict[str, object]:
    return {
        "scores.png": plot.scores(found.untouched, series),
        "detections.png": plot.detections(found, series),
        "calibration.png": plot.calibration(found),
    }


def _example(detector: Detector, points: pd.DataFrame, series: pd.DataFrame) -> pd.DataFrame:
    """Return a few rows as MLflow may send them: of one series, or of every series of one service."""
    if detector.subject == SERVICE:
        sizes = series[series["series_id"].isin(points["series_id"].unique())].groupby("service").size()
        chosen = series[series["service"] == sizes.idxmax()]["series_id"]
    else:
        chosen = points["series_id"].head(1)
    some = points[points["series_id"].isin(chosen)]
    return served_frame(some.groupby("series_id").head(EXAMPLE_ROWS).reset_index(drop=True), series)
