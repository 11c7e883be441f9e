"""MLflow: training runs, versions of `anomaly-detector`, and which of them runs.

`register` logs a run with all that it takes to trace it and makes a version with the alias `challenger`; `judge` writes
down what the gate found; `promote` moves `champion`, and refuses without a passed gate against the champion of now;
`rollback` goes back. Works against a server or a SQLite file alike.
"""

import tempfile
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from include.window import Window
from models.backtest import Comparison
from models.base import Detector, ModelError, NotTrainedError
from models.plot import score_plot
from models.store import load, save

NAME = "anomaly-detector"
CHALLENGER, CHAMPION = "challenger", "champion"
EXPERIMENT = "anomaly-detection"
REQUIREMENTS = ["numpy", "pandas", "numba", "scikit-learn", "holidays", "mlflow"]
NONE = "none"
FIGURES = ("vus_pr_challenger", "vus_pr_champion", "vus_pr_robust_z", "false_episodes_challenger")


class PromotionRefusedError(ModelError):
    """A version that may not become champion."""


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
    metrics: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Version:
    """One version of the registered model."""

    number: str
    run_id: str
    detector: str
    tags: dict[str, str]


def register(url: str, detector: Detector, training: Training, points: pd.DataFrame, series: pd.DataFrame) -> Version:
    """Log a training run with its model, register it and call it `challenger`.

    `points` and `series` are a small sample of what the model scores: its first rows become the input example, its
    strangest series the plot.
    """
    mlflow, client = _connect(url)
    example, signature = _example(detector, points, series)
    with tempfile.TemporaryDirectory() as folder, mlflow.start_run(experiment_id=_experiment(client, url)) as run:
        save(detector, Path(folder))
        mlflow.log_params({"detector": detector.name, **detector.parameters})
        mlflow.log_params({"window": training.window.key, "points": training.points, "series": training.series})
        mlflow.log_metrics(training.metrics)
        mlflow.set_tags(
            {
                "data_fingerprint": training.fingerprint,
                "config_fingerprint": training.config_fingerprint,
                "code_version": training.code_version,
                "loads": str(len(training.loads)),
            }
        )
        mlflow.log_dict({"loads": list(training.loads)}, "loads.json")
        mlflow.log_figure(score_plot(detector.score(points, series), points), "scores.png")
        logged = mlflow.pyfunc.log_model(
            name="model",
            python_model=str(Path(__file__).with_name("served.py")),
            artifacts={"detector": folder},
            signature=signature,
            input_example=example,
            pip_requirements=REQUIREMENTS,
        )
    made = mlflow.register_model(logged.model_uri, NAME)
    client.set_model_version_tag(NAME, made.version, "detector", detector.name)
    client.set_registered_model_alias(NAME, CHALLENGER, made.version)
    return Version(str(made.version), run.info.run_id, detector.name, {"detector": detector.name})


def judge(url: str, version: str, comparison: Comparison) -> None:
    """Write what the gate found to the version and to its run."""
    _, client = _connect(url)
    run_id = client.get_model_version(NAME, version).run_id
    for role, value in comparison.quality.items():
        client.log_metric(run_id, f"vus_pr_{role}", value)
    for role, rate in comparison.false_episodes.items():
        client.log_metric(run_id, f"false_episodes_{role}", rate)
    client.log_dict(run_id, asdict(comparison), "gate.json")
    tags: dict[str, str] = {
        "gate": "accepted" if comparison.accepted else "refused",
        "gate_verdict": comparison.verdict,
        "gate_champion": _number(champion(url)),
    }
    for key, text in tags.items():
        client.set_model_version_tag(NAME, version, key, text)


def promote(url: str, version: str) -> None:
    """Make a version champion; raises `PromotionRefusedError` unless it passed the gate against the champion of now."""
    _, client = _connect(url)
    tags = client.get_model_version(NAME, version).tags
    if tags.get("gate") != "accepted":
        raise PromotionRefusedError(
            f"Version {version} of {NAME} did not pass the gate: {tags.get('gate_verdict', 'it was never judged')}. "
            "Train another, or run the gate first."
        )
    current = _number(champion(url))
    if tags["gate_champion"] != current:
        raise PromotionRefusedError(
            f"Version {version} of {NAME} was judged against champion {tags['gate_champion']}, but now {current} runs. "
            "Run the gate again."
        )
    _crown(client, version, current)


def install_baseline(url: str, version: str) -> None:
    """Let the baseline run where nothing has ever beaten it; refused when there is a champion or it is no baseline."""
    _, client = _connect(url)
    if champion(url) is not None or client.get_model_version(NAME, version).tags.get("detector") != "robust_z":
        raise PromotionRefusedError(f"Version {version} of {NAME} may run ungated only as the first, and as robust_z.")
    _crown(client, version, NONE)


def rollback(url: str) -> str:
    """Let the champion's predecessor run again, and return its number."""
    _, client = _connect(url)
    current = champion(url)
    before = current.tags.get("champion_before", NONE) if current else NONE
    if before == NONE:
        raise PromotionRefusedError(f"{NAME} has no earlier champion to go back to.")
    client.set_registered_model_alias(NAME, CHAMPION, before)
    return before


def champion(url: str) -> Version | None:
    """Return the version that runs, or None where none ever did."""
    from mlflow.exceptions import MlflowException

    _, client = _connect(url)
    try:
        found = client.get_model_version_by_alias(NAME, CHAMPION)
    except MlflowException:
        return None
    return Version(str(found.version), found.run_id, found.tags.get("detector", ""), dict(found.tags))


def versions(url: str, most: int = 10) -> list[dict[str, Any]]:
    """Return the newest versions, newest first: version, role, detector, trained_at, figures, review and run_id.

    The role is champion, challenger, or the detector's name for one that neither alias points to.
    """
    _, client = _connect(url)
    found = client.search_model_versions(f"name='{NAME}'", max_results=200)
    newest = sorted(found, key=lambda version: int(version.version), reverse=True)[:most]
    aliases = (
        {str(number): alias for alias, number in client.get_registered_model(NAME).aliases.items()} if found else {}
    )
    current = champion(url)
    described = []
    for version in newest:
        run = client.get_run(version.run_id)
        role = CHAMPION if current and current.number == str(version.version) else aliases.get(str(version.version), "")
        described.append(
            {
                "model": NAME,
                "version": str(version.version),
                "role": role or "retired",
                "detector": version.tags.get("detector", ""),
                "trained_at": datetime.fromtimestamp(version.creation_timestamp / 1000, UTC),
                "figures": {name: value for name, value in run.data.metrics.items() if name in FIGURES},
                "review": version.tags.get("gate_verdict") or "The baseline: it runs where nothing has beaten it.",
                "run_id": version.run_id,
            }
        )
    return described


def load_champion(url: str) -> tuple[Detector, Version]:
    """Return the detector that runs, and its version. Raises `NotTrainedError` where there is none."""
    version = champion(url)
    if version is None:
        raise NotTrainedError(f"{NAME} has no champion in {url}. Run the DAG train_anomaly_models once.")
    return load_version(url, version.number), version


def load_version(url: str, version: str) -> Detector:
    """Return the detector of one version, from arrays and JSON."""
    mlflow, client = _connect(url)
    with tempfile.TemporaryDirectory() as folder:
        source = client.get_model_version(NAME, version).source
        path = mlflow.artifacts.download_artifacts(artifact_uri=source, dst_path=folder, tracking_uri=url)
        return load(next(Path(path).rglob("state.json")).parent)


def _connect(url: str) -> tuple[Any, Any]:
    import mlflow

    if url.startswith("sqlite:///"):
        Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    mlflow.set_tracking_uri(url)
    return mlflow, mlflow.MlflowClient(tracking_uri=url, registry_uri=url)


def _experiment(client: Any, url: str) -> str:
    """Return the experiment's id; on SQLite its files lie beside the database."""
    found = client.get_experiment_by_name(EXPERIMENT)
    if found is not None:
        return str(found.experiment_id)
    beside = None
    if url.startswith("sqlite:///"):
        beside = (Path(url.removeprefix("sqlite:///")).resolve().parent / "artifacts").as_uri()
    return str(client.create_experiment(EXPERIMENT, artifact_location=beside))


def _example(detector: Detector, points: pd.DataFrame, series: pd.DataFrame) -> tuple[pd.DataFrame, Any]:
    from mlflow.models import infer_signature

    columns = ["series_id", "step_seconds", "time_zone", "holidays", "service"]
    known = series[columns].assign(
        bad_direction=series.get("bad_direction", "both"),
        holidays=series["holidays"].fillna("").astype(str),
    )
    first = points[points["series_id"] == points["series_id"].iloc[0]].head(20)
    joined = first.merge(known, on="series_id").assign(ts=first["ts"].astype(str).to_numpy())
    scored = detector.score(first.reset_index(drop=True), series)[["score", "lower", "expected", "upper"]]
    return joined, infer_signature(joined, scored)


def _number(version: Version | None) -> str:
    return NONE if version is None else version.number


def _crown(client: Any, version: str, before: str) -> None:
    client.set_model_version_tag(NAME, version, "champion_before", before)
    client.set_registered_model_alias(NAME, CHAMPION, version)
