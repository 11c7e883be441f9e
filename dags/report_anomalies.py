"""The Anomalies page: episodes of the last day with charts, and buttons to say whether one was real or noise.

Built behind each partition of anomalies; `merge_feedback` builds the newest one again when somebody has said a word.
"""

from datetime import timedelta

from airflow.sdk import dag, task

from include.orchestration.schedule import ANOMALIES, REPORTS, behind, dag_defaults


@dag(schedule=behind(ANOMALIES), doc_md=__doc__, **dag_defaults("report", "anomalies", within=timedelta(minutes=15)))
def report_anomalies():
    """Wire the one step."""

    @task(outlets=[REPORTS])
    def publish() -> list[str]:
        from include.orchestration.anomalies import publish_anomalies
        from include.orchestration.tasks import here

        run, rt = here()
        return publish_anomalies(rt, run.window)

    publish()


report_anomalies()
