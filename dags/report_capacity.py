"""Capacity report, daily: forecast every resource that has a limit, say when it runs out, and build the documents.

Builds only; `deliver_reports` sends them in each audience's own morning.
"""

from datetime import timedelta

from airflow.sdk import dag, task

from include.orchestration.schedule import REPORTS, dag_defaults, daily


@dag(schedule=daily("05:00"), doc_md=__doc__, **dag_defaults("report", "capacity", within=timedelta(minutes=30)))
def report_capacity():
    """Wire forecast and publication."""

    @task
    def forecast() -> dict:
        from include.orchestration.reports import forecast_capacity
        from include.orchestration.tasks import here

        run, rt = here(span=timedelta(days=1))
        return forecast_capacity(rt, run.window)

    @task(outlets=[REPORTS])
    def publish(_: dict) -> list[str]:
        from include.orchestration.reports import publish_capacity
        from include.orchestration.tasks import here

        run, rt = here(span=timedelta(days=1))
        return publish_capacity(rt, run.window)

    publish(forecast())


report_capacity()
