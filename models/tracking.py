"""What a training run leaves in MLflow: parameters, figures, pictures, the model itself, and where it came from."""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from include.window import Window
from models.base import TrainedModel
from models.store import save

REQUIREMENTS = ["numpy", "pandas", "numba", "scikit-learn", "holidays", "mlflow", "torch"]
_RETRIES, _SECONDS = 2, 20  # of a call to MLflow: its own defaults let a task hang for minutes when it is down


@dataclass(frozen=True)
class Training:
    """What a model was made of."""

    window: Window
    loads: tuple[str, ...]
    fingerprint: str  # of the data
    config_fingerprint: str
    code_version: str
    points: int
    series: int
    left_out: int = 0  # points of known incidents and maintenance, which are not "normal"
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Sample:
    """What shows a model at work: the input example of its signature, pictures by file name, further artifacts."""

    frame: pd.DataFrame  # as `TrainedModel.serve` takes it
    figures: Mapping[str, Any] = field(default_factory=dict)  # matplotlib figures
    tables: Mapping[str, Any] = field(default_factory=dict)  # file name → what JSON can hold
    writers: tuple[Callable[[Path], None], ...] = ()  # each writes files into a folder that becomes an artifact


def connect(url: str) -> tuple[Any, Any]:
    """Return mlflow, pointed at `url`, and a client of it."""
    import mlflow
    from mlflow import environment_variables as known

    known.MLFLOW_HTTP_REQUEST_MAX_RETRIES.set(_RETRIES)
    known.MLFLOW_HTTP_REQUEST_TIMEOUT.set(_SECONDS)
    if url.startswith("sqlite:///"):
        Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    mlflow.set_tracking_uri(url)
    return mlflow, mlflow.MlflowClient(tracking_uri=url, registry_uri=url)


def logged_run(
    mlflow: Any, client: Any, url: str, name: str, model: TrainedModel, training: Training, sample: Sample
) -> tuple[str, str]:
    """Log everything of one training as a run of the experiment `name`; return the run's id and the model's URI."""
    from mlflow.models import infer_signature

    signature = infer_signature(sample.frame, model.serve(sample.frame))
    experiment = _experiment(client, name, url)
    with tempfile.TemporaryDirectory() as folder, mlflow.start_run(experiment_id=experiment) as run:
        saved = Path(folder) / "model"
        saved.mkdir()
        save(model, saved)
        mlflow.log_params({"detector": model.name, **model.parameters})
        mlflow.log_params(
            {"window": training.window.key, "points": training.points, "series": training.series}
            | {"left_out": training.left_out}
        )
        mlflow.log_metrics(dict(training.metrics))
        mlflow.set_tags(
            {
                "data_fingerprint": training.fingerprint,
                "config_fingerprint": training.config_fingerprint,
                "code_version": training.code_version,
                "loads": str(len(training.loads)),
            }
        )
        mlflow.log_dict({"loads": list(training.loads)}, "loads.json")
        mlflow.log_dict(_environment(), "environment.json")
        for file, figure in sample.figures.items():
            mlflow.log_figure(figure, file)
        for file, content in sample.tables.items():
            mlflow.log_dict(content, file)
        for at, write in enumerate(sample.writers):
            extra = Path(folder) / f"extra-{at}"
            extra.mkdir()
            write(extra)
            mlflow.log_artifacts(str(extra), "reference")
        logged = mlflow.pyfunc.log_model(
            name="model",
            python_model=str(Path(__file__).with_name("served.py")),
            artifacts={"detector": str(saved)},
            signature=signature,
            input_example=sample.frame,
            pip_requirements=REQUIREMENTS,
        )
    return str(run.info.run_id), str(logged.model_uri)


def _environment() -> dict[str, str]:
    """Return the versions of what the model was computed with."""
    import platform
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": platform.python_version(), "machine": platform.machine()}
    for name in (*REQUIREMENTS, "prophet"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _experiment(client: Any, name: str, url: str) -> str:
    """Return the experiment's id; on SQLite its files lie beside the database."""
    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    beside = None
    if url.startswith("sqlite:///"):
        beside = (Path(url.removeprefix("sqlite:///")).resolve().parent / "artifacts").as_uri()
    return str(client.create_experiment(name, artifact_location=beside))
