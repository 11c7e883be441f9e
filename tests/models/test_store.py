"""Models on disk, and the champion on the shelf."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from models.base import ModelError, NotTrainedError, served_frame
from models.gate import Comparison
from models.isolation_forest import IsolationForestDetector
from models.registry import ANOMALY, Registry, RegistryUnavailableError
from models.robust import RobustZ
from models.shelf import Shelf
from models.store import load, save
from models.tracking import Sample, connect
from tests.models.fleet import START, fleet
from tests.models.test_registry import TRAINING

POINTS, SERIES = fleet(4, 4)
LATER = POINTS[POINTS["ts"] >= START + pd.Timedelta(days=3)].reset_index(drop=True)
ROBUST = RobustZ().fit(POINTS, SERIES)
SAMPLE = Sample(served_frame(LATER.groupby("series_id").head(20).reset_index(drop=True), SERIES))
PASSED = Comparison("planted anomalies", 4, {"challenger": 0.9}, {"challenger": 0.1}, (), True, "Accepted.")
DOWN = "http://127.0.0.1:9"


def rewritten(folder: Path, **changes: object) -> Path:
    content = json.loads((folder / "state.json").read_text())
    (folder / "state.json").write_text(json.dumps(content | changes))
    return folder


def test_a_detector_comes_back_from_disk_score_for_score(tmp_path: Path) -> None:
    forest = IsolationForestDetector(trees=20).fit(POINTS, SERIES)
    save(forest, tmp_path)
    pd.testing.assert_frame_equal(load(tmp_path).score(LATER, SERIES), forest.score(LATER, SERIES), check_exact=True)


def test_a_missing_or_unreadable_or_unknown_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="holds no model"):
        load(tmp_path)
    save(ROBUST, tmp_path)
    with pytest.raises(ModelError, match=r"knows .*isolation_forest"):
        load(rewritten(tmp_path, detector="oracle"))
    (tmp_path / "state.json").write_text("{")
    with pytest.raises(ModelError, match="holds no model"):
        load(tmp_path)


def test_a_changed_file_is_refused_whichever_it_is(tmp_path: Path) -> None:
    save(ROBUST, tmp_path)
    data = json.loads((tmp_path / "state.json").read_text())["data"]
    with pytest.raises(ModelError, match=r"state\.json is not what was saved"):
        load(rewritten(tmp_path, data=data | {"threshold": 1e9}))
    save(ROBUST, tmp_path)
    with (tmp_path / "arrays.npz").open("ab") as file:
        file.write(b"x")
    with pytest.raises(ModelError, match=r"arrays\.npz is not what was saved"):
        load(tmp_path)


def test_a_model_of_a_newer_version_is_refused_with_the_way_out(tmp_path: Path) -> None:
    save(ROBUST, tmp_path)
    with pytest.raises(ModelError, match=r"newer Almanac .* run the DAG rollback_model"):
        load(rewritten(tmp_path, format=99))


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    """A registry whose champion is version 1."""
    made = Registry(f"sqlite:///{tmp_path / 'mlflow' / 'mlflow.db'}", ANOMALY)
    made.install_baseline(made.register(ROBUST, TRAINING, SAMPLE).number, "robust_z")
    return made


def promoted(registry: Registry) -> str:
    number = registry.register(ROBUST, TRAINING, SAMPLE).number
    registry.judge(number, PASSED)
    registry.promote(number)
    return number


def spoil(registry: Registry, version: str, tmp_path: Path) -> None:
    """Damage the registry's own copy of a version."""
    place = registry.download(version, tmp_path / "look")
    digest = json.loads((place / "state.json").read_text())["arrays_sha256"]
    for file in (tmp_path / "mlflow").rglob("state.json"):
        if json.loads(file.read_text())["arrays_sha256"] == digest and f"{_source(registry, version)}" in str(file):
            (file.parent / "arrays.npz").write_bytes(b"no zip")


def _source(registry: Registry, version: str) -> str:
    _, client = connect(registry.url)
    return str(client.get_model_version(ANOMALY, version).source).rsplit("/", 1)[-1]


def test_scoring_goes_on_with_the_kept_champion_while_mlflow_is_down_and_says_so(
    registry: Registry, tmp_path: Path
) -> None:
    shelf = tmp_path / "shelf"
    before = Shelf(registry.url, shelf).champion(ANOMALY)
    assert before.note == ""
    now = Shelf(DOWN, shelf).champion(ANOMALY)
    assert now.version == before.version
    assert "does not answer" in now.note
    assert "Scoring goes on with version 1" in now.note
    pd.testing.assert_frame_equal(now.model.score(LATER, SERIES), ROBUST.score(LATER, SERIES), check_exact=True)


def test_an_mlflow_that_is_down_with_nothing_kept_is_an_error_that_may_pass(tmp_path: Path) -> None:
    with pytest.raises(RegistryUnavailableError):
        Shelf(DOWN, tmp_path).champion(ANOMALY)


def test_no_champion_yet_is_said_as_such(tmp_path: Path) -> None:
    with pytest.raises(NotTrainedError):
        Shelf(f"sqlite:///{tmp_path / 'm' / 'mlflow.db'}", tmp_path).champion(ANOMALY)


def test_a_damaged_copy_on_the_shelf_is_fetched_again(registry: Registry, tmp_path: Path) -> None:
    shelf = Shelf(registry.url, tmp_path / "shelf")
    shelf.champion(ANOMALY)
    (tmp_path / "shelf" / ANOMALY / "1" / "arrays.npz").write_bytes(b"no zip")
    assert shelf.champion(ANOMALY).note == ""
    assert load(tmp_path / "shelf" / ANOMALY / "1").name == "robust_z"


def test_a_champion_that_cannot_be_loaded_is_replaced_by_the_last_that_could(
    registry: Registry, tmp_path: Path
) -> None:
    shelf = Shelf(registry.url, tmp_path / "shelf")
    shelf.champion(ANOMALY)
    second = promoted(registry)
    spoil(registry, second, tmp_path)
    found = shelf.champion(ANOMALY)
    assert found.version.number == "1"
    assert f"Champion {second} of {ANOMALY} cannot be loaded" in found.note
    shutil.rmtree(tmp_path / "shelf")
    with pytest.raises(ModelError, match=r"arrays\.npz is not what was saved"):
        shelf.champion(ANOMALY)


def test_a_new_champion_is_taken_up_and_old_copies_go(registry: Registry, tmp_path: Path) -> None:
    shelf = Shelf(registry.url, tmp_path / "shelf")
    for _ in range(4):
        newest = promoted(registry)
        assert shelf.champion(ANOMALY).version.number == newest
    kept = {place.name for place in (tmp_path / "shelf" / ANOMALY).iterdir() if place.is_dir()}
    assert newest in kept
    assert len(kept) == 3
