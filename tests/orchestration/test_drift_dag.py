"""check_drift in Airflow itself: a day's training is started once, however often the check finds drift."""

from pathlib import Path
from typing import Any

import pytest

from include.settings import settings
from tests.config.folder import write_config

DAGS = Path(__file__).parents[2] / "dags"


@pytest.fixture
def bag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    from airflow.dag_processing.dagbag import DagBag

    from include.warehouse import Warehouse

    monkeypatch.setenv("ALMANAC_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ALMANAC_CONFIG_DIR", str(write_config(tmp_path / "config")))
    settings.cache_clear()
    Warehouse(settings().warehouse).migrate()
    yield DagBag(str(DAGS))
    settings.cache_clear()


def runs(dag_id: str) -> list[str]:
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session

    with create_session() as session:
        return [run.run_id for run in session.query(DagRun).filter(DagRun.dag_id == dag_id)]


@pytest.mark.usefixtures("airflow_db")
def test_a_training_is_started_for_a_day_once_and_a_check_without_drift_starts_none(
    bag: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import sync_bag_to_db

    from include.orchestration import drift, train

    for dag in bag.dags.values():
        dag.deadline = None  # without a scheduler Airflow cannot read back those that it has stored
    DagBundlesManager().sync_bundles_to_db()
    sync_bag_to_db(bag, "dags-folder", None)
    found = [{"model": "anomaly-detector", "version": "1", "drifted": 2}]
    monkeypatch.setattr(train, "anomaly_models", lambda _: ["anomaly-detector"])
    monkeypatch.setattr(drift, "check_model", lambda *_: found[0])
    dag = bag.dags["check_drift"]
    assert dag.test(run_conf={"window": "2026-11-05/2026-11-06"}).state == "success"
    started = runs("train_anomaly_models")
    assert [run_id.split("__")[0] for run_id in started] == ["drift"]
    assert dag.test(run_conf={"window": "2026-11-05/2026-11-06"}).state == "success"
    assert runs("train_anomaly_models") == started
    found[0] = {"model": "anomaly-detector", "version": "1", "ok": 2}
    assert dag.test(run_conf={"window": "2026-11-05/2026-11-06"}).state == "success"
    assert runs("train_anomaly_models") == started
