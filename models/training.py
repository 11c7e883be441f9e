"""Train, judge, register: the whole way of a new detector to the champion's place, or to a refusal that says why."""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pandas as pd

from include.features import BusinessHours
from models import registry
from models.backtest import Comparison, compare
from models.base import LOOKBACK, ModelError
from models.isolation_forest import IsolationForestDetector
from models.registry import Training, Version
from models.robust import RobustZ

GATE = timedelta(days=7)
SAMPLE_SERIES = 8


@dataclass(frozen=True)
class Outcome:
    """What came of one training."""

    challenger: Version
    champion: Version  # that runs now
    comparison: Comparison
    promoted: bool


def data_fingerprint(points: pd.DataFrame) -> str:
    """Return a hash of all points: the same data gives the same text."""
    digest = hashlib.blake2b(digest_size=16)
    for column in ("series_id", "ts", "value"):
        digest.update(pd.util.hash_pandas_object(points[column], index=False).to_numpy().tobytes())
    return digest.hexdigest()


def gate_start(points: pd.DataFrame) -> datetime:
    """Return where the slice for the gate begins: the last seven days, or the last quarter of a shorter history."""
    first, last = points["ts"].min(), points["ts"].max()
    begin: datetime = max(last - GATE, first + (last - first) * 3 / 4).floor("h").to_pydatetime()
    return begin


def train(
    url: str,
    points: pd.DataFrame,
    series: pd.DataFrame,
    training: Training,
    *,
    incidents: pd.DataFrame | None = None,
    hours: BusinessHours | None = None,
    seed: int = 7,
    threads: int = 1,
) -> Outcome:
    """Fit the isolation forest and the robust z on all but the gate's slice, judge, register, and promote if it passes.

    The first time, when nothing beats the robust z, the robust z itself is registered and runs. `training` says where
    the points come from; its counts and fingerprint are filled in here.
    """
    if points.empty:
        raise ModelError("There are no points to train on. Load some history first.")
    since = gate_start(points)
    head = points[points["ts"] < since].reset_index(drop=True)
    forest = IsolationForestDetector(seed=seed, threads=threads, hours=hours).fit(head, series)
    baseline = RobustZ(seed=seed, threads=threads, hours=hours).fit(head, series)
    later = points[points["ts"] >= since - LOOKBACK].reset_index(drop=True)
    running = registry.champion(url)
    current = registry.load_version(url, running.number) if running else None
    comparison = compare(forest, current, baseline, later, series, since=since, incidents=incidents, seed=seed)
    made_of = replace(
        training,
        fingerprint=data_fingerprint(head),
        points=len(head),
        series=head["series_id"].nunique(),
        metrics={"threshold": forest.threshold},
    )
    sample = later[later["series_id"].isin(later["series_id"].drop_duplicates().head(SAMPLE_SERIES))]
    sample = sample.reset_index(drop=True)
    if running is None and not comparison.accepted:
        first = registry.register(url, baseline, made_of, sample, series)
        registry.install_baseline(url, first.number)
    challenger = registry.register(url, forest, made_of, sample, series)
    registry.judge(url, challenger.number, comparison)
    if comparison.accepted:
        registry.promote(url, challenger.number)
    now = registry.champion(url)
    assert now is not None  # noqa: S101  one of the two above made it
    return Outcome(challenger, now, comparison, comparison.accepted)
