"""What every anomaly detector is: fit on points, score points, explain a score; causal; saved as arrays and plain data.

Every row has two numbers. `score` says how strange the last while was, may be smoothed, and ranks: it is what VUS-PR
judges. `alarm` is what a person is called by: at 1 or more this very point is flagged. Both mean the same for every
subject, so that one number may be compared, plotted and counted over a fleet. A detector without reasons to tell them
apart gives the same number twice. `SCORE_COLUMNS` is the contract with everything behind it.

A subject is a series, or a service for a detector that judges several series of one service together.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from include.errors import AlmanacError
from include.features import Panel
from include.window import stable_hash

SCORE_COLUMNS = ("subject_kind", "subject_id", "ts", "score", "alarm", "lower", "expected", "upper")
LOOKBACK = timedelta(hours=24)
SERIES, SERVICE = "series", "service"  # kinds of subjects
SERVED_COLUMNS = ("series_id", "kind", "query", "service", "step_seconds", "time_zone", "holidays", "bad_direction")


class ModelError(AlmanacError):
    """A model that cannot be fitted, loaded or used."""


class NotTrainedError(ModelError):
    """No model has been trained yet."""


@dataclass(frozen=True)
class State:
    """All that a fitted detector is: named arrays, and plain data that JSON can hold. Nothing executable."""

    detector: str
    arrays: dict[str, npt.NDArray[Any]] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)


class TrainedModel(ABC):
    """What the registry keeps: settings, a state of arrays and plain data, and an answer to one frame."""

    name: ClassVar[str]

    @property
    @abstractmethod
    def parameters(self) -> dict[str, Any]:
        """The settings with which it was made, as logged with the training run."""

    @abstractmethod
    def state(self) -> State:
        """Return the fitted model as arrays and plain data."""

    @classmethod
    @abstractmethod
    def from_state(cls, state: State) -> "TrainedModel":
        """Return the model that `state` describes."""

    @abstractmethod
    def serve(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the model's answer to one plain frame, as MLflow serves it."""


class Detector(TrainedModel):
    """Scores points of many series at once.

    Causal and bounded: the row at `t` uses nothing after `t` and nothing at or before `t - lookback(step)`.

    `points` is a long frame `[series_id, ts, value]` sorted by series and time; `series` has one row per series:
    `[series_id, kind, query, service, step_seconds, time_zone, holidays]`, optionally `bad_direction` (up, down, both).
    """

    subject: ClassVar[str] = SERIES
    least_step: ClassVar[timedelta] = timedelta()  # of a series; for faster ones it costs more than it gives

    def lookback(self, step: timedelta) -> timedelta:  # noqa: ARG002  most look back a day, whatever the step
        """Return how far back of a row the detector looks in series of this step: a day, or up to 2,016 samples."""
        return LOOKBACK

    @abstractmethod
    def fit(self, points: pd.DataFrame, series: pd.DataFrame) -> "Detector":
        """Learn from the points, and return the detector itself. Raises `ModelError` when there are too few."""

    @abstractmethod
    def score(self, points: pd.DataFrame, series: pd.DataFrame, since: datetime | None = None) -> pd.DataFrame:
        """Return `SCORE_COLUMNS`, one row per subject and time in order of subject id and time; no value is NaN.

        For a detector of series that is one row per point, in the order of the points. Points before `since` are only
        looked back at and get no row.
        """

    @abstractmethod
    def explain(self, points: pd.DataFrame, series: pd.DataFrame, rows: npt.NDArray[np.int64]) -> list[list[str]]:
        """Return, for each of these rows of `score(points, series)`, in words what made its score, strongest first."""

    def evidence(self, points: pd.DataFrame, series: pd.DataFrame, rows: npt.NDArray[np.int64]) -> list[dict[str, Any]]:
        """Return, for each of these rows of `score(points, series)`, what JSON can hold of the reasons.

        `features` are the words of `explain`; a detector of services adds `metrics`, `pairs` and `hypotheses`.
        """
        return [{"features": why} for why in self.explain(points, series, rows)]

    def serve(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the scores of points that have the columns of their series (`SERVED_COLUMNS`) beside them."""
        points = frame.assign(ts=pd.to_datetime(frame["ts"], utc=True))
        series = points[list(SERVED_COLUMNS)].drop_duplicates("series_id")
        scores = self.score(points, series)
        return scores[["subject_id", "score", "alarm", "lower", "expected", "upper"]]


def service_id(service: str) -> int:
    """Return the `subject_id` of a service, a signed 64-bit integer that depends on its name alone."""
    return stable_hash("service", service)


def served_frame(points: pd.DataFrame, series: pd.DataFrame) -> pd.DataFrame:
    """Return points with the columns of their series beside them, as `Detector.serve` takes them."""
    known = series.assign(
        bad_direction=series.get("bad_direction", "both"),
        holidays=series["holidays"].fillna("").astype(str),
    )[list(SERVED_COLUMNS)]
    return points.merge(known, on="series_id").assign(ts=points["ts"].astype(str).to_numpy())


def score_frame(
    panel: Panel,
    score: npt.NDArray[np.float64],
    lower: npt.NDArray[np.float64],
    expected: npt.NDArray[np.float64],
    upper: npt.NDArray[np.float64],
    alarm: npt.NDArray[np.float64] | None = None,
    subject: str = SERIES,
) -> pd.DataFrame:
    """Return `SCORE_COLUMNS` for the rows of a panel; without `alarm` it is the score."""
    return pd.DataFrame(
        {
            "subject_kind": np.full(len(panel), subject, dtype=object),
            "subject_id": panel.row_ids,
            "ts": panel.times,
            "score": score,
            "alarm": score if alarm is None else alarm,
            "lower": lower,
            "expected": expected,
            "upper": upper,
        },
        copy=False,
    )
