"""A fitted model on disk: `arrays.npz` and `state.json` in one folder. Numbers and text only, never a pickle."""

import hashlib
import importlib
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from models.base import ModelError, State, TrainedModel

KINDS = {
    "capacity_pool": "include.capacity.model:CapacityForecast",
    "default_pool": "include.capacity.model:DefaultPool",
    "robust_z": "models.robust:RobustZ",
    "isolation_forest": "models.isolation_forest:IsolationForestDetector",
    "ensemble": "models.ensemble:Ensemble",
    "joint": "models.joint:Joint",
    "mean_z": "models.mean_z:MeanZ",
    "forecast_pool": "models.forecast_pool:ForecastPool",
    "seasonal": "models.seasonal:Seasonal",
    "lstm_autoencoder": "models.lstm_autoencoder:LstmAutoencoder",
    "prophet_band": "models.prophet_band:ProphetBand",
    "log_lines": "models.log_lines:LogLines",
    "template_rarity": "models.log_lines:TemplateRarity",
}
"""Every kind of model by its name; the class is imported when one is loaded or made, so this module stays light."""

FORMAT = 2  # of `state.json`; a newer one may hold what this version cannot read
ARRAYS, DATA = "arrays.npz", "state.json"


def kind(name: str) -> type[TrainedModel]:
    """Return the class of the models of that name. Raises `ModelError` for one that this version does not know."""
    if name not in KINDS:
        raise ModelError(f"There is no model {name!r}; this version knows {', '.join(sorted(KINDS))}.")
    module, _, member = KINDS[name].partition(":")
    found: type[TrainedModel] = getattr(importlib.import_module(module), member)
    return found


def save(model: TrainedModel, folder: Path) -> None:
    """Write the model into an existing folder."""
    state = model.state()
    np.savez_compressed(folder / ARRAYS, allow_pickle=False, **state.arrays)
    content = {
        "format": FORMAT,
        "detector": state.detector,
        "data": state.data,
        "arrays_sha256": _digest((folder / ARRAYS).read_bytes()),
        "data_sha256": _digest(_canonical(state.data)),
    }
    (folder / DATA).write_text(json.dumps(content, indent=2, sort_keys=True))


def load(folder: Path) -> Any:
    """Read a model; raises `ModelError` when the folder holds none, a newer or unknown one, or one that was changed."""
    try:
        content = json.loads((folder / DATA).read_text())
        written, name, data = int(content["format"]), str(content["detector"]), content["data"]
        digest = _digest((folder / ARRAYS).read_bytes())
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise ModelError(f"{folder} holds no model that can be read ({problem!r}). Train and register one.") from None
    if written > FORMAT:
        raise ModelError(
            f"{folder} was written by a newer Almanac (format {written}; this one reads up to {FORMAT}). "
            "Upgrade this one, or run the DAG rollback_model."
        )
    for file, found, said in ((ARRAYS, digest, "arrays_sha256"), (DATA, _digest(_canonical(data)), "data_sha256")):
        if found != content.get(said):
            raise ModelError(f"{folder / file} is not what was saved: its checksum differs. Register the model anew.")
    model = kind(name)
    try:
        with np.load(folder / ARRAYS, allow_pickle=False) as arrays:
            return model.from_state(State(name, dict(arrays), data))
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as problem:
        raise ModelError(f"{folder} holds a {name} that cannot be restored ({problem!r}). Train it anew.") from problem


def _canonical(data: dict[str, Any]) -> bytes:
    return json.dumps(data, sort_keys=True).encode()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
