"""What people said counts in training: thresholds move, and real episodes are events of the gate."""

from pathlib import Path

import pandas as pd
import pytest

from models.ensemble import Ensemble
from models.registry import ANOMALY, Registry
from models.robust import RobustZ
from models.training import Recipe, _events, gate_start, train
from tests.models.fleet import START, fleet, raised
from tests.models.test_registry import TRAINING

POINTS, SERIES = fleet(8, 8)
RECIPE = Recipe(ANOMALY, lambda: Ensemble(("robust_z",)), RobustZ)
HOURS = [START + pd.Timedelta(days=day, hours=9) for day in (1, 2, 3, 4, 5)]


def bumped() -> pd.DataFrame:
    """Return points in which every series is raised for half an hour on five mornings."""
    points = POINTS
    for first in HOURS:
        for place in SERIES["series_id"]:
            points = raised(points, place, first, 30, 9.0)
    return points


def said(verdict: str) -> pd.DataFrame:
    rows = [
        {"subject_kind": "series", "subject_id": int(place), "service": service, "first_ts": first, "verdict": verdict}
        | {"last_ts": first + pd.Timedelta(minutes=30), "weight": 1.0, "origin": "person"}
        for first in HOURS
        for place, service in zip(SERIES["series_id"], SERIES["service"], strict=True)
    ]
    return pd.DataFrame(rows)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'mlflow' / 'mlflow.db'}"


def trained_factor(url: str, labels: pd.DataFrame | None) -> float:
    outcome = train(url, RECIPE, bumped(), SERIES, TRAINING, said=labels)
    return float(Registry(url, ANOMALY).load_version(outcome.challenger.number).factors.get("latency/60", 1.0))


def test_episodes_called_noise_raise_the_threshold_of_their_class_and_real_ones_do_not(url: str) -> None:
    assert trained_factor(url, said("noise")) > 1.2
    assert trained_factor(url, said("real")) <= 1.0
    assert trained_factor(url, None) == 1.0


def test_what_a_person_called_real_is_an_event_of_the_gate_beside_incidents() -> None:
    incidents = pd.DataFrame({"service": ["s0"], "opened_at": [HOURS[0]], "resolved_at": [HOURS[1]]})
    real, noise = said("real"), said("noise")
    assert len(_events(incidents, real)) == 1 + len(real)
    assert len(_events(incidents, noise)) == 1
    assert _events(None, noise) is None
    linked = real.assign(origin="incident")
    assert len(_events(incidents, linked)) == 1, "the incident itself is counted already"


def test_the_gates_slice_is_the_last_seven_days_or_a_quarter() -> None:
    assert gate_start(POINTS) == (START + pd.Timedelta(days=5, hours=23)).to_pydatetime()
    long = pd.DataFrame({"ts": pd.to_datetime(["2026-01-01", "2026-03-01"], utc=True)})
    assert gate_start(long) == pd.Timestamp("2026-02-22", tz="UTC").to_pydatetime()
