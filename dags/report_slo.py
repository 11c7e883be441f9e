"""Error budgets: for each partition of metrics, what every objective has used of its budget and how fast it burns.

Computed from exact counts as of the end of the window; a late window that is announced again is computed again.
"""

from datetime import timedelta

from airflow.sdk import dag, task

from include.orchestration.schedule import METRICS, REPORTS, SLO_STATUS, behind, dag_defaults


@dag(schedule=behind(METRICS), doc_md=__doc__, **dag_defaults("report", "slo", within=timedelta(minutes=20)))
def report_slo():
    """Wire computation and publication."""

    @task(outlets=[SLO_STATUS])
    def compute() -> dict:
        from include.orchestration.reports import compute_slo
        from include.orchestration.tasks import here

        run, rt = here()
        return compute_slo(rt, run.window)

    @task(outlets=[REPORTS])
    def publish(_: dict) -> list[str]:
        from include.orchestration.reports import publish_slo
        from include.orchestration.tasks import here

        run, rt = here()
        return publish_slo(rt, run.window)

    publish(compute())


report_slo()
