"""Drift, daily: is yesterday's data still what the champions were trained on? What has drifted is trained anew.

Each champion is measured against the reference that was kept with its version: features, scores, how often it told a
service, and series that it does not know. Training is started at most once a day, and not on a day that had one.
"""

from datetime import timedelta

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import dag, task

from include.orchestration.chain import FAILED_RUN_STAYS_FAILED
from include.orchestration.schedule import REPORTS, dag_defaults, daily

DAY = timedelta(days=1)


@dag(schedule=daily("04:30"), doc_md=__doc__, **dag_defaults("train", "drift", within=timedelta(minutes=40)))
def check_drift():
    """Wire the checks to their report and to training."""

    @task
    def models() -> list[str]:
        from include.orchestration.tasks import here
        from include.orchestration.train import models_of_points

        return models_of_points(here()[1])

    @task(map_index_template="{{ model }}", max_active_tis_per_dagrun=1)
    def check(model: str) -> dict:
        from airflow.sdk import get_current_context

        from include.orchestration.drift import check_model
        from include.orchestration.tasks import here

        get_current_context()["model"] = model
        run, rt = here(span=DAY)
        return check_model(rt, run.window, model)

    @task(outlets=[REPORTS])
    def publish(checked: list[dict]) -> list[str]:
        from include.orchestration.drift import publish_drift
        from include.orchestration.tasks import here

        run, rt = here(span=DAY)
        return publish_drift(rt, run.window, list(checked))

    @task
    def due(checked: list[dict]) -> list[dict]:
        from include.orchestration.drift import due_trainings
        from include.orchestration.tasks import busy_dags, here

        return due_trainings(here()[1], list(checked), busy_dags("train_anomaly_models"))

    checked = check.expand(model=models())
    publish(checked)
    TriggerDagRunOperator.partial(
        task_id="train_anew",
        logical_date=None,
        skip_when_already_exists=True,
        retry_policy=FAILED_RUN_STAYS_FAILED,
    ).expand_kwargs(due(checked))


check_drift()
