"""A run that misses its deadline: only the tests of the scheduler put it beside Almanac's own DAGs."""

from datetime import timedelta

from airflow.sdk import AsyncCallback, DeadlineAlert, DeadlineReference, dag, task


@dag(
    schedule=None,
    deadline=DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(seconds=1),
        callback=AsyncCallback("include.orchestration.deadlines.tell_missed"),
    ),
)
def late_on_purpose():
    """Wire the one step."""

    @task
    def dawdle() -> None:
        import time

        time.sleep(8)

    dawdle()


late_on_purpose()
