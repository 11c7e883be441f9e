"""Train, judge, register: the way of a new detector to the champion's door, or to a refusal that says why."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from include.features import BusinessHours, Panel
from models import plot
from models.backtest import Backtest, backtest
from models.base import LOOKBACK, SERVICE, Detector, ModelError, served_frame
from models.ensemble import Ensemble, class_of
from models.feedback import REAL, class_thresholds
from models.flags import flag, runs
from models.gate import Comparison
from models.reference import Reference, save_reference
from models.registry import Registry, RegistryUnavailableError, Version
from models.tracking import Sample, Training

GATE = timedelta(days=7)
EXAMPLE_ROWS = 20
PERSON = "person"  # origin of what a person said, among the labels


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
    said: pd.DataFrame | None = None,
    recall_floor: float = 0.9,
    hours: BusinessHours | None = None,
    seed: int = 7,
) -> Outcome:
    """Fit challenger and baseline on all but the gate's slice, judge, and register the challenger with the verdict.

    `points` is all history; `normal` the part of it to learn from (default: all of it). `said` is what people and
    incidents said of episodes, `[subject_kind, subject_id, service, first_ts, last_ts, verdict, weight, origin]`:
    what lies before the gate's slice tunes the thresholds per class with a floor on recall, what a person called real
    in it counts as an event there. Where nothing runs yet, the baseline is registered too and runs until a challenger
    is promoted. `training` says where the points come from; its counts are filled in here.
    """
    if points.empty:
        raise ModelError("There are no points to train on. Load some history first.")
    here = Registry(url, recipe.model)
    running = here.champion()  # asked first: what cannot be registered need not be trained
    since = gate_start(points)
    learn = points if normal is None else normal
    head = learn[learn["ts"] < since].reset_index(drop=True)
    challenger = recipe.challenger().fit(head, series)
    if isinstance(challenger, Ensemble) and said is not None:
        challenger.factors = _factors(challenger, points, series, said[said["last_ts"] < since], recall_floor)
    baseline = recipe.baseline().fit(head, series)
    current: Detector | None = loadable(here, running)
    later = points[points["ts"] >= since - _reach(series, challenger, baseline, current)].reset_index(drop=True)
    found = backtest(
        challenger, current, baseline, later, series, since=since, incidents=_events(incidents, said), seed=seed
    )
    made_of = replace(
        training,
        fingerprint=data_fingerprint(head),
        points=len(head),
        series=head["series_id"].nunique(),
        left_out=len(points[points["ts"] < since]) - len(head),
        metrics={"threshold": challenger.threshold} if isinstance(challenger, Ensemble) else {},
    )

    def world(model: Detector) -> Callable[[Path], None]:
        """Return what writes down the data of now, against which drift is measured later."""
        return lambda folder: save_reference(Reference.of(model, learn, series, since=since, hours=hours), folder)

    if running is None:
        first = here.register(baseline, made_of, Sample(_example(baseline, later, series), writers=(world(baseline),)))
        here.install_baseline(first.number, baseline.name)
    sample = Sample(
        _example(challenger, later, series),
        figures=_figures(found, series),
        tables={"choice.json": challenger.chosen_by} if isinstance(challenger, Ensemble) else {},
        writers=(world(challenger),),
    )
    version = here.register(challenger, made_of, sample)
    here.judge(version.number, found.comparison)
    return Outcome(version, here.champion(), found.comparison)


def _events(incidents: pd.DataFrame | None, said: pd.DataFrame | None) -> pd.DataFrame | None:
    """Return `[service, opened_at, resolved_at]` of incidents, and of episodes that a person called real."""
    if said is None:
        return incidents
    real = said[(said["verdict"] == REAL) & (said["origin"] == PERSON)]
    told = real[["service", "first_ts", "last_ts"]].set_axis(["service", "opened_at", "resolved_at"], axis=1)
    known = [part for part in (incidents, told) if part is not None and len(part)]
    return pd.concat(known, ignore_index=True) if known else incidents


def _factors(
    model: Detector, points: pd.DataFrame, series: pd.DataFrame, said: pd.DataFrame, floor: float
) -> dict[str, float]:
    """Return by what each class's threshold is multiplied, from the episodes that the model finds at half of it."""
    own = series[series["series_id"].isin(said["subject_id"]) | series["service"].isin(said["service"])]
    mine = points[points["series_id"].isin(own["series_id"])].reset_index(drop=True)
    if said.empty or mine.empty:
        return {}
    panel = Panel.of(mine, own)
    alarm = model.score(mine, own)["alarm"].to_numpy()
    rows = np.flatnonzero(flag(panel, alarm >= 0.5))
    frame = pd.DataFrame({"subject_id": panel.row_ids[rows], "ts": panel.times[rows], "peak": alarm[rows]})
    frame["run"] = runs(frame["subject_id"].to_numpy(), panel.ts[rows])
    episodes = frame.groupby("run", as_index=False).agg(
        subject_id=("subject_id", "first"), first_ts=("ts", "first"), last_ts=("ts", "last"), peak=("peak", "max")
    )
    episodes["service"] = own.set_index("series_id")["service"].reindex(episodes["subject_id"]).to_numpy()
    classes = dict(zip(own["series_id"].astype(int).tolist(), class_of(own).tolist(), strict=True))
    return class_thresholds(episodes, said, classes, floor)


def loadable(here: Registry, running: Version | None) -> Any:
    """Return the champion, or None where none runs or it can no longer be loaded: then the baseline is the bar."""
    if running is None:
        return None
    try:
        return here.load_version(running.number)
    except RegistryUnavailableError:
        raise
    except ModelError:
        return None


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
