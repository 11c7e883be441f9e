"""Deliveries of a webhook at once: an alert is in the warehouse within a minute, provisional until its hour is over.

The webhook's endpoint starts this DAG, for one source and the window that contains now, at most once a minute. The
window's own run of `ingest_events` makes the rows final, and brings them where this DAG did not run or failed.
"""

from datetime import timedelta

from airflow.sdk import Param, dag, get_current_context, task

from include.orchestration.schedule import dag_defaults

SOURCE = Param(
    "",
    type="string",
    title="Webhook",
    description="Name of a source of type webhook in sources.yaml, whose deliveries are loaded.",
)


@dag(
    schedule=None,
    doc_md=__doc__,
    **dag_defaults("ingest", "webhook", within=timedelta(minutes=5), params={"source": SOURCE}, active_runs=4),
)
def triage():
    """Wire the one step."""

    @task
    def load() -> dict:
        from include.orchestration.tasks import here
        from include.orchestration.triage import load_provisionally, triage_window

        _, rt = here()
        params = get_current_context()["params"]
        return load_provisionally(rt, params["source"], triage_window(rt, params["window"]))

    load()


triage()
