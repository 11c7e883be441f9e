"""The detector as MLflow serves it: a model from code, which loads arrays and JSON and never a pickle.

MLflow runs this file. Its input is one frame: points with the columns of their series beside them.
"""

from pathlib import Path
from typing import Any

import mlflow
import pandas as pd

from models.store import load

SERIES_COLUMNS = ["series_id", "step_seconds", "time_zone", "holidays", "service", "bad_direction"]


class Served(mlflow.pyfunc.PythonModel):
    """Scores `[series_id, ts, value]` and the columns of the series, row for row."""

    def load_context(self, context: Any) -> None:
        """Load the detector from the model's own folder."""
        self.detector = load(Path(context.artifacts["detector"]))

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> pd.DataFrame:  # noqa: ARG002
        """Return time, score and expected range of each row."""
        frame = model_input.assign(ts=pd.to_datetime(model_input["ts"], utc=True))
        series = frame[SERIES_COLUMNS].drop_duplicates("series_id")
        return self.detector.score(frame, series)[["score", "lower", "expected", "upper"]]


mlflow.models.set_model(Served())
