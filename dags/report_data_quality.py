"""The Data page: freshness of every source, gaps, quarantined rows and quality results, after each load of metrics."""

from datetime import timedelta

from airflow.sdk import dag, task

from include.orchestration.schedule import METRICS, REPORTS, behind, dag_defaults


@dag(schedule=behind(METRICS), doc_md=__doc__, **dag_defaults("report", "data", within=timedelta(minutes=15)))
def report_data_quality():
    """Wire the one step."""

    @task(outlets=[REPORTS])
    def publish() -> list[str]:
        from include.orchestration.reports import publish_data
        from include.orchestration.tasks import here

        run, rt = here()
        return publish_data(rt, run.window)

    publish()


report_data_quality()
