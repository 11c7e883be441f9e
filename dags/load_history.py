"""History at once: days or weeks through ingest, training, detection and reports, in a few wide windows.

Triggered by hand with a window such as `2026-10-24/2026-11-21`. Each chunk is one run of the ingesting DAGs; training
and detection then run once over all of it. Running it again over the same days changes nothing twice.
"""

from datetime import timedelta

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import Param, dag, get_current_context, task

from include.orchestration.chain import chain
from include.orchestration.schedule import dag_defaults

CHUNK_DAYS = Param(
    7, type="integer", minimum=1, maximum=31, title="Days per chunk", description="Width of one ingest run, in days."
)
EVENTS = ["alert", "incident", "incident_change", "change_event", "feedback"]
TRAIN = Param(True, type="boolean", title="Train", description="Train the anomaly models on what was loaded.")


@dag(
    schedule=None,
    doc_md=__doc__,
    **dag_defaults("ingest", "history", within=timedelta(hours=6), params={"chunk_days": CHUNK_DAYS, "train": TRAIN}),
)
def load_history():
    """Wire the chunks of ingest to training, detection and reports."""

    @task
    def chunks(datasets: list[str]) -> list[dict]:
        from include.orchestration.tasks import here

        run, rt = here()
        if not any(dataset in datasets for _, _, dataset in rt.config.tasks()):
            return []  # a DAG that has nothing to read may be paused: nobody must wait for it
        width = timedelta(days=get_current_context()["params"]["chunk_days"])
        return [{"window": chunk.key} for chunk in run.window.chunks(width)]

    @task
    def whole() -> list[dict]:
        from include.orchestration.tasks import here

        run, _ = here()
        return [{"window": run.window.key}]

    @task
    def with_logs() -> list[dict]:
        from include.orchestration.tasks import here

        run, rt = here()
        there = any(dataset == "log_event" for _, _, dataset in rt.config.tasks())
        return [{"window": run.window.key}] if there else []

    @task
    def training() -> list[dict]:
        from include.orchestration.tasks import here

        run, _ = here()
        days = max(3, min(120, run.window.duration.days))
        return [{"window": run.window.key, "days": days}] if get_current_context()["params"]["train"] else []

    span = whole()
    metrics = chain("ingest_metrics", max_active_tis_per_dagrun=2).expand(conf=chunks(["metric_point"]))
    logs = chain("ingest_logs", max_active_tis_per_dagrun=1).expand(conf=chunks(["log_event"]))
    traces = chain("ingest_traces", max_active_tis_per_dagrun=1).expand(conf=chunks(["span"]))
    events = chain("ingest_events", max_active_tis_per_dagrun=1).expand(conf=chunks(EVENTS))
    train = chain("train_anomaly_models", trigger_rule="all_done").expand(conf=training())
    detect = chain("detect_anomalies", trigger_rule="none_failed").expand(conf=span)
    lines = chain("detect_log_anomalies", trigger_rule="none_failed").expand(conf=with_logs())
    slo = chain("report_slo", trigger_rule="all_done").expand(conf=span)
    ingested = [metrics, events, logs, traces]
    ingested >> train >> detect >> lines >> slo
    [*ingested, train, detect, lines, slo] >> EmptyOperator(task_id="all_done", trigger_rule="none_failed")


load_history()
