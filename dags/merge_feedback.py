"""Feedback from the pages: words of people, real or noise, into the warehouse and back onto the Anomalies page.

The pages start this DAG when somebody has said a word, at most once a minute; each step of the grid it runs anyway and
takes whatever has not been taken. What comes by webhook is loaded by `ingest_events` and `triage`, as alerts are.
"""

from datetime import timedelta

from airflow.sdk import dag, task

from include.orchestration.schedule import dag_defaults, each_step


@dag(schedule=each_step(), doc_md=__doc__, **dag_defaults("ingest", "feedback", within=timedelta(minutes=5)))
def merge_feedback():
    """Wire the merge to the page that shows it."""

    @task
    def merge() -> dict:
        from include.orchestration.judgements import merge_feedback
        from include.orchestration.tasks import here

        return merge_feedback(here()[1])

    @task.short_circuit
    def anything_new(merged: dict) -> bool:
        return merged["rows"] > 0

    @task
    def show() -> list[str]:
        from include.orchestration.anomalies import publish_again
        from include.orchestration.tasks import here

        return publish_again(here()[1])

    anything_new(merge()) >> show()


merge_feedback()
