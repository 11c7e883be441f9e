"""How much the sources log, how much of it is stored and what that saves: the last day, after each load of logs."""

from datetime import timedelta

from airflow.sdk import dag, task

from include.orchestration.schedule import LOGS, REPORTS, behind, dag_defaults


@dag(schedule=behind(LOGS), doc_md=__doc__, **dag_defaults("report", "logs", within=timedelta(minutes=15)))
def report_log_volume():
    """Wire the one step of this Airflow DAG."""

    @task(outlets=[REPORTS])
    def publish() -> list[str]:
        from include.orchestration.log_volume import publish_log_volume
        from include.orchestration.tasks import here

        run, rt = here()
        return publish_log_volume(rt, run.window)

    publish()


report_log_volume()
