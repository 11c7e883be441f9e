"""A model as MLflow serves it: a model from code, which loads arrays and JSON and never a pickle.

MLflow runs this file.
"""

from pathlib import Path
from typing import Any

import mlflow
import pandas as pd

from models.store import load


class Served(mlflow.pyfunc.PythonModel):
    """Answers one frame with the model's `serve`."""

    def load_context(self, context: Any) -> None:
        """Load the model from its own folder."""
        self.model = load(Path(context.artifacts["detector"]))

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> pd.DataFrame:  # noqa: ARG002
        """Return what the model says of the frame."""
        return self.model.serve(model_input)


mlflow.models.set_model(Served())
