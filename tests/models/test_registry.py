"""Training runs, versions and aliases, in a real MLflow store."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from include.window import Window
from models import registry
from models.backtest import Comparison, Difference
from models.base import ModelError
from models.isolation_forest import IsolationForestDetector
from models.registry import PromotionRefusedError, Training
from models.robust import RobustZ
from models.store import load, save
from models.training import data_fingerprint, train
from tests.models.fleet import START, fleet

POINTS, SERIES = fleet(6, 6)
TRAINING = Training(Window.parse("2026-10-05/2026-10-11"), ("load-1", "load-2"), "", "config-1", "code-1", 0, 0)
SAMPLE = POINTS[POINTS["ts"] >= START + pd.Timedelta(days=5)].reset_index(drop=True)
ROBUST = RobustZ().fit(POINTS, SERIES)
PASSED = Comparison("planted anomalies", 6, {"challenger": 0.9}, {"challenger": 0.1}, (), True, "Accepted.")
FAILED = replace(PASSED, accepted=False, verdict="Refused: no better", differences=(Difference("robust_z", 0, 0, 0),))


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'mlflow' / 'mlflow.db'}"


@pytest.fixture
def two(url: str) -> tuple[str, str]:
    """Two registered versions, of which nobody runs yet."""
    first, second = (registry.register(url, ROBUST, TRAINING, SAMPLE, SERIES).number for _ in range(2))
    return first, second


def test_training_ends_with_a_champion_whose_origin_can_be_traced(url: str) -> None:
    outcome = train(url, POINTS, SERIES, TRAINING)
    detector, version = registry.load_champion(url)
    _, client = registry._connect(url)
    run = client.get_run(version.run_id)
    assert version.number == outcome.champion.number
    assert run.data.tags["config_fingerprint"] == "config-1"
    assert len(run.data.tags["data_fingerprint"]) == 32
    assert run.data.params["window"] == TRAINING.window.key
    names = {item.path for item in client.list_artifacts(version.run_id)}
    assert {"loads.json", "scores.png"} <= names
    if outcome.promoted:
        assert detector.name == "isolation_forest"
        assert version.tags["gate"] == "accepted"
    else:
        assert detector.name == "robust_z"
    again = train(url, POINTS, SERIES, TRAINING)
    if outcome.promoted:
        assert not again.promoted
        assert again.champion.number == outcome.champion.number


def test_what_mlflow_loads_scores_like_the_detector_and_holds_no_pickle(url: str, tmp_path: Path) -> None:
    version = registry.register(url, ROBUST, TRAINING, SAMPLE, SERIES)
    mlflow, _ = registry._connect(url)
    served = mlflow.pyfunc.load_model(f"models:/{registry.NAME}@challenger")
    columns = [column.name for column in served.metadata.signature.inputs]
    rows = SAMPLE.head(100).merge(SERIES, on="series_id").assign(bad_direction="both")
    rows["ts"] = rows["ts"].astype(str)
    expected = registry.load_version(url, version.number).score(SAMPLE.head(100), SERIES)
    assert np.array_equal(served.predict(rows[columns])["score"], expected["score"])
    assert served.input_example is not None
    kinds = {path.suffix for path in tmp_path.rglob("*") if path.is_file()}
    assert not kinds & {".pkl", ".pickle", ".joblib"}


def test_promotion_without_a_passed_gate_is_refused(url: str, two: tuple[str, str]) -> None:
    with pytest.raises(PromotionRefusedError, match="never judged"):
        registry.promote(url, two[0])
    registry.judge(url, two[0], FAILED)
    with pytest.raises(PromotionRefusedError, match="no better"):
        registry.promote(url, two[0])
    assert registry.champion(url) is None


def test_a_gate_passed_against_an_earlier_champion_does_not_count(url: str, two: tuple[str, str]) -> None:
    for number in two:
        registry.judge(url, number, PASSED)
    registry.promote(url, two[0])
    with pytest.raises(PromotionRefusedError, match=f"judged against champion none, but now {two[0]} runs"):
        registry.promote(url, two[1])


def test_rollback_lets_the_champion_before_run_again(url: str, two: tuple[str, str]) -> None:
    for number in two:
        registry.judge(url, number, PASSED)
        registry.promote(url, number)
    assert registry.rollback(url) == two[0]
    champion = registry.champion(url)
    assert champion is not None
    assert champion.number == two[0]
    with pytest.raises(PromotionRefusedError, match="no earlier champion"):
        registry.rollback(url)


def test_the_baseline_runs_where_nothing_beats_it_but_never_replaces_a_champion(url: str, two: tuple[str, str]) -> None:
    registry.install_baseline(url, two[0])
    assert registry.load_champion(url)[0].name == "robust_z"
    with pytest.raises(PromotionRefusedError, match="only as the first"):
        registry.install_baseline(url, two[1])


def test_without_a_champion_the_message_says_what_to_run(url: str) -> None:
    with pytest.raises(ModelError, match="Run the DAG train_anomaly_models once"):
        registry.load_champion(url)


def test_a_detector_comes_back_from_disk_score_for_score(tmp_path: Path) -> None:
    forest = IsolationForestDetector(trees=20).fit(POINTS, SERIES)
    save(forest, tmp_path)
    pd.testing.assert_frame_equal(load(tmp_path).score(SAMPLE, SERIES), forest.score(SAMPLE, SERIES), check_exact=True)


def test_a_changed_or_unknown_or_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="holds no detector"):
        load(tmp_path)
    save(ROBUST, tmp_path)
    content = json.loads((tmp_path / "state.json").read_text())
    (tmp_path / "state.json").write_text(json.dumps(content | {"detector": "oracle"}))
    with pytest.raises(ModelError, match="knows only isolation_forest, robust_z"):
        load(tmp_path)
    with (tmp_path / "arrays.npz").open("ab") as file:
        file.write(b"x")
    with pytest.raises(ModelError, match="checksum differs"):
        load(tmp_path)


def test_the_fingerprint_changes_with_one_value() -> None:
    changed = POINTS.assign(value=POINTS["value"].where(POINTS.index != 17, 0.0))
    assert data_fingerprint(POINTS) == data_fingerprint(POINTS.copy()) != data_fingerprint(changed)
