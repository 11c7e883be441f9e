"""Training runs, versions and aliases, in a real MLflow store."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from include.window import Window
from models.base import ModelError, served_frame
from models.gate import Comparison, Difference
from models.isolation_forest import IsolationForestDetector
from models.mean_z import MeanZ
from models.registry import ANOMALY, JOINT, PromotionRefusedError, Registry, RegistryUnavailableError
from models.robust import RobustZ
from models.tracking import Sample, Training, connect
from models.training import Recipe, data_fingerprint, train
from tests.models.fleet import START, fleet

POINTS, SERIES = fleet(6, 6)
TRAINING = Training(Window.parse("2026-10-05/2026-10-11"), ("load-1", "load-2"), "", "config-1", "code-1", 0, 0)
ONE = POINTS[POINTS["ts"] >= START + pd.Timedelta(days=5)].groupby("series_id").head(40).reset_index(drop=True)
SAMPLE = Sample(served_frame(ONE, SERIES))
ROBUST = RobustZ().fit(POINTS, SERIES)
PASSED = Comparison("planted anomalies", 6, {"challenger": 0.9}, {"challenger": 0.1}, (), True, "Accepted.")
FAILED = replace(PASSED, accepted=False, verdict="Refused: no better", differences=(Difference("robust_z", 0, 0, 0),))
FOREST = Recipe(ANOMALY, lambda: IsolationForestDetector(trees=60), RobustZ)


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(f"sqlite:///{tmp_path / 'mlflow' / 'mlflow.db'}", ANOMALY)


@pytest.fixture
def two(registry: Registry) -> tuple[str, str]:
    """Two registered versions, of which nobody runs yet."""
    first, second = (registry.register(ROBUST, TRAINING, SAMPLE).number for _ in range(2))
    return first, second


def test_a_training_leaves_a_judged_challenger_whose_origin_can_be_traced(registry: Registry) -> None:
    normal = POINTS[POINTS.index % 50 != 0].reset_index(drop=True)
    outcome = train(registry.url, FOREST, POINTS, SERIES, TRAINING, normal=normal)
    _, client = connect(registry.url)
    run = client.get_run(outcome.challenger.run_id)
    assert run.data.tags["config_fingerprint"] == "config-1"
    assert len(run.data.tags["data_fingerprint"]) == 32
    assert run.data.params["window"] == TRAINING.window.key
    assert int(run.data.params["left_out"]) > 0
    names = {item.path for item in client.list_artifacts(outcome.challenger.run_id)}
    assert names >= {"loads.json", "environment.json", "gate.json", "scores.png", "detections.png", "calibration.png"}
    figures = run.data.metrics
    assert figures["vus_pr_challenger"] == pytest.approx(outcome.comparison.quality["challenger"])
    assert "class/latency/60/vus_pr_challenger" in figures
    assert 0 <= figures["event_recall_challenger"] <= 1
    champion = registry.champion()
    assert champion is not None
    assert champion.detector == "robust_z", "the baseline runs until somebody or the policy promotes the challenger"
    tags = client.get_model_version(ANOMALY, outcome.challenger.number).tags
    assert tags["gate"] == ("accepted" if outcome.comparison.accepted else "refused")
    assert tags["gate_champion"] == champion.number


def test_models_of_services_are_trained_and_judged_the_same_way(registry: Registry) -> None:
    outcome = train(registry.url, Recipe(JOINT, MeanZ, MeanZ), POINTS, SERIES, TRAINING)
    assert not outcome.comparison.accepted, "a copy of the baseline is no better than the baseline"
    assert "not better than" in outcome.comparison.verdict
    assert outcome.comparison.subjects == 3
    champion = Registry(registry.url, JOINT).champion()
    assert champion is not None
    assert champion.detector == "mean_z"
    assert registry.champion() is None


def test_what_mlflow_loads_scores_like_the_detector_and_holds_no_pickle(registry: Registry, tmp_path: Path) -> None:
    version = registry.register(ROBUST, TRAINING, SAMPLE)
    mlflow, _ = connect(registry.url)
    served = mlflow.pyfunc.load_model(f"models:/{ANOMALY}@challenger")
    expected = registry.load_version(version.number).score(ONE, SERIES)
    assert np.array_equal(served.predict(SAMPLE.frame)["score"], expected["score"])
    assert served.input_example is not None
    kinds = {path.suffix for path in tmp_path.rglob("*") if path.is_file()}
    assert not kinds & {".pkl", ".pickle", ".joblib"}


def test_promotion_without_a_passed_gate_is_refused(registry: Registry, two: tuple[str, str]) -> None:
    with pytest.raises(PromotionRefusedError, match="never judged"):
        registry.promote(two[0])
    registry.judge(two[0], FAILED)
    with pytest.raises(PromotionRefusedError, match="no better"):
        registry.promote(two[0])
    assert registry.champion() is None


def test_a_gate_passed_against_an_earlier_champion_does_not_count(registry: Registry, two: tuple[str, str]) -> None:
    for number in two:
        registry.judge(number, PASSED)
    registry.promote(two[0])
    registry.promote(two[0])  # a task that is run again
    with pytest.raises(PromotionRefusedError, match=f"judged against champion none, but now {two[0]} runs"):
        registry.promote(two[1])


def crown_both(registry: Registry, two: tuple[str, str]) -> None:
    for number in two:
        registry.judge(number, PASSED)
        registry.promote(number, by="ada")


def test_rollback_lets_the_champion_before_run_again(registry: Registry, two: tuple[str, str]) -> None:
    crown_both(registry, two)
    assert registry.rollback() == two[0]
    champion = registry.champion()
    assert champion is not None
    assert champion.number == two[0]
    assert champion.tags["promoted_by"] == "ada"
    assert registry.notice() is None, "a rollback is no move by hand"
    with pytest.raises(PromotionRefusedError, match="no earlier champion"):
        registry.rollback()


def test_an_alias_moved_by_hand_is_noticed_once_and_can_be_rolled_back(
    registry: Registry, two: tuple[str, str]
) -> None:
    assert Registry(registry.url, JOINT).notice() is None
    crown_both(registry, two)
    assert registry.notice() is None
    by_hand = registry.register(ROBUST, TRAINING, SAMPLE).number
    _, client = connect(registry.url)
    client.set_registered_model_alias(ANOMALY, "champion", by_hand)
    assert registry.notice() == f"{ANOMALY}: champion was moved by hand in MLflow from version {two[1]} to {by_hand}."
    assert registry.notice() is None
    assert registry.rollback() == two[1]


def test_the_baseline_runs_where_nothing_beats_it_but_never_replaces_a_champion(
    registry: Registry, two: tuple[str, str]
) -> None:
    registry.install_baseline(two[0], "robust_z")
    champion = registry.champion()
    assert champion is not None
    assert champion.detector == "robust_z"
    with pytest.raises(PromotionRefusedError, match="only as the first"):
        registry.install_baseline(two[1], "robust_z")


def test_pruning_keeps_the_newest_and_whatever_runs_ran_before_or_waits(
    registry: Registry, two: tuple[str, str]
) -> None:
    crown_both(registry, two)
    later = [registry.register(ROBUST, TRAINING, SAMPLE).number for _ in range(3)]
    assert registry.prune(1) == [later[1], later[0]]
    assert [row["version"] for row in registry.versions()] == [later[2], two[1], two[0]]
    assert [row["role"] for row in registry.versions()] == ["challenger", "champion", "retired"]
    assert registry.prune(1) == []


def test_without_a_champion_the_message_says_what_to_run(registry: Registry) -> None:
    with pytest.raises(ModelError, match="Run the DAG train_anomaly_models once"):
        registry.must_have_champion()
    assert registry.versions() == []


def test_an_mlflow_that_is_down_is_no_empty_registry(registry: Registry) -> None:
    down = Registry("http://127.0.0.1:9", ANOMALY)
    for call in (down.champion, down.versions, down.rollback, lambda: down.register(ROBUST, TRAINING, SAMPLE)):
        with pytest.raises(RegistryUnavailableError, match=r"http://127\.0\.0\.1:9 does not answer"):
            call()
    with pytest.raises(RegistryUnavailableError):
        train(down.url, FOREST, POINTS, SERIES, TRAINING)


def test_the_fingerprint_changes_with_one_value() -> None:
    changed = POINTS.assign(value=POINTS["value"].where(POINTS.index != 17, 0.0))
    assert data_fingerprint(POINTS) == data_fingerprint(POINTS.copy()) != data_fingerprint(changed)
