"""Delivery, hourly: each audience gets the reports that are due in its own time zone, a topic gets new findings, once.

The `delivery` ledger is unique by report, window, audience and channel, so running this twice sends nothing twice. It
also knows each version of each finding that has gone to the topic of `publish.yaml`.
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
    """Wire the two steps, which do not wait for each other."""

    @task
    def send(params: dict | None = None) -> dict:
        from include.orchestration.connections import mailer
        from include.orchestration.deliver import deliver_due
        from include.orchestration.tasks import here

        _, rt = here()
        return deliver_due(rt, mailer, at_once=params["at_once"])

    @task
    def publish() -> dict:
        from include.orchestration.connections import credentials
        from include.orchestration.findings import publish_due
        from include.orchestration.tasks import here

        _, rt = here()
        return publish_due(rt, credentials)

    send()
    publish()


deliver_reports()
