"""A fitted detector on disk: `arrays.npz` and `state.json` in one folder. Numbers and text only, never a pickle."""

import hashlib
import json
from pathlib import Path

import numpy as np

from models.base import Detector, ModelError, State
from models.isolation_forest import IsolationForestDetector
from models.robust import RobustZ

DETECTORS: dict[str, type[Detector]] = {kind.name: kind for kind in (RobustZ, IsolationForestDetector)}
ARRAYS, DATA = "arrays.npz", "state.json"


def save(detector: Detector, folder: Path) -> None:
    """Write the detector into an existing folder."""
    state = detector.state()
    np.savez_compressed(folder / ARRAYS, allow_pickle=False, **state.arrays)
    digest = hashlib.sha256((folder / ARRAYS).read_bytes()).hexdigest()
    content = {"detector": state.detector, "data": state.data, "arrays_sha256": digest}
    (folder / DATA).write_text(json.dumps(content, indent=2, sort_keys=True))


def load(folder: Path) -> Detector:
    """Read a detector; raises `ModelError` when the folder holds none, an unknown one, or one that was changed."""
    try:
        content = json.loads((folder / DATA).read_text())
        digest = hashlib.sha256((folder / ARRAYS).read_bytes()).hexdigest()
    except (OSError, ValueError) as problem:
        raise ModelError(f"{folder} holds no detector that can be read ({problem}). Train and register one.") from None
    if digest != content["arrays_sha256"]:
        raise ModelError(f"{folder / ARRAYS} is not the file that was saved: its checksum differs. Register it anew.")
    kind = DETECTORS.get(content["detector"])
    if kind is None:
        known = ", ".join(sorted(DETECTORS))
        raise ModelError(f"{folder} holds a detector {content['detector']!r}, but this version knows only {known}.")
    with np.load(folder / ARRAYS, allow_pickle=False) as arrays:
        return kind.from_state(State(content["detector"], dict(arrays), content["data"]))
