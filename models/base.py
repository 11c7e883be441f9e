"""What every anomaly detector is: fit on points, score points, explain a score; causal; saved as arrays and plain data.

A score of 1 is where the detector flags a point. It means the same for every series, so that one number may be
compared, plotted and counted over a fleet. `SCORE_COLUMNS` is the contract with everything behind it.
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

SCORE_COLUMNS = ("subject_kind", "subject_id", "ts", "score", "lower", "expected", "upper")
LOOKBACK = timedelta(hours=24)


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


class Detector(ABC):
    """Scores points of many series at once. The score at `t` uses nothing after `t` and nothing before `t - lookback`.

    `points` is a long frame `[series_id, ts, value]` sorted by series and time; `series` has one row per series:
    `[series_id, kind, query, service, step_seconds, time_zone, holidays]`, optionally `bad_direction` (up, down, both).
    """

    name: ClassVar[str]
    lookback: ClassVar[timedelta] = LOOKBACK

    @abstractmethod
    def fit(self, points: pd.DataFrame, series: pd.DataFrame) -> "Detector":
        """Learn from the points, and return the detector itself. Raises `ModelError` when there are too few."""

    @abstractmethod
    def score(self, points: pd.DataFrame, series: pd.DataFrame, since: datetime | None = None) -> pd.DataFrame:
        """Return `SCORE_COLUMNS`, one row per point in the order of the points; no value is NaN.

        Points before `since` are only looked back at and get no row.
        """

    @abstractmethod
    def explain(self, points: pd.DataFrame, series: pd.DataFrame, rows: npt.NDArray[np.int64]) -> list[list[str]]:
        """Return, for each of these rows of `points`, in words what made its score, strongest first."""

    @abstractmethod
    def state(self) -> State:
        """Return the fitted detector as arrays and plain data."""

    @classmethod
    @abstractmethod
    def from_state(cls, state: State) -> "Detector":
        """Return the detector that `state` describes."""

    @property
    @abstractmethod
    def parameters(self) -> dict[str, Any]:
        """The settings with which it was made, as logged with the training run."""


def score_frame(
    panel: Panel,
    score: npt.NDArray[np.float64],
    lower: npt.NDArray[np.float64],
    expected: npt.NDArray[np.float64],
    upper: npt.NDArray[np.float64],
) -> pd.DataFrame:
    """Return `SCORE_COLUMNS` for the rows of a panel."""
    return pd.DataFrame(
        {
            "subject_kind": np.full(len(panel), "series", dtype=object),
            "subject_id": panel.row_ids,
            "ts": panel.times,
            "score": score,
            "lower": lower,
            "expected": expected,
            "upper": upper,
        },
        copy=False,
    )
