"""Delivery, hourly: send each audience the reports that are due in its own time zone, once.

The `delivery` ledger is unique by report, window, audience and channel, so running this twice sends nothing twice.
"""

from datetime import timedelta

from airflow.sdk import dag, task

from include.orchestration.schedule import dag_defaults, each_step


@dag(schedule=each_step(), doc_md=__doc__, **dag_defaults("deliver", within=timedelta(minutes=10), windowed=False))
def deliver_reports():
    """Wire the one step."""

    @task
    def send() -> dict:
        from include.orchestration.connections import mailer
        from include.orchestration.deliver import deliver_due
        from include.orchestration.tasks import here

        _, rt = here()
        return deliver_due(rt, mailer)

    send()


deliver_reports()
