"""What every DAG must be: readable, documented, owned, retried by kind of error, and quick to parse."""

import time
from pathlib import Path
from typing import Any

import pytest

DAGS = Path(__file__).parent.parent / "dags"
EXPECTED = {
    "ingest_metrics", "ingest_events", "ingest_logs", "ingest_traces", "load_history", "fill_gaps",
    "detect_anomalies", "detect_log_anomalies", "train_anomaly_models", "train_capacity_models", "review_model",
    "rollback_model", "report_capacity", "report_slo", "report_data_quality",
    "report_log_volume", "deliver_reports", "maintain_warehouse", "triage",
    "check_drift", "merge_feedback", "report_anomalies",
}  # fmt: skip


@pytest.fixture(scope="module")
def bag() -> Any:
    from airflow.dag_processing.dagbag import DagBag

    began = time.perf_counter()
    bag = DagBag(str(DAGS))
    bag.seconds = time.perf_counter() - began
    return bag


@pytest.fixture(params=sorted(EXPECTED))
def dag(request: pytest.FixtureRequest, bag: Any) -> Any:
    return bag.dags[request.param]


def test_every_dag_file_can_be_read(bag: Any):
    assert bag.import_errors == {}
    assert set(bag.dags) == EXPECTED


def test_dag_files_parse_in_under_three_seconds_together_and_half_a_second_each(bag: Any):
    each = {stat.file: stat.duration.total_seconds() for stat in bag.dagbag_stats}
    slowest = max(each, key=lambda file: each[file])
    print(f"\nDAG parse: {bag.seconds:.2f} s for {len(each)} files, slowest {slowest} {each[slowest]:.2f} s")
    assert bag.seconds < 3
    assert each[slowest] < 0.5


def test_a_dag_file_only_wires(dag: Any):
    assert len(Path(dag.fileloc).read_text().splitlines()) <= 100


def test_a_dag_is_documented_owned_tagged_and_has_a_deadline(dag: Any):
    assert len(dag.doc_md) > 80
    assert "almanac" in dag.tags
    assert len(dag.tags) >= 2
    assert dag.owner == "almanac"
    assert dag.deadline


def test_every_param_of_a_form_has_a_title_and_a_description(dag: Any):
    for name in dag.params:
        param = dag.params.get_param(name)
        assert param.schema.get("title"), f"{dag.dag_id}.{name} has no title"
        assert len(param.description or "") > 20, f"{dag.dag_id}.{name} has no description"


def test_a_task_is_retried_by_kind_of_error_and_has_a_time_limit(dag: Any):
    for task in dag.tasks:
        operator = getattr(task, "partial_kwargs", None) or {
            "retry_policy": task.retry_policy,
            "execution_timeout": task.execution_timeout,
        }
        assert operator.get("retry_policy"), task.task_id
        limit = operator.get("execution_timeout") or getattr(task, "response_timeout", None)  # of a person's answer
        assert limit, task.task_id


def test_a_permanent_error_is_not_retried_and_a_passing_one_is():
    from airflow.sdk import RetryAction

    from include.orchestration.schedule import retry_by_kind
    from include.window import WindowError

    policy = retry_by_kind()
    assert policy.evaluate(WindowError("off the grid"), 1, 3).action is RetryAction.FAIL
    assert policy.evaluate(TimeoutError("slow"), 1, 3).action is RetryAction.DEFAULT


def test_the_heavy_libraries_are_not_imported_while_dag_files_are_parsed():
    import subprocess
    import sys

    code = (
        "import sys\n"
        "from airflow.dag_processing.dagbag import DagBag\n"
        "before = set(sys.modules)\n"
        f"DagBag({str(DAGS)!r})\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(sorted(new & {'pandas', 'pyarrow', 'sklearn', 'mlflow', 'great_expectations', 'duckdb'}))\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=DAGS.parent, timeout=120
    )
    assert answer.stdout.strip().splitlines()[-1] == "[]"


def test_a_window_without_a_model_is_skipped_and_says_what_to_run(
    bag: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    from airflow.sdk.exceptions import AirflowSkipException

    from include.orchestration import detect, tasks
    from models.registry import ANOMALY, Registry

    monkeypatch.setattr(tasks, "here", lambda: (type("Run", (), {"window": None}), None))
    monkeypatch.setattr(
        detect, "score_shard", lambda *_: Registry(f"sqlite:///{tmp_path / 'm' / 'm.db'}", ANOMALY).must_have_champion()
    )
    with pytest.raises(AirflowSkipException, match="Run the DAG train_anomaly_models once"):
        bag.dags["detect_anomalies"].get_task("score").python_callable(0)
