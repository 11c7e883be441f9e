"""Delivery, hourly: send each audience the reports that are due in its own time zone, once.

The `delivery` ledger is unique by report, window, audience and channel, so running this twice sends nothing twice.
"""

from datetime import timedelta

from airflow.sdk import Param, dag, task

from include.orchestration.schedule import dag_defaults, each_step

AT_ONCE = Param(
    False,
    type="boolean",
    title="Send at once",
    description="Send what is due without waiting for the audience's send hour. What was sent is not sent again.",
)


@dag(
    schedule=each_step(),
    doc_md=__doc__,
    **dag_defaults("deliver", within=timedelta(minutes=10), windowed=False, params={"at_once": AT_ONCE}),
)
def deliver_reports():
    """Wire the one step."""

    @task
    def send(params: dict | None = None) -> dict:
        from include.orchestration.connections import mailer
        from include.orchestration.deliver import deliver_due
        from include.orchestration.tasks import here

        _, rt = here()
        return deliver_due(rt, mailer, at_once=params["at_once"])

    send()


deliver_reports()
